"""Schemas that strangers send: taken, bounded, or refused with the field named; and documents held against them."""

import gzip
import json
import time
from itertools import pairwise

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside_data import DATA, needs

from pipeline.adapters.documents import budget, check_schema, problems
from pipeline.adapters.documents.fast import faster
from pipeline.adapters.documents.schemas import LARGEST_SCHEMA, TOO_LARGE, _validator, reference
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


@needs("json-schema-test-suite")
def test_where_the_faster_validator_may_speak_it_says_what_the_reference_and_the_suite_say() -> None:
    """Over required and optional tests. The suite's optional ones about `format` ask for what is an annotation here."""
    spoke, split, against = 0, [], []
    with gzip.open(SUITE, "rt") as lines:
        for case in map(json.loads, lines):
            if case["uses_remote"] or not isinstance(case["schema"], dict):
                continue
            schema = {"$schema": DIALECTS[case["draft"]], **case["schema"]}
            fast = faster(schema, DIALECTS[case["draft"]])
            if fast is None or abs(schema.get("minimum", 0)) > 2**63:  # a number that is no JSON of ours is refused
                continue
            spoke += 1
            verdict, name = fast(case["data"]), (case["draft"], case["case"], case["test"])
            if verdict != reference(schema, case["data"]):
                split.append(name)
            if verdict != case["valid"] and not case["optional"]:
                against.append(name)
    assert spoke > 2000
    assert (split, against) == ([], [])


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#"}}},
        {"$id": "urn:x", "$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}},
        {"$defs": {"a": {"$dynamicRef": "#/$defs/b"}, "b": {}}},
        {"multipleOf": 0.01},
        {"dependencies": {"a": ["b"]}},
        {"contentEncoding": "base64"},
        {"pattern": r"(?=a)b"},
        {"pattern": r"\p{Lu}"},
        {"pattern": "a" * 300},
        {"not": {"pattern": r"\s"}},
        {"allOf": [{"$ref": "#/properties/a"}], "properties": {"a": {}}},
        True,
    ],
    ids=str,
)
def test_what_the_two_might_see_differently_is_left_to_the_reference(schema: dict) -> None:
    assert faster(schema, DIALECTS["draft2020-12"]) is None


@given(
    st.text(alphabet="aZ09_ é\n\u0663-.", max_size=8),
    st.sampled_from([r"^\w+$", r"\d", "^a", "[^a-z]", r"^[\w-]{2,3}$", "a|9$"]),
)
def test_both_engines_mean_the_same_by_a_pattern(text: str, pattern: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    fast = faster(schema, DIALECTS["draft2020-12"])
    assert fast is not None
    assert fast(text) == reference(schema, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2, width=16) | st.sampled_from(["", "a", "b"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(
        [
            {"type": "integer"}, {"enum": [0, False, 1.0, [], {}]}, {"const": 1}, {"uniqueItems": True},
            {"items": {"type": ["number", "null"]}}, {"minProperties": 2}, {"multipleOf": 2}, {"exclusiveMaximum": 1},
            {"properties": {"a": {"not": {}}}}, {"contains": {"const": True}, "maxContains": 1},
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"propertyNames": {"maxLength": 0}},
            {"oneOf": [{"type": "string"}, {"minLength": 1}]},
            {"unevaluatedProperties": False, "properties": {"a": {}}},
            {"prefixItems": [{"const": 0}], "items": False}, {"additionalProperties": {"type": "boolean"}},
        ]
    ),
)  # fmt: skip
def test_both_validators_come_to_the_same_verdict_on_any_document(document: object, schema: dict) -> None:
    fast = faster(schema, DIALECTS["draft2020-12"])
    assert fast is not None
    assert fast(document) == reference(schema, document)


def test_the_end_of_a_pattern_is_the_end_and_digits_are_those_of_ascii() -> None:
    assert problems({"pattern": "^a$"}, "a\n") != ()
    assert problems({"pattern": r"^(?!b)[\d]+$"}, "7\n") != ()
    assert problems({"pattern": r"^(?!b)\d$"}, "\u0663") != ()
    assert problems({"pattern": r"^(?!b)[\d]$"}, "7") == ()


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
        ({"properties": {"a": {"minimum": "x"}}}, r"see properties/\*/minimum"),
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


def chain(keyword: str, count: int, last: dict) -> dict:
    """Definitions that each use the next one twice: 2^count ways to the last."""
    names = [f"d{i}" for i in range(count)]
    defs: dict = {a: {keyword: [{"$ref": f"#/$defs/{b}"}] * 2} for a, b in pairwise(names)}
    defs[names[-1]] = last
    return {"$defs": defs, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
@pytest.mark.parametrize("count", [12, 60, 400])
def test_references_that_multiply_are_refused_before_anything_is_paid(keyword: str, count: int) -> None:
    with pytest.raises(InvalidRequest, match="too intricate") as caught:
        check_schema(chain(keyword, count, {"type": "string", "maxLength": 0}))
    assert caught.value.param == "response_schema"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        {"if": {"type": "object"}, "then": {"$ref": "#"}},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
        {"$anchor": "x", "allOf": [{"$ref": "#x"}]},
        {"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]},
    ],
    ids=str,
)
def test_a_schema_that_refers_to_itself_for_ever_is_refused_before_anything_is_paid(schema: dict) -> None:
    with pytest.raises(InvalidRequest, match="lead back to itself"):
        check_schema(schema)


def test_a_few_alternatives_that_share_a_definition_are_no_intricate_schema() -> None:
    check_schema(chain("anyOf", 6, {"type": "string"}))
    check_schema({"$defs": {"n": {"anyOf": [{"type": "null"}, {"items": {"$ref": "#/$defs/n"}}]}}, "$ref": "#/$defs/n"})
    check_schema({"oneOf": [{"properties": {"kind": {"const": i}}, "required": ["kind"]} for i in range(500)]})


def nested(levels: int, within: object) -> object:
    """Arrays in arrays."""
    for _ in range(levels):
        within = [within]
    return within


TWICE = [{"items": {"$ref": "#/$defs/n"}}] * 2
SEPARATELY = {
    "$schema": DIALECTS["draft2020-12"],
    "$id": "urn:inner",
    "anyOf": [{"items": {"$ref": "#"}}] * 2,
    "not": {"const": 1},
}
MEMBERS = {f"k{i}": i for i in range(60_000)}
WORDS = [f"s{i}" for i in range(6_000)]


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"$defs": {"n": {"anyOf": TWICE, "not": {"const": "abc"}}}, "$ref": "#/$defs/n"}, nested(60, "abc")),
        ({"$defs": {"n": {"$dynamicAnchor": "n", "oneOf": [{"items": {"$dynamicRef": "#n"}}] * 2, "minLength": 9}},
          "$ref": "#/$defs/n"}, nested(60, "abc")),
        ({"$defs": {"n": SEPARATELY}, "$ref": "#/$defs/n"}, nested(60, 1)),
        ({"unevaluatedProperties": {"multipleOf": 1.5}, "anyOf": [{"properties": {"a": {}}}]}, MEMBERS),
        ({"unevaluatedItems": False, "contains": {"multipleOf": 1.5}}, list(range(60_000))),
        ({"items": {"enum": WORDS, "multipleOf": 1.5}}, ["s5999"] * 60_000),
        ({"items": {"multipleOf": 1.5, "allOf": [{"minLength": 1}] * 900}}, ["ab"] * 60_000),
        ({"uniqueItems": True, "multipleOf": 1.5}, [[i] for i in range(300_000)]),
        ({"items": {"allOf": [{"const": WORDS, "multipleOf": 1.5}]}}, [WORDS] * 300),
        ({"patternProperties": {f"^(?=x)k{i}$": {} for i in range(500)}}, MEMBERS),
    ],
    ids=["recursion", "dynamic", "a dialect of its own", "members", "items", "enum", "all", "unique", "const", "names"],
)  # fmt: skip
def test_work_that_multiplies_with_the_document_ends_with_its_budget(schema: dict, document: object) -> None:
    """Unbounded, each of these takes from minutes to longer than the world is old."""
    check_schema(schema)
    assert problems(schema, document) == (TOO_LARGE,)


