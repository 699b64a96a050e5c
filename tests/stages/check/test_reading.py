"""The document in an answer: untouched where it is valid, repaired where that is safe, and nothing invented."""

import base64
import gzip
import json
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside_data import DATA, needs

from stages.check.reading import LARGEST_REPAIR, read

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CONTAINERS = st.lists(DOCUMENTS, max_size=4) | st.dictionaries(st.text(max_size=8), DOCUMENTS, max_size=4)
PERSON = {"name": "Ann Lee", "age": 7}
TEXT = '{"name": "Ann Lee", "age": 7}'


@given(DOCUMENTS, st.sampled_from(["", " ", "\n\t"]))
def test_a_valid_document_is_never_touched(document: object, blanks: str) -> None:
    try:
        text = blanks + orjson.dumps(document).decode() + blanks
    except orjson.JSONEncodeError:  # a lone surrogate has no JSON text
        return
    reading = read(text)
    assert reading.found
    assert reading.document == document
    assert (reading.content, reading.repairs) == (None, ())


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        (f"```json\n{TEXT}\n```", ("code fence removed",)),
        (f"  ```\n{TEXT}```  \n", ("code fence removed",)),
        (f"Here you are:\n{TEXT}\nAnything else?", ("text around the document removed",)),
        (f"Sure!\n```json\n{TEXT}\n```\nDone.", ("text around the document removed",)),
        (f"As in [1] and [2]: {TEXT} (see [3])", ("text around the document removed",)),
        ('{"name": "Ann Lee", "age": 7,}', ("commas removed",)),
        ("{'name': 'Ann Lee', 'age': 7}", ("quotes replaced",)),
        ('{name: "Ann Lee", age: 7}', ("quotes added to keys",)),
        ('{"name": "Ann Lee" "age": 7', ("commas added", "brackets added")),
        ('```json\n{"name": "Ann Lee", "age": 7,}\n```', ("code fence removed", "commas removed")),
        ('Sure: {name: "Ann Lee", age: 7} ok?', ("text around the document removed", "quotes added to keys")),
    ],
)
def test_what_was_changed_is_told(text: str, repairs: tuple[str, ...]) -> None:
    reading = read(text)
    assert reading.document == PERSON
    assert reading.repairs == repairs
    assert reading.content is not None
    assert orjson.loads(reading.content) == PERSON


@given(
    CONTAINERS.filter(bool), st.sampled_from(["Sure: {}", "{}\nHope this helps.", "```json\n{}\n```", "so\n{}\nyes"])
)
def test_words_and_fences_around_a_document_change_nothing_in_it(document: object, around: str) -> None:
    try:
        text = orjson.dumps(document).decode()
    except orjson.JSONEncodeError:
        return
    reading = read(around.replace("{}", text))
    assert reading.document == document
    assert reading.content == text


@pytest.mark.parametrize("text", ["", "no document here", "I do not know.", "{", "[1, 2", "]", "```json\n```", "NaN"])
def test_where_there_is_none_none_is_found_in_an_answer_that_was_cut_off(text: str) -> None:
    assert not read(text, cut_off=True).found


def test_half_an_answer_is_not_closed_into_a_whole_one() -> None:
    half = '{"city": "New Yo'
    assert not read(half, cut_off=True).found
    assert read(half).document == {"city": "New Yo"}, "an endpoint that calls it finished is believed"


@pytest.mark.parametrize(
    "text",
    ['{"city": }', '{"city" 2}', '{"city": , "land": "x"}', '{"name": "Ann", "age": }', "[NaN, 1,", '{"a": Infinity,'],
)
def test_a_value_that_does_not_stand_in_the_text_is_not_invented(text: str) -> None:
    reading = read(text)
    values = reading.document if isinstance(reading.document, list) else list((reading.document or {}).values())
    assert not reading.found or all(str(value) in text for value in values)


@pytest.mark.parametrize(
    "text", ['{"a": .25,}', '{"a": -1.50,}', '{"a": "",}', '{"a": "\\u00e9t\\u00e9",}', '{"a": None}']
)
def test_values_in_another_spelling_are_not_taken_for_invented(text: str) -> None:
    assert read(text).found


def test_a_very_long_broken_text_is_not_repaired() -> None:
    assert not read('{"a": 1,' * LARGEST_REPAIR).found


@given(st.text(alphabet="{}[]\",:\\/ab1.- \n`'", max_size=60), st.booleans())
def test_any_text_is_read_or_not_and_what_is_read_is_json(text: str, cut_off: bool) -> None:
    reading = read(text, cut_off=cut_off)
    if reading.content is not None:
        assert orjson.loads(reading.content) == reading.document
        assert reading.repairs


@needs("json-parsing-cases")
def test_the_public_parsing_cases_are_taken_and_refused_as_they_must() -> None:
    """Refused means: not taken as it is. Repair may then make something of it."""
    wrong = []
    with gzip.open(DATA / "json-parsing-cases" / "cases.jsonl.gz", "rt") as lines:
        for case in map(json.loads, lines):
            try:
                text = base64.b64decode(case["base64"]).decode()
            except UnicodeDecodeError:
                continue
            reading = read(text)
            taken = reading.found and not reading.repairs
            if taken != (case["expect"] == "accept") and case["expect"] != "either":
                wrong.append(case["id"])
    assert wrong == []


@needs("json-repair-cases")
def test_the_public_repair_cases() -> None:
    """Valid ones untouched; of those another library can repair about half are served; few come out wrong.

    It drops ellipses, which we would rather have the next tier write out.
    """
    seen: Counter[str] = Counter()
    with gzip.open(DATA / "json-repair-cases" / "cases.jsonl.gz", "rt") as lines:
        for case in map(json.loads, lines):
            reading = read(case["input"])
            right = reading.found and reading.document == case["expected"]
            if case["already_valid"]:
                assert right, case["id"]
                assert reading.repairs == (), case["id"]
            elif case["source"] == "jsonrepair":
                seen["all"] += 1
                seen["right" if right else "wrong" if reading.found else "refused"] += 1
    assert seen["right"] / seen["all"] >= 0.55
    assert seen["wrong"] / seen["all"] <= 0.05
