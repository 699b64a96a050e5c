"""Pydantic and the rendered JSON Schema agree on values that nobody thought of."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_edges import DEEPEST, accepted_by_pydantic, accepted_by_schema, depth
from json_generate import JSON, values_of

from pipeline.schemas import MESSAGES, ROOT, schema_of

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

ACCEPTED = [
    (path.parts[-4], orjson.loads(path.read_bytes()))
    for path in sorted((ROOT / "schemas" / "examples").glob("*/*/accepted/*.json"))
]

EDGES: list[Any] = [
    *(None, True, False, 0, 1, -1, 5.0, -0.0, 0.5, 1.5, 1e30, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64 - 1),
    *("", "a", "a\n", "\n", "a.b", "é", "١", "1.٣", "0" * 64, "EU", "eu", "1.0", "text", "nan", "\u0000"),
    *([], [None], ["a"], {}, {"a": 1}, {"type": "text"}, {"type": "text", "text": "a"}),
]


def _edge(draw: st.DrawFn) -> Any:
    return copy.deepcopy(draw(st.sampled_from(EDGES)))


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, ...]] = [path]
    if isinstance(value, dict):
        inner += [found for key, item in value.items() for found in _paths(item, (*path, key))]
    if isinstance(value, list):
        inner += [found for index, item in enumerate(value) for found in _paths(item, (*path, index))]
    return inner


def _parent(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path[:-1]:
        document = document[part]
    return document


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """An accepted example with one to three places changed, removed or added."""
    message, original = draw(st.sampled_from(ACCEPTED))
    document = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in _paths(document) if path]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        parent = _parent(document, path)
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove":
            del parent[path[-1]]
        elif change == "add" and isinstance(parent, dict):
            names = st.sampled_from(sorted(MESSAGES[message].model_fields)) | st.just("surprise")
            parent[draw(names)] = _edge(draw)
        else:
            parent[path[-1]] = _edge(draw)
    return message, document


@given(mutated())
@settings(max_examples=1500, deadline=None, suppress_health_check=QUIET)
def test_both_validators_agree_on_every_mutation_of_an_example(case: tuple[str, Any]) -> None:
    """Changed, missing and surplus fields, and values at the edges of their types."""
    message, document = case
    body = orjson.dumps(document)
    assert accepted_by_pydantic(message, body) is accepted_by_schema(message, body)


@pytest.mark.parametrize("message", MESSAGES)
def test_both_validators_agree_on_what_the_schema_generates(message: str) -> None:
    """Values made from the published schema are judged alike, and not all of them refused."""
    verdicts: list[bool] = []

    @given(values_of(schema_of(message)))
    @settings(max_examples=60, deadline=None, suppress_health_check=QUIET, database=None)
    def check(document: Any) -> None:
        body = orjson.dumps(document)
        verdicts.append(accepted_by_schema(message, body))
        assert accepted_by_pydantic(message, body) is verdicts[-1]

    check()
    assert any(verdicts)


@given(JSON)
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
def test_free_json_is_taken_as_it_is(value: Any) -> None:
    """Free JSON inside a request is judged alike by both, and its bytes come out as they went in."""
    body = orjson.dumps({"input": "a", "tools": [{"value": value}]})
    assert accepted_by_schema("request", body)
    parsed = MESSAGES["request"].model_validate_json(body)
    assert orjson.loads(parsed.model_dump_json(exclude_defaults=True)) == orjson.loads(body)


# ---------------------------------------------------------------- where they cannot agree


def test_nesting_has_a_limit_that_a_schema_cannot_state() -> None:
    """Documented exception: beyond about 200 levels we refuse what the schema accepts; 150 levels both accept."""
    deep = b'{"input": "a", "tools": [' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}"
    assert not accepted_by_pydantic("request", deep)
    assert accepted_by_schema("request", deep)
    fine = b'{"input": "a", "tools": [' + b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST + b"]}"
    assert accepted_by_pydantic("request", fine)
    assert accepted_by_schema("request", fine)
    assert depth(orjson.loads(fine)) > DEEPEST


@example("shop\n")
@given(st.text(max_size=4).map(lambda text: text + "\n"))
@settings(deadline=None)
def test_a_name_never_ends_with_a_newline(name: str) -> None:
    """`$` means the place before a last newline to some validators; the rendered schemas rule it out for all."""
    body = orjson.dumps({"input": "a", "tenant": name})
    assert not accepted_by_pydantic("request", body)
    assert not accepted_by_schema("request", body)
