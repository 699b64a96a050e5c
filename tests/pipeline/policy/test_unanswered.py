"""A condition that never has an answer is no condition; one that has none in an example says why."""

from pathlib import Path

import pytest
from policy_files import RESIDENCY, ROUTES, swap, write

from pipeline.policy.load import check_folder


def told(folder: Path, **changed: str) -> list[str]:
    return [str(one).replace(f"{folder}/", "") for one in check_folder(write(folder, **changed), {}).problems]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("req.tenant.matches('(')", '"(" is no regular expression (RE2), which never has a value'),
        ("matches(req.tenant, '[a')", '"[a" is no regular expression (RE2), which never has a value'),
        ("req.types.exists(t, t.matches('a(?=b)'))", '"a(?=b)" is no regular expression (RE2), which never has a'),
        ("req.turns / 0 == 1", "it divides by zero, which never has a value"),
        ("req.turns % 0 == 1", "it divides by zero, which never has a value"),
    ],
)
def test_what_never_has_a_value_is_refused(tmp_path: Path, condition: str, said: str) -> None:
    (problem,) = told(tmp_path, routes=swap(ROUTES, '"true"', f'"{condition}"'))

    assert problem.startswith(f"routes.yaml:5:12: routes[0].match: {said}")


@pytest.mark.parametrize(
    "condition", ["req.tenant.matches('^a.+$')", "req.turns / 2 == 1", "req.complexity / 0.5 > 1.0"]
)
def test_what_may_have_a_value_is_taken(tmp_path: Path, condition: str) -> None:
    assert told(tmp_path, routes=swap(ROUTES, '"true"', f'"{condition}"')) == []


def test_an_example_that_fails_without_an_answer_says_why(tmp_path: Path) -> None:
    routes = swap(ROUTES, '"true"', '"10 / req.message_count == 1"')
    examples = "examples:\n  - {given: {message_count: 0}, expect: chat}\n"

    (problem,) = told(tmp_path, routes=routes + examples)

    assert "the routes say no route; chat has no answer: divide by zero" in problem


def test_an_example_of_a_rule_without_an_answer_says_why(tmp_path: Path) -> None:
    rules = swap(RESIDENCY, 'req.data_class != "public"', 'req.types[0] == "PERSON"')
    examples = "examples:\n  - {given: {}, target: far, expect: allow}\n"

    (problem,) = told(tmp_path, residency=rules + examples)

    assert "the rules say deny (by rule stays, which has no answer: Index error: index=0 size=0)" in problem
