"""Conditions that are asked together say what each says alone."""

from hypothesis import given
from hypothesis import strategies as st
from policy_conditions import TARGETS, conditions, givens, target_conditions

from pipeline.policy.conditions import compile_condition, known
from pipeline.policy.facts import facts_of_example
from pipeline.policy.models import Given
from pipeline.policy.questions import REMEMBERED, Asked, Questions, bits


@given(st.lists(conditions, max_size=9), st.lists(givens, min_size=1, max_size=3))
def test_together_they_say_what_each_says_alone(sources: list[str], cases: list[Given]) -> None:
    compiled = [compile_condition(source, targets=False) for source in sources]
    asked = Asked(Questions(compiled))

    for case in [*cases, *cases]:
        facts = facts_of_example(case)
        alone = [condition.ask(known(facts.some(condition.names), targets=False)) for condition in compiled]
        true, silent = asked.ask(facts)
        assert list(bits(true)) == [at for at, answer in enumerate(alone) if answer is True]
        assert list(bits(silent)) == [at for at, answer in enumerate(alone) if answer is None]


@given(st.lists(target_conditions, max_size=6), givens)
def test_the_same_holds_at_a_target(sources: list[str], case: Given) -> None:
    compiled = [compile_condition(source, targets=True) for source in sources]
    questions, facts = Questions(compiled, targets=True), facts_of_example(case)

    for target in TARGETS:
        seen = known({**target, **dict(facts.values)}, targets=True)
        alone = [condition.ask(seen) for condition in compiled]
        true, silent = Asked(questions, target, remembers=False).ask(facts)
        assert list(bits(true)) == [at for at, answer in enumerate(alone) if answer is True]
        assert list(bits(silent)) == [at for at, answer in enumerate(alone) if answer is None]


def test_more_conditions_than_a_number_has_bits_are_told_apart() -> None:
    compiled = [compile_condition(f"req.turns == {number}", targets=False) for number in range(150)]
    asked = Asked(Questions(compiled))

    for number in (0, 59, 60, 61, 119, 120, 149):
        assert list(bits(asked.ask(facts_of_example(Given(turns=number))).true)) == [number]


def test_conditions_that_are_too_deep_together_are_asked_apart() -> None:
    deep = "(" * 20 + "req.has_tools" + ")" * 20
    compiled = [compile_condition(deep + f" && req.turns == {number}", targets=False) for number in range(40)]

    answers = Asked(Questions(compiled)).ask(facts_of_example(Given(has_tools=True, turns=7)))

    assert list(bits(answers.true)) == [7]


def test_a_comment_at_the_end_of_a_condition_ends_there() -> None:
    sources = ["req.has_tools // who uses tools", "req.has_schema\n// who wants a form", "!req.has_tools"]
    compiled = [compile_condition(source, targets=False) for source in sources]

    assert list(bits(Asked(Questions(compiled)).ask(facts_of_example(Given(has_tools=True))).true)) == [0]


def test_the_memory_is_bounded() -> None:
    asked = Asked(Questions([compile_condition('req.task == "x"', targets=False)]))

    for number in range(REMEMBERED + 10):
        asked.ask(facts_of_example(Given(task=f"t{number}")))

    assert 0 < len(asked._memory) <= REMEMBERED


def test_what_hardly_ever_repeats_is_not_remembered() -> None:
    asked = Asked(Questions([compile_condition("req.tokens > 3", targets=False)]))

    for number in range(10):
        asked.ask(facts_of_example(Given(tokens=number)))

    assert not asked._memory
