"""Schemas that strangers send: taken, bounded, or refused with the field named; and documents held against them."""

import gzip
import json
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside_data import DATA, needs

from pipeline.adapters.documents import check_schema, problems
from pipeline.adapters.documents.schemas import LARGEST_SCHEMA, _validator
from pipeline.errors import InvalidRequest

SUITE = DATA / "json-schema-test-suite" / "tests.jsonl.gz"
DIALECTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


@needs("json-schema-test-suite")
def test_the_required_tests_of_the_public_suite_are_all_right() -> None:
    wrong, seen = [], 0
    with gzip.open(SUITE, "rt") as lines:
        for case in map(json.loads, lines):
            if case["optional"] or case["uses_remote"]:
                continue
            schema = case["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": DIALECTS[case["draft"]], **schema}
            seen += 1
            if (problems(schema, case["data"]) == ()) != case["valid"]:
                wrong.append((case["draft"], case["case"], case["test"]))
    assert seen > 1000
    assert wrong == []


def test_problems_name_places_in_the_schema_and_no_text_of_the_document() -> None:
    found = problems(PERSON, {"age": -3, "Odalys Brandvold": 1})
    assert set(found) == {"required", "properties/age/minimum", "additionalProperties"}
    assert problems(PERSON, {"name": "Ann", "age": 5}) == ()
    assert problems(False, 1) == ("false",)


def test_only_a_few_of_many_problems_are_told() -> None:
    schema = {"properties": {f"p{i}": {"type": "string"} for i in range(50)}}
    assert len(problems(schema, {f"p{i}": i for i in range(50)})) == 5


DEEP: dict = {}
for _ in range(80):
    DEEP = {"properties": {"a": DEEP}}
ABYSS: dict = {}
for _ in range(400):
    ABYSS = {"items": ABYSS}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "no such type"}, "no JSON Schema, see type"),
        ({"properties": {"a": {"minimum": "x"}}}, "see properties/a/minimum"),
        ({"$schema": "https://example.org/my-own"}, "dialect"),
        ({"$ref": "https://example.org/schema.json"}, "nothing outside is fetched"),
        ({"properties": {"a": {"$ref": "other.json"}}}, "nothing outside is fetched"),
        ({"$ref": "file:///etc/passwd"}, "nothing outside is fetched"),
        ({"$ref": "#/$defs/missing"}, "points to nothing"),
        ({"pattern": "("}, "regular expression"),
        ({"patternProperties": {"[": {}}}, "regular expression"),
        ({"patternProperties": {"(a+)+$": {}}, "unevaluatedProperties": False}, "plain start or end"),
        (DEEP, "nested deeper"),
        (ABYSS, "nested too deeply"),
        ({"description": "x" * LARGEST_SCHEMA}, "bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_schema_that_cannot_be_used_is_refused_with_the_field_named(schema: dict, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words.replace("$", r"\$")) as caught:
        check_schema(schema)
    assert caught.value.param == "response_schema"


def test_references_inside_the_schema_and_to_the_dialects_themselves_are_followed() -> None:
    schema = {"$defs": {"age": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/age"}}}
    assert problems(schema, {"a": "x"}) == ("properties/a/type",)
    assert problems({"$ref": DIALECTS["draft2020-12"]}, {"type": 7}) != ()


def test_the_same_schema_is_compiled_once_whatever_the_order_of_its_keys() -> None:
    before = _validator.cache_info().misses
    check_schema({"title": "only in this test", "type": "object"})
    check_schema({"type": "object", "title": "only in this test"})
    problems({"title": "only in this test", "type": "object"}, {})
    assert _validator.cache_info().misses == before + 1


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"type": "object", "patternProperties": {"^(a|a)*$": {"type": "integer"}}, "additionalProperties": False},
        {"type": "object", "additionalProperties": False, "patternProperties": {"(x+x+)+y": {}}},
    ],
    ids=["a value", "a name", "an additional name"],
)
def test_a_hostile_pattern_cannot_stop_the_worker(schema: dict) -> None:
    text = "a" * 40 + "x" * 60 + "!"
    begun = time.monotonic()
    assert problems(schema, text if "pattern" in schema else {text: 1}) != ()
    assert time.monotonic() - begun < 1.0


def test_references_that_multiply_cannot_stop_the_worker() -> None:
    """Forty definitions that each use the next one twice are 2^40 steps."""
    names = [f"d{i}" for i in range(40)]
    defs: dict = {a: {"allOf": [{"$ref": f"#/$defs/{b}"}] * 2} for a, b in pairwise(names)}
    defs[names[-1]] = {"type": "object"}
    begun = time.monotonic()
    assert problems({"$defs": defs, "$ref": "#/$defs/d0"}, {}) == ("the schema is too complex for this document",)
    assert time.monotonic() - begun < 3.0


def test_a_schema_that_refers_to_itself_for_ever_is_a_problem_and_no_crash() -> None:
    assert problems({"$ref": "#"}, 1) != ()


def test_a_pattern_may_use_the_language_of_json_schema() -> None:
    assert problems({"pattern": r"^\p{Lu}"}, "Émile") == ()
    assert problems({"pattern": r"^\p{Lu}"}, "émile") != ()


@given(st.text(), st.one_of(st.none(), st.integers(0, 10**9)), st.sampled_from(["name", "age", "extra", "missing"]))
def test_a_document_satisfies_a_schema_until_it_is_spoilt(name: str, age: int | None, spoil: str) -> None:
    document = {"name": name} | ({} if age is None else {"age": age})
    assert problems(PERSON, document) == ()
    spoilt = {"name": {"name": 7}, "age": {"age": -1}, "extra": {"extra": 0}, "missing": {}}[spoil]
    without = {} if spoil == "missing" else document
    assert problems(PERSON, {**without, **spoilt}) != ()
