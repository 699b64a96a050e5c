"""What is found in an attempt."""

import pytest
from fakes_stages import attempt, scored

from pipeline.contracts import JsonObject, ToolCall
from pipeline.errors import InvalidRequest
from stages.check.assess import LARGEST_DOCUMENT, assess
from stages.check.gather import Around

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
LABELS = {"enum": ["refund", "delivery"]}


def test_a_valid_document_is_taken_as_it_is() -> None:
    found = assess(attempt(1, text='{"age": 7}'), SCHEMA)
    assert (found.schema_state, found.parsed, found.content, found.problems) == ("valid", {"age": 7}, None, ())


def test_a_repaired_document_says_how() -> None:
    found = assess(attempt(1, text='```json\n{"age": 7,}\n```'), SCHEMA)
    assert (found.schema_state, found.parsed, found.content) == ("repaired", {"age": 7}, '{"age":7}')
    assert found.repairs == ("code fence removed", "commas removed")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ('{"age": "seven"}', ("properties/age/type",)),
        ("{}", ("required",)),
        ("[1]", ("type",)),
        ("I cannot say.", ("no JSON",)),
        ("", ("no JSON",)),
        (None, ("no JSON",)),
    ],
)
def test_a_document_that_breaks_the_schema_is_no_document(text: str | None, problems: tuple[str, ...]) -> None:
    found = assess(attempt(1, text=text), SCHEMA)
    assert (found.schema_state, found.parsed, found.problems) == ("invalid", None, problems)


def test_an_answer_that_was_cut_off_is_not_completed() -> None:
    found = assess(attempt(1, text='{"age": 7', finish_reason="length"), SCHEMA)
    assert (found.schema_state, found.problems) == ("invalid", ("cut off",))
    assert found.signals["cut_off"] == 1.0


@pytest.mark.parametrize(("text", "state"), [(" refund\n", "repaired"), ('"refund"', "valid"), ("money", "invalid")])
def test_a_bare_word_may_answer_a_schema_for_a_string(text: str, state: str) -> None:
    found = assess(attempt(1, text=text), LABELS)
    assert found.schema_state == state
    assert found.parsed == ("refund" if state != "invalid" else None)


def test_without_a_schema_there_is_nothing_to_satisfy() -> None:
    found = assess(attempt(1, text='{"broken'), None)
    assert (found.schema_state, found.content, found.empty) == ("none", None, False)


def test_a_call_of_a_tool_is_an_answer_that_no_schema_applies_to() -> None:
    call = ToolCall(id="c", function={"name": "f", "arguments": "{}"})
    found = assess(attempt(1, tool_calls=(call,)), SCHEMA)
    assert (found.schema_state, found.empty) == ("none", False)


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_an_answer_without_a_word_is_empty(text: str | None) -> None:
    assert assess(attempt(1, text=text), None).empty


def test_a_document_of_a_megabyte_is_not_held_against_a_schema() -> None:
    found = assess(attempt(1, text='"' + "x" * LARGEST_DOCUMENT + '"'), SCHEMA)
    assert (found.schema_state, found.problems) == ("invalid", ("too large",))


@pytest.mark.parametrize(
    "text", ["I'm sorry, but I can’t help with that.", "As an AI model, I", "Es tut mir leid, das geht nicht."]
)
def test_a_refusal_is_a_signal_and_decides_nothing(text: str) -> None:
    found = assess(attempt(1, text=text, tokens=scored((text, -0.01))), None)
    assert found.signals["declines"] == 1.0
    assert found.confidence is not None
    assert found.confidence > 0.9


@pytest.mark.parametrize("text", ["I'm not sure, perhaps 7.", "It depends on the year."])
def test_a_hedge_is_a_signal(text: str) -> None:
    assert assess(attempt(1, text=text), None).signals["hedges"] == 1.0
    assert assess(attempt(1, text="It is 7."), None).signals["hedges"] == 0.0


def test_json_is_weighed_as_json_also_where_no_schema_asks_for_it() -> None:
    tokens = scored(('{"a":"', -0.01), ("x", -2.0), ('"}', -0.01))
    found = assess(attempt(1, text='{"a":"x"}', tokens=tokens), None)
    assert found.signals["value_tokens"] == 1


def test_a_schema_that_cannot_be_used_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequest):
        assess(attempt(1, text="{}"), {"type": 7})


def test_a_call_is_held_against_its_tool_and_has_signals_of_its_own() -> None:
    tool: JsonObject = {
        "type": "function",
        "function": {
            "name": "dig",
            "parameters": {"type": "object", "properties": {"depth": {"type": "integer"}}, "required": ["depth"]},
        },
    }
    for arguments, state in (('{"depth": 7}', "valid"), ('{"depth": "seven"}', "invalid"), ('{"depth": 7', "repaired")):
        call = ToolCall(id="c", function={"name": "dig", "arguments": arguments})
        found = assess(attempt(1, tool_calls=(call,)), None, Around(question="Dig 7 deep."), (tool,))
        assert found.schema_state == state
        assert found.signals["call_known"] == 1.0
    assert assess(attempt(1, text="no"), None, Around(), (tool,), "required").schema_state == "invalid"
