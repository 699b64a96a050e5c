"""Broken documents made whole: what is mended, what is left alone, and that it always ends."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.check.reading import read
from stages.check.repair import mend
from stages.check.repair.cursor import STEPS, Cursor, Irreparable

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
)
DOCUMENTS = st.recursive(
    st.lists(SCALARS, max_size=4) | st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), SCALARS, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
DAMAGE = "{}[]\"',:\\/ \n`+.-#()0aN"


@pytest.mark.parametrize(
    ("text", "document", "change"),
    [
        ("{name: 'Ann'}", {"name": "Ann"}, "quotes added to keys"),
        ("{“name”: “Ann”}", {"name": "Ann"}, "quotes replaced"),
        ('{"a": Ann Lee, "b": 2}', {"a": "Ann Lee", "b": 2}, "quotes added to values"),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, "commas added"),
        ('{"a": 1,, "b": 2,}', {"a": 1, "b": 2}, "commas removed"),
        ('{"a" 1}', {"a": 1}, "colons added"),
        ('{"a": [1, 2', {"a": [1, 2]}, "brackets added"),
        ('{"a": [1, 2]}}', {"a": [1, 2]}, "brackets removed"),
        ('{"a": [1, 2}', {"a": [1, 2]}, "brackets added"),
        ("[[1, 2}, [3]]", [[1, 2], [3]], "brackets replaced"),
        ('{"a": 1} // so', {"a": 1}, "comment removed"),
        ("[1, 2, ...]", [1, 2], "ellipsis removed"),
        ("{'a': True, 'b': None}", {"a": True, "b": None}, "constants of another language replaced"),
        ('{"a": .5, "b": 2.}', {"a": 0.5, "b": 2.0}, "numbers completed"),
        ('{"a": 82_461_110}', {"a": 82461110}, "numbers completed"),
        ('{"a": "x" + "y"}', {"a": "xy"}, "strings joined"),
        ('{"a": "say "hi" now"}', {"a": 'say "hi" now'}, "quotes inside a string escaped"),
        ('["a "b", c", 1]', ['a "b", c', 1], "quotes inside a string escaped"),
        ('["hello +', ["hello"], "quote added at the end of a string"),
        ('{"a": "b,', {"a": "b"}, "quote added at the end of a string"),
        ('{"a": "x, "b": "y"}', {"a": "x", "b": "y"}, "quote added at the end of a string"),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}, "control characters escaped"),
        ('{"a": "\\d"}', {"a": "\\d"}, "escapes corrected"),
        ('call({"a": 1});', {"a": 1}, "call around a value removed"),
        ('{"a": ObjectId("7")}', {"a": "7"}, "call around a value removed"),
        ('{\\"a\\": \\"b\\"}', {"a": "b"}, "escapes around the document removed"),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}], "several documents joined to an array"),
        ("So: {a: 1} and so on", {"a": 1}, "text around the document removed"),
        ("```json\n{a: 1}\n```", {"a": 1}, "code fence removed"),
        ('{"a":\u2003"b"}', {"a": "b"}, "special blanks replaced"),
        ('{"a": (1, 2)}', {"a": [1, 2]}, "parentheses replaced"),
        ('{"a": """x "y" z"""}', {"a": 'x "y" z'}, "quotes removed"),
        ('{"a": true, OR "b": 2}', {"a": True, "b": 2}, "words between members removed"),
    ],
)
def test_each_kind_of_damage_is_mended_and_told(text: str, document: object, change: str) -> None:
    mended = mend(text)
    assert mended is not None
    assert mended.document == document
    assert change in mended.changes
    assert not mended.invented


@pytest.mark.parametrize("text", ['{"a": }', '{"a"', '{"a": -', '{"a":, "b": 1}', "[{}, {b"])
def test_a_value_that_had_to_be_supplied_is_marked_and_never_served(text: str) -> None:
    mended = mend(text)
    assert mended is not None
    assert mended.invented
    assert not read(text).found


@pytest.mark.parametrize("text", ["I do not know.", "ask me\nlater", "a, b", '"[x]", b'])
def test_bare_words_are_marked_and_are_no_document(text: str) -> None:
    mended = mend(text)
    assert mended is not None
    assert mended.loose
    assert not read(text).found


@given(DOCUMENTS)
def test_a_valid_document_comes_out_as_it_went_in(document: object) -> None:
    mended = mend(orjson.dumps(document).decode())
    assert mended is not None
    assert mended.document == document
    assert mended.changes == ()


@given(DOCUMENTS.filter(bool), st.data())
def test_closers_that_are_missing_at_the_end_are_supplied(document: object, data: st.DataObject) -> None:
    text = orjson.dumps(document).decode()
    whole = text.rstrip("]}")
    mended = mend(text[: len(whole) + data.draw(st.integers(0, len(text) - len(whole) - 1))])
    assert mended is not None
    assert mended.document == document


@given(DOCUMENTS, st.lists(st.tuples(st.integers(0, 200), st.sampled_from([*DAMAGE, ""])), min_size=1, max_size=6))
def test_whatever_is_damaged_it_ends_and_what_comes_out_is_json(
    document: object, damage: list[tuple[int, str]]
) -> None:
    text = orjson.dumps(document).decode()
    for place, mark in damage:
        at = place % (len(text) + 1)
        text = text[:at] + mark + text[at + (not mark) :]
    mended = mend(text)
    if mended is not None:
        assert orjson.loads(orjson.dumps(mended.document)) == mended.document


HOSTILE = (
    "[", '{"a":', '"', "```", "\\", "{[", "[{'a", "{]", '"a', "{(", '["a" "b" ', '["a "b ', '"a", b ', '{"a": b, ',
    "a{", "/*", '"a" + ', '{"a":"b" c', "f(", "f({", '"x\\u', '["a,"', '{"k":"v,"', "],", "'a", "a, ", "#}",
    "*/", "((1,",
)  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "[", '{"z":', '["x" '])
@pytest.mark.parametrize("piece", HOSTILE)
def test_the_steps_are_bounded_by_the_length_whatever_the_text(
    piece: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading takes at most a fixed number of steps for each character, and of readings there are a few."""
    taken: list[int] = []
    spend = Cursor.spend

    def counted(self: Cursor, characters: int = 1) -> None:
        taken.append(characters + 1)
        spend(self, characters)

    monkeypatch.setattr(Cursor, "spend", counted)
    text = (prefix + piece * 3000)[:3000]
    mend(text)
    assert sum(taken) <= 7 * (STEPS * len(text) + 1000) + 7 * len(text)


def test_a_text_that_takes_too_many_steps_is_left_alone() -> None:
    cursor = Cursor("abc")
    with pytest.raises(Irreparable):
        cursor.spend(10_000)