def test_the_budget_is_counted_in_steps_and_not_by_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"items": {"multipleOf": 1.5}}
    assert problems(schema, [3.0] * 1000) == ()
    monkeypatch.setattr(budget.Budget, "__init__", _poor)
    assert problems(schema, [3.0] * 1000) == (TOO_LARGE,)
    assert problems(schema, [3.0] * 10) == ()


def _poor(self: budget.Budget, steps: int = 0) -> None:
    self.steps, self.patterns_s = steps and 100, 1.0


def test_where_only_the_place_takes_too_long_the_faster_verdict_stands() -> None:
    schema = {"items": {"properties": {"a": {"type": "string"}}, "required": ["a"]}}
    many = [{"a": "x"}] * 30_000
    assert problems(schema, many) == ()
    assert problems(schema, [*many, {}]) != ()


def test_a_subschema_that_names_its_dialect_is_bounded_like_its_parent() -> None:
    inner = {"$schema": DIALECTS["draft2020-12"], "$id": "urn:inner", "pattern": "^(?=a)(a+)+$"}
    assert problems({"$ref": "#/$defs/x", "$defs": {"x": inner}}, "a" * 60 + "b") != ()


@given(st.lists(st.recursive(st.sampled_from([0, 1, 1.0, True, False, None, "a", ""]),
                             lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
                             max_leaves=4), max_size=5))  # fmt: skip
def test_members_are_the_same_where_the_library_says_so(members: list) -> None:
    ours = problems({"uniqueItems": True, "not": {"multipleOf": 1.5, "type": "string"}}, members) == ()
    assert ours == jsonschema.Draft202012Validator({"uniqueItems": True}).is_valid(members)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"Odalys Brandvold": {"type": "objekt"}}},
        {"$defs": {"Odalys Brandvold": {"properties": {"Odalys Brandvold": {"minimum": "x"}}}}},
        {"$schema": DIALECTS["draft7"], "dependencies": {"Odalys Brandvold": 7}},
        {"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"Odalys Brandvold": {"minLength": "x"}}},
        {"properties": {"properties": {"properties": {"Odalys Brandvold": {"enum": 7}}}}},
    ],
    ids=str,
)
def test_a_refusal_tells_no_name_out_of_the_schema(schema: dict) -> None:
    """Refusals are recorded and kept, and the names of properties are text of the request."""
    with pytest.raises(InvalidRequest, match=r"see .*\*") as caught:
        check_schema(schema)
    assert "Odalys" not in str(caught.value)


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
