"""The whole way of an answer to its schema: read, repaired, converted, or invalid."""

import pytest

from pipeline.adapters.documents import TOO_LARGE
from stages.check.held import LARGEST_DOCUMENT, hold
from stages.check.reading import LARGEST_REPAIR

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


ANY = {"type": "object"}


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (r'{"path": "C:\Users\x"}', {"path": r"C:\Users\x"}),
        (r'{"path": "C:\users"}', {"path": r"C:\users"}),
        (r'{"match": "\d+\s"}', {"match": r"\d+\s"}),
        (r'{"letter": "\alpha"}', {"letter": r"\alpha"}),
        (r'{"said": "it\'s"}', {"said": "it's"}),
    ],
)
def test_a_backslash_that_begins_no_escape_is_a_character_of_the_text(text: str, parsed: object) -> None:
    held = hold(text, ANY)
    assert (held.state, held.parsed, held.repairs) == ("repaired", parsed, ("escapes corrected",))


@pytest.mark.parametrize(
    "text",
    [
        r'{"path": "C:\Users\new"}',
        r'{"sum": "\frac{1}{2}\alpha"}',
        '{"list": [1, 2, ...]}',
        '{"list": [1, 2, …], }',
        '{"a": 1, ...}',
        '{"time": 12:30}',
        '{time: 12:30,}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("schema", [ANY, {**ANY, "required": ["nothing of it"]}], ids=["any", "broken"])
def test_a_repair_that_leaves_something_out_or_has_two_meanings_is_never_served(text: str, schema: object) -> None:
    """A second reading neither: the next tier writes it out."""
    assert hold(text, schema).state == "invalid"  # type: ignore[arg-type]


def test_an_ellipsis_in_a_string_is_text() -> None:
    assert hold('{"said": "well...",}', ANY).parsed == {"said": "well..."}


def test_a_document_among_the_thoughts_is_no_answer() -> None:
    held = hold('<think>{"age": 0}</think>{"age": 1}', AGE)
    assert (held.state, held.parsed, held.content) == ("repaired", {"age": 1}, '{"age": 1}')


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('First {"age": 1, "note": "a guess"}. No: {"age": 2}', {"age": 2}),
        ('It is {"age": 1}, not {"years": 2, "or": "months"}', {"age": 1}),
        ('The shape is {"age": "a number"}, so {"age": 3} it is, as in {"example": true, "of": "this"}', {"age": 3}),
    ],
)
def test_of_several_documents_the_last_one_that_satisfies_the_schema_is_the_answer(text: str, parsed: object) -> None:
    held = hold(text, AGE)
    assert (held.state, held.parsed) == ("repaired", parsed)
    assert "one of several documents taken" in held.repairs


def test_a_document_that_takes_too_much_work_is_invalid_and_nothing_else_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("stages.check.held.problems", lambda _, document: asked.append(document) or (TOO_LARGE,))
    held = hold('{"age": "7",}', AGE)
    assert (held.state, held.problems, len(asked)) == ("invalid", (TOO_LARGE,), 1)


UNITS = (
    "[", "{", '"', "\\", '{"a":', "\n", " ", "\u00a0", "`", "```", "```json\n", "\n```", ",", "7", "-", ".", '"a",',
    "'", "//", "#", "...", "f(", '\\"', "\\n", "\\u", "=", "1 ", '{"a":1}', "<think>",
)  # fmt: skip


@pytest.mark.parametrize("before", ["", "```json\n", '{"a": ', '["'])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("schema", [AGE, {"type": "integer"}], ids=["object", "integer"])
def test_whatever_stands_in_a_long_answer_its_reading_ends(unit: str, before: str, schema: dict) -> None:
    """With the square of its length it would take minutes, and the limit of a test ends it."""
    hold(before + unit * (LARGEST_REPAIR // len(unit) - 8) + "x", schema)


@pytest.mark.parametrize("unit", ["\n", " ", "`", "```json\n", "[", '"', "7"])
def test_whatever_stands_in_the_longest_answer_its_reading_ends(unit: str) -> None:
    hold("```json\n" + unit * (LARGEST_DOCUMENT // len(unit) - 16) + "x", AGE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"first\nsecond"', "first\nsecond"),
        ("\u201cwell\u201d", "well"),
        ("'the \"old\" well'", 'the "old" well'),
        ("`well\u00b4", "well"),
        ('"yes" and "no"', '"yes" and "no"'),
        ('"yes', '"yes'),
        ("it's", "it's"),
    ],
)
def test_a_string_in_its_quotes_is_what_stands_in_them(text: str, said: str) -> None:
    """Whatever is wrong inside; several strings, or half of one, are bare text."""
    assert hold(text, {"type": "string"}).parsed == said
    assert hold(text, {"type": "string"}, cut_off=True).parsed == text
