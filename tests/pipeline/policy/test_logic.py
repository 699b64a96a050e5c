"""What is said to be never or always true is so, whatever is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_conditions import TARGETS, conditions, givens, target_conditions

from pipeline.policy.conditions import compile_condition, known
from pipeline.policy.expression import metadata_keys, tree
from pipeline.policy.facts import facts_of_example
from pipeline.policy.logic import Formula, formula, never, ruled_out, taken_before
from pipeline.policy.models import Given


def read(source: str, *, targets: bool = False) -> Formula:
    return formula(tree(source, targets=targets))


def answer(source: str, case: Given, target: dict[str, object] | None = None) -> bool | None:
    values = {**(target or {}), **dict(facts_of_example(case).values)}
    return compile_condition(source, targets=target is not None).ask(known(values, targets=target is not None))


@pytest.mark.parametrize(
    "source",
    [
        'req.lane == "batch" && req.lane == "interactive"',
        'req.lane != "batch" && req.lane != "interactive"',
        'req.lane == "nightly"',
        "req.tokens > 10 && req.tokens < 11",
        "req.tokens < 0",
        "req.complexity > 1.0",
        "req.complexity >= 0.5 && 0.5 > req.complexity",
        'req.origin == null && req.origin == "EU"',
        "req.max_tokens == null && req.max_tokens > 3",
        '"A" in req.types && !("A" in req.types)',
        'req.types.exists(t, t == "A") && !req.types.exists(t, t == "A")',
        'req.metadata.team == "x" && req.metadata["team"] == "y"',
        '!("team" in req.metadata) && req.metadata.team == "x"',
        'has(req.metadata.team) && !("team" in req.metadata)',
        'req.task in ["a", "b"] && req.task in ["c"]',
        "req.task in []",
        "req.has_tools ? false : req.has_tools",
        "false && req.has_tools",
    ],
)
def test_a_contradiction_is_never_true(source: str) -> None:
    assert never(read(source))


@pytest.mark.parametrize(
    "source",
    [
        'req.lane == "batch"',
        'req.task != "a" && req.task != "b"',
        "req.tokens > 10 && req.tokens < 12",
        "req.complexity >= 1.0",
        "req.tokens > -1",
        "req.complexity > 0.5",
        "req.complexity < 0.5",
        "req.complexity > 0.3 && req.complexity < 0.4",
        'req.origin == null || req.origin == "EU"',
        "req.has_tools || !req.has_tools",
        'req.tenant.startsWith("a") && req.tenant.endsWith("b")',
        'req.tenant + "x" == "yx"',
        "size(req.types) == 3",
        "req.tokens * 2 == 3",
    ],
)
def test_what_may_be_true_is_not_called_impossible(source: str) -> None:
    assert not never(read(source))


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("req.has_tools", ["true"]),
        ("req.has_tools", ["req.has_tools"]),
        ('req.lane == "batch" && req.tokens > 100', ['req.lane == "batch"']),
        ("req.tokens > 200", ["req.tokens > 100"]),
        ('req.task == "a"', ['req.task in ["a", "b"]']),
        ("true", ["req.has_tools", "!req.has_tools"]),
        ("req.has_schema", ['req.lane == "batch"', 'req.lane == "interactive"']),
        ("req.complexity > 0.2", ["req.complexity > 0.5", "req.complexity <= 0.5"]),
        ('req.types.exists(t, t == "A") && req.has_tools', ['req.types.exists(t, t == "A")']),
    ],
)
def test_what_others_always_take_is_found(later: str, earlier: list[str]) -> None:
    assert taken_before(read(later), [read(source) for source in earlier])


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("true", ["req.has_tools"]),
        ("req.tokens > 100", ["req.tokens > 200"]),
        ("true", ['req.metadata.team == "x"', 'req.metadata.team != "x"']),  # without a team neither has an answer
        ("true", ["req.max_tokens > 5", "req.max_tokens <= 5"]),  # nor with null
        ("true", ['req.types[0] == "A"', '!(req.types[0] == "A")']),  # nor without types
        ('req.types.exists(t, t == "B")', ['req.types.exists(t, t == "A")']),
    ],
)
def test_what_is_sometimes_left_is_not_called_taken(later: str, earlier: list[str]) -> None:
    assert not taken_before(read(later), [read(source) for source in earlier])


@given(conditions, st.lists(givens, min_size=1, max_size=5))
def test_never_is_certain(source: str, cases: list[Given]) -> None:
    if never(read(source)):
        assert all(answer(source, case) is not True for case in cases)


@given(conditions, st.lists(conditions, max_size=3), st.lists(givens, min_size=1, max_size=5))
def test_taken_before_is_certain(later: str, earlier: list[str], cases: list[Given]) -> None:
    if taken_before(read(later), [read(source) for source in earlier]):
        for case in cases:
            if answer(later, case) is True:
                assert any(answer(source, case) is True for source in earlier)


@given(target_conditions, givens)
def test_ruled_out_at_a_target_is_certain(source: str, case: Given) -> None:
    for target in TARGETS:
        if ruled_out(read(source, targets=True), target):
            assert answer(source, case, target) is False


def test_what_a_target_alone_decides_is_ruled_out() -> None:
    near, far = TARGETS
    source = 'target.external && req.data_class == "restricted"'

    assert ruled_out(read(source, targets=True), near)
    assert not ruled_out(read(source, targets=True), far)


def test_a_long_search_ends_without_a_claim() -> None:
    terms = [f'(req.task == "a{number}" || req.metadata.k{number} == "x")' for number in range(40)]

    assert not never(read(" && ".join(terms)))


def test_the_keys_of_the_metadata_are_found_wherever_they_stand() -> None:
    source = (
        'req.metadata.a == "x" || req.metadata["b"] == "x" || "c" in req.metadata || has(req.metadata.d) '
        '|| req.types.exists(t, t == req.metadata.e) || [req.metadata.f] == ["x"] || req.task == "g"'
    )

    assert metadata_keys(tree(source, targets=False)) == set("abcdef")
