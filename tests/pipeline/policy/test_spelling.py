"""What a policy names and nothing answers to is refused when it is misspelt, and else warned about."""

from pathlib import Path

import pytest
from policy_files import RESIDENCY, ROUTES, swap, write

from pipeline.policy.load import Checked, check_folder

CLASSES = "  confidential: [PERSON]\n"


def checked(folder: Path, condition: str, *, more: str = "special: {health: [HEALTH]}") -> Checked:
    text = swap(RESIDENCY, 'target.external && req.data_class != "public"', condition)
    return check_folder(write(folder, residency=swap(text, CLASSES, f"{CLASSES}{more}\n")), {})


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('"SECRETS" in req.types', "9:12: rules[0].when: no such type: SECRETS (did you mean SECRET?)"),
        ('target.external && "helth" in req.special', 'req.special is never "helth" here (did you mean health?)'),
        ('req.special.exists(kind, kind != "helth")', "did you mean health?"),
        ('req.scan != "completed"', '9:23: rules[0].when: req.scan is never "completed" here (did you mean complete?)'),
        ('req.data_class in ["public", "restriced"]', "did you mean restricted?"),
        ('req.lane == "btach"', "did you mean batch?"),
        ('target.name == "naer"', "did you mean near?"),
        ('target.provider == "Hosted"', "did you mean hosted?"),
        ('target.jurisdiction != "eu"', 'target.jurisdiction is never "eu": it is two to eight capital letters'),
        ('req.origin == "eu"', 'req.origin is never "eu"'),
    ],
)
def test_a_misspelt_word_in_a_condition_is_refused(tmp_path: Path, condition: str, said: str) -> None:
    found = checked(tmp_path, f"'{condition}'" if condition.startswith('"') else condition)

    assert found.policy is None
    assert [said in str(problem) for problem in found.problems] == [True]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('req.lane == "slow"', 'req.lane is never "slow" here'),
        ('req.types.exists(t, t == "BADGE")', "the scan itself finds no BADGE"),
        ('target.region == "elsewhere"', 'target.region is never "elsewhere" here'),
    ],
)
def test_another_word_is_warned_about(tmp_path: Path, condition: str, said: str) -> None:
    found = checked(tmp_path, f"target.external || {condition}")

    assert found.problems == ()
    assert [said in str(warning) for warning in found.warnings] == [True]


@pytest.mark.parametrize(
    "condition",
    [
        'target.jurisdiction != "CH"',
        'req.origin == "BR"',
        'req.task == "btach"',
        '!("BADGE" in req.types)',
        'req.data_class != "public"',
    ],
)
def test_what_may_be_so_is_not_noticed(tmp_path: Path, condition: str) -> None:
    found = checked(tmp_path, f"target.external || {condition}", more="special: {staff: [BADGE]}")

    texts = [warning.path for warning in found.warnings]
    assert (found.problems, [path for path in texts if path.startswith("rules")]) == ((), [])


def test_a_misspelt_type_that_loses_its_class_is_refused(tmp_path: Path) -> None:
    found = check_folder(write(tmp_path, residency=swap(RESIDENCY, "[SECRET]", "[SECRET, IBANN]")), {})

    assert ["classes.restricted[1]: no such type: IBANN (did you mean IBAN?)" in str(p) for p in found.problems] == [
        True
    ]


def test_routes_are_read_too(tmp_path: Path) -> None:
    found = check_folder(write(tmp_path, routes=swap(ROUTES, '"true"', 'req.lane == "btach"')), {})

    assert ["routes.yaml:5:24: routes[0].match" in str(problem) for problem in found.problems] == [True]


def test_examples_are_read_too(tmp_path: Path) -> None:
    example = "examples:\n  - {given: {types: [IBANN], special: [helth]}, target: far, expect: deny}\n"
    text = swap(RESIDENCY, CLASSES, f"{CLASSES}special: {{health: [HEALTH]}}\n") + example

    found = check_folder(write(tmp_path, residency=text), {})

    assert [problem.path for problem in found.problems] == [
        "examples[0].given.types[0]",
        "examples[0].given.special[0]",
    ]
