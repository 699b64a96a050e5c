"""The whole way of an answer to its schema: read, repaired, converted, or invalid."""

import pytest

from stages.check.held import LARGEST_DOCUMENT, hold

AGE = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("text", "state", "parsed", "repairs"),
    [
        ('{"age": 7}', "valid", {"age": 7}, ()),
        ('{"age": 7.0}', "valid", {"age": 7.0}, ()),
        ("{age: 7}", "repaired", {"age": 7}, ("quotes added to keys",)),
        ('{"age": "7"}', "repaired", {"age": 7}, ("text converted to integer",)),
        (
            "{age: '7'}",
            "repaired",
            {"age": 7},
            ("quotes added to keys", "quotes replaced", "text converted to integer"),
        ),
        ('{"age": "seven"}', "invalid", None, ()),
        ('{"age": }', "invalid", None, ()),
    ],
)
def test_the_least_change_that_satisfies_the_schema_is_made(
    text: str, state: str, parsed: object, repairs: tuple[str, ...]
) -> None:
    held = hold(text, AGE)
    assert (held.state, held.parsed, held.repairs) == (state, parsed, repairs)


def test_a_conversion_that_does_not_satisfy_the_schema_is_not_made() -> None:
    held = hold('{"age": "7"}', {**AGE, "required": ["age", "name"]})
    assert (held.state, held.content, held.repairs) == ("invalid", None, ())
    assert set(held.problems) == {"properties/age/type", "required"}


def test_where_two_readings_differ_the_schema_decides() -> None:
    """The first reading makes two documents of it, the library's one object."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    held = hold('{ "a": [[1, 2], "x"], [[3]] }', schema)
    assert (held.state, held.parsed) == ("repaired", {"a": [[1, 2], "x", [3]]})


@pytest.mark.parametrize(
    ("text", "schema", "parsed"),
    [
        ("refund", {"enum": ["refund"]}, "refund"),
        ("Refund", {"enum": ["refund"]}, "refund"),
        ("'refund'", {"enum": ["refund"]}, "refund"),
        ("2.", {"type": "number"}, 2.0),
        ("True", {"type": "boolean"}, True),
    ],
)
def test_a_schema_without_brackets_is_answered_by_the_bare_value(text: str, schema: dict, parsed: object) -> None:
    held = hold(text, schema)
    assert (held.state, held.parsed) == ("repaired", parsed)


def test_an_answer_that_was_cut_off_is_read_as_it_is_or_not_at_all() -> None:
    assert hold('{"age": 7', AGE, cut_off=True).problems == ("cut off",)
    assert hold('{"age": 7}', AGE, cut_off=True).state == "valid"
    assert hold("2.", {"type": "number"}, cut_off=True).problems == ("cut off",)


def test_a_document_of_a_megabyte_is_not_looked_at() -> None:
    assert hold("x" * (LARGEST_DOCUMENT + 1), AGE).problems == ("too large",)
