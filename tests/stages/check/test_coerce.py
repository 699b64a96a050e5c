"""Types that convert without loss, where the schema asks for another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.documents import problems
from stages.check.coerce import coerced


def schema(kind: object) -> dict:
    return {"type": "object", "properties": {"a": kind}}


@pytest.mark.parametrize(
    ("kind", "value", "made", "told"),
    [
        ({"type": "integer"}, "5", 5, "text converted to integer"),
        ({"type": "integer"}, "5.0", 5, "text converted to integer"),
        ({"type": "number"}, " -2.5 ", -2.5, "text converted to number"),
        ({"type": "boolean"}, "True", True, "text converted to boolean"),
        ({"type": "null"}, "None", None, "text converted to null"),
        ({"type": "string"}, 5, "5", "integer converted to string"),
        ({"type": "array", "items": {"type": "string"}}, "x", ["x"], "one value made a list"),
        ({"type": "array", "items": {"type": "integer"}}, "7", [7], "one value made a list"),
        ({"type": "array"}, "[1, 2]", [1, 2], "text converted to array"),
        ({"type": "object"}, '{"b": 1}', {"b": 1}, "text converted to object"),
        ({"enum": ["red", "blue"]}, " Red ", "red", "values brought to the spelling of the schema"),
        ({"const": "Yes"}, "yes", "Yes", "values brought to the spelling of the schema"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", 5, "text converted to integer"),
        ({"type": "array", "items": {"type": "integer"}}, [1, "2"], [1, 2], "text converted to integer"),
    ],
)
def test_a_type_that_converts_without_loss_is_converted_and_told(
    kind: dict, value: object, made: object, told: str
) -> None:
    found, words = coerced(schema(kind), {"a": value})
    assert found == {"a": made}
    assert type(found["a"]) is type(made)
    assert told in words
    assert problems(schema(kind), found) == ()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "integer"}, "5.5"),
        ({"type": "integer"}, 5.5),
        ({"type": "integer"}, "05"),
        ({"type": "integer"}, "1,000"),
        ({"type": "integer"}, True),
        ({"type": "boolean"}, 1),
        ({"type": "boolean"}, "yes"),
        ({"type": "string"}, 1.5),
        ({"type": "string"}, None),
        ({"type": "string"}, True),
        ({"type": "array"}, "x"),
        ({"type": "array", "items": {"type": "integer"}}, "x"),
        ({"type": "number"}, [5]),
        ({"enum": ["a", "A"]}, " a"),
        ({"type": ["integer", "string"]}, "5"),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "5"),
    ],
)
def test_what_would_lose_or_guess_something_is_left(kind: dict, value: object) -> None:
    assert coerced(schema(kind), {"a": value}) == ({"a": value}, ())


def test_references_and_nested_objects_are_followed() -> None:
    held = {
        "$defs": {"n": {"type": "integer"}},
        "type": "array",
        "items": {"properties": {"n": {"$ref": "#/$defs/n"}}, "additionalProperties": {"type": "boolean"}},
    }
    assert coerced(held, [{"n": "1", "x": "false"}])[0] == [{"n": 1, "x": False}]


def test_a_schema_that_refers_to_itself_and_a_deep_document_end() -> None:
    deep: object = "5"
    for _ in range(500):
        deep = [deep]
    assert coerced({"$ref": "#"}, deep) == (deep, ())
    assert coerced({"type": "array", "items": {"$ref": "#"}}, deep)[1] == ()


@given(st.integers(-(10**17), 10**17))
def test_numbers_go_to_text_and_back_unchanged(number: int) -> None:
    as_text, _ = coerced({"type": "string"}, number)
    back, _ = coerced({"type": "integer"}, as_text)
    assert back == number
    assert isinstance(back, int)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_document_whose_types_fit_is_never_touched(document: object) -> None:
    kinds = {"type": ["null", "boolean", "integer", "string", "array"]}
    kinds["items"] = dict(kinds)  # type: ignore[assignment]
    assert coerced({**kinds, "items": {**kinds, "items": {}}}, document) == (document, ())
