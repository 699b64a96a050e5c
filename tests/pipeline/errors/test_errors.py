"""The errors: the drawn tree is the real one, codes are API, and every error has one disposition."""

import inspect
import re

import pytest

from pipeline import errors
from pipeline.errors import (
    ANSWER,
    DEAD_LETTER,
    DISPOSITIONS,
    POSTPONE,
    RETRY,
    Failure,
    Refusal,
    StepwellError,
    Transient,
    disposition,
)

CLASSES = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, StepwellError)
}

_BRANCH = re.compile(r"^    (?P<indent>(?:│   |    )*)(?:├── |└── )?(?P<name>[A-Z]\w+)(?:\s+(?P<note>.*))?$")


def drawn() -> dict[str, tuple[str | None, str]]:
    """Class -> (its parent in the drawing, the note beside it)."""
    found: dict[str, tuple[str | None, str]] = {}
    line_of_descent: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        branch = _BRANCH.match(line)
        if branch is None:
            continue
        depth = len(branch["indent"]) // 4 + (1 if "── " in line else 0)
        line_of_descent[depth:] = [branch["name"]]
        parent = line_of_descent[depth - 1] if depth else None
        found[branch["name"]] = (parent, branch["note"] or "")
    return found


def test_every_class_in_the_drawing_exists_under_its_parent() -> None:
    """The tree in the docstring is not decoration."""
    for name, (parent, _) in drawn().items():
        assert name in CLASSES
        assert parent is None or CLASSES[parent] in CLASSES[name].__bases__


def test_every_class_is_in_the_drawing() -> None:
    """Nobody adds an error without placing it."""
    assert set(drawn()) == set(CLASSES)


def stated() -> dict[str, str]:
    """Class -> the code beside it, for those whose note is a code and no sentence."""
    return {name: note for name, (_, note) in drawn().items() if re.fullmatch(r"[a-z][a-z0-9_]*", note)}


def test_the_drawing_states_the_codes() -> None:
    """The code beside a class is its code, and every class without subclasses has one."""
    parents = {base.__name__ for kind in CLASSES.values() for base in kind.__bases__}
    assert set(CLASSES) - parents <= set(stated())
    assert {name: CLASSES[name].code for name in stated()} == stated()


def test_codes_are_unique_among_errors_that_are_raised() -> None:
    """A program can tell errors apart by their codes."""
    assert len(set(stated().values())) == len(stated())


def test_everything_public_is_exported() -> None:
    """`from pipeline.errors import X` finds every error."""
    assert set(CLASSES) <= set(errors.__all__)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_has_a_disposition(name: str) -> None:
    """The table is total, and it never answers `refused` to something that is no refusal."""
    found = disposition(CLASSES[name]("something was wrong"))
    assert found.action in {RETRY, POSTPONE, DEAD_LETTER, ANSWER}
    assert (found.status == "refused") is issubclass(CLASSES[name], Refusal)


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    """Transient errors and defects are retried; everything else ends at once."""
    retried = {name for name, kind in CLASSES.items() if disposition(kind("x")).action == RETRY}
    assert retried == {name for name, kind in CLASSES.items() if issubclass(kind, Transient)}
    assert disposition(ZeroDivisionError()).action == RETRY


def test_only_a_postponed_request_waits_and_it_is_neither_refused_nor_failed() -> None:
    """To wait is no error of anybody: no refusal to be shown, no failure to be counted."""
    waiting = {name for name, kind in CLASSES.items() if disposition(kind("x")).action == POSTPONE}
    assert waiting == {"Postponed"}
    assert not issubclass(errors.Postponed, Refusal | Failure)


def test_limits_of_money_and_rate_are_told_by_their_status() -> None:
    """Programs that know the API of OpenAI act on 429 and 400 without knowing our codes."""
    limits = (errors.BudgetRefused, errors.RateLimited, errors.EscalationCapped)
    assert {kind.http_status for kind in limits} == {429}
    assert (errors.ContextTooLong.http_status, errors.ContextTooLong.code) == (400, "context_length_exceeded")


def test_what_no_row_fits_is_raised_again() -> None:
    """A cancelled task or an interrupt is nobody's error to settle."""
    with pytest.raises(KeyboardInterrupt):
        disposition(KeyboardInterrupt())


def test_no_row_hides_behind_an_earlier_one() -> None:
    """Each row of the table decides for some error."""
    for index, (kind, _) in enumerate(DISPOSITIONS):
        assert not any(issubclass(kind, earlier) for earlier, _ in DISPOSITIONS[:index])


def test_the_first_error_of_a_kind_is_taken_out_of_a_group_of_failures() -> None:
    wanted = errors.NotRunning("a")
    group = ExceptionGroup("several", [ValueError("b"), ExceptionGroup("inner", [wanted, errors.NotRunning("c")])])
    assert errors.first_of(group, errors.NotRunning) is wanted
    assert errors.first_of(group, KeyError) is group
