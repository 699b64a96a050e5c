"""A condition is true, is false, or has no answer; what cannot be meant is refused when it is loaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Classification, Finding, Message, Request, TextPart, ToolCall
from pipeline.policy.conditions import ConditionError, compile_condition, known
from pipeline.policy.facts import REQUEST_FACTS, facts_of_example, request_facts
from pipeline.policy.models import Given

TARGET = {
    "target.name": "t",
    "target.provider": "p",
    "target.region": "r",
    "target.jurisdiction": "US",
    "target.external": True,
}


def ask(source: str, **given: object) -> bool | None:
    facts = facts_of_example(Given.model_validate(given))
    return compile_condition(source, targets=True).ask(known({**facts.values, **TARGET}, targets=True))


def refusal(source: str, *, targets: bool = True) -> str:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, targets=targets)
    return f"{caught.value.line}:{caught.value.column} {caught.value.text}"


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('req.origin == "EU"', True),
        ('req.origin in ["US", "CH"]', False),
        ("req.language == null", True),
        ('"SECRET" in req.types && target.external', True),
        ("req.characters > 99 && req.message_count == 1", True),
        ('"team" in req.metadata && req.metadata.team == "x"', False),
        ('has(req.metadata.team) || req.lane == "interactive"', True),
        ('req.types.exists(t, t.startsWith("SEC"))', True),
        ('req.tenant == "default" && target.jurisdiction != req.origin', True),
    ],
)
def test_conditions_see_the_facts(source: str, answer: bool) -> None:
    assert ask(source, origin="EU", types=("SECRET",)) is answer


@pytest.mark.parametrize(
    "source",
    [
        'req.metadata.team == "x"',
        'req.types[3] == "x"',
        'req.language.startsWith("e")',
        "1 / (req.characters - 100) > 0",
    ],
)
def test_an_error_of_the_engine_is_no_answer(source: str) -> None:
    assert ask(source) is None


def test_a_fact_that_the_engine_cannot_take_is_no_answer() -> None:
    condition = compile_condition('req.tenant == "x"', targets=False)
    facts = {**facts_of_example(Given()).values, "req.tenant": "\ud800"}

    assert condition.ask(known(facts, targets=False)) is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('req.langauge == "x"', "1:1 no such fact: req.langauge (did you mean req.language?)"),
        ('req.has_schema || req.langauge == "x"', "1:19 no such fact: req.langauge (did you mean req.language?)"),
        ("true || targt.external", "1:9 no such fact: targt.external (did you mean target.external?)"),
        ("req.origin == 3", "1:12 found no matching overload"),
        ("req.characters > 3.0", "1:16 found no matching overload"),
        ("req.types", "1:1 the condition must be true or false"),
        ("req.origin ==", "1:14 this is no CEL: mismatched input the end"),
        ("", "1:1 this is no CEL: it is empty"),
        ('req.lane = "a"', "1:10 this is no CEL: token recognition error at: '= '; write == to compare"),
        ('req.lane == "a" and true', "1:17 this is no CEL: mismatched input 'and'; write && for and"),
        ("not req.has_tools", "1:5 this is no CEL: mismatched input 'req'; write ! for not"),
        (
            "req.lane == \u201ca\u201d",
            "1:13 this is no CEL: token recognition error at: '\u201c'; write straight quotes",
        ),
        ('req.lane == "a', "1:13 this is no CEL: token recognition error at: '\"a'; the text has no closing quote"),
        ('req["origin"] == "EU"', "1:1 no such fact: req"),
        ("has(req.has_tools)", "1:1 req.has_tools is always there"),
        ("dyn(1)", "1:1 the condition must be true or false"),
        ("true || " * 600 + "true", "1:1 the condition is longer than"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(source: str, text: str) -> None:
    assert refusal(source).startswith(text)


def test_routes_do_not_see_targets() -> None:
    assert "no such fact: target.external" in refusal("target.external", targets=False)


def test_a_condition_knows_which_facts_it_mentions() -> None:
    condition = compile_condition('target.external && (req.origin == "EU" || "x" in req . types)', targets=True)

    assert set(condition.names) == {"target.external", "req.origin", "req.types"}


def test_examples_can_state_exactly_the_facts_that_conditions_see() -> None:
    assert {f"req.{name}" for name in Given.model_fields} == set(REQUEST_FACTS)
    assert set(facts_of_example(Given()).values) == set(REQUEST_FACTS)
    assert set(request_facts(Request(input="hi")).values) == set(REQUEST_FACTS)


def test_facts_of_a_request_are_counted_over_the_whole_conversation() -> None:
    call = ToolCall(id="1", function={"name": "f", "arguments": "{}"})
    messages = (
        Message(role="system", content="four"),
        Message(role="user", content=(TextPart(type="text", text="two"),)),
        Message(role="assistant", tool_calls=(call,)),
    )
    found = Classification(
        data_class="confidential", findings=(Finding(type="PERSON", count=2),), scan="complete", engine="e"
    )
    request = Request(messages=messages, tools=({"type": "function"},), metadata={"task": "labels", "language": "de"})

    values = request_facts(request, found).values

    assert (values["req.characters"], values["req.message_count"]) == (9, 3)
    assert (values["req.task"], values["req.language"]) == ("labels", "de")
    assert (values["req.has_tools"], values["req.has_schema"], values["req.has_images"]) == (True, False, False)
    assert (values["req.data_class"], values["req.types"]) == ("confidential", ["PERSON"])


def test_a_request_that_was_not_classified_counts_as_restricted_and_unscanned() -> None:
    values = request_facts(Request(input="hi")).values

    assert (values["req.data_class"], values["req.scan"]) == ("restricted", "failed")


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=3)), st.lists(st.text(max_size=3), max_size=3))
def test_equal_keys_mean_equal_facts(metadata: dict[str, str], types: list[str]) -> None:
    facts = facts_of_example(Given(metadata=metadata, types=tuple(types)))
    turned = facts_of_example(Given(metadata=dict(reversed(metadata.items())), types=tuple(types)))
    longer = facts_of_example(Given(metadata=metadata, types=(*types, "x")))
    names = ("req.metadata", "req.types")

    assert facts.key(names) == turned.key(names) != longer.key(names)


@given(st.text(max_size=40))
def test_no_text_makes_compiling_raise_anything_else(source: str) -> None:
    places = []
    try:
        compile_condition(source, targets=True)
    except ConditionError as error:
        places = [error.line, error.column]
    assert all(place >= 1 for place in places)
