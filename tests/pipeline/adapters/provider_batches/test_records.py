"""What lies on the shelf, and what a provider says of it, whatever that is."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.provider_batches.records import (
    LINE,
    MEGABYTE,
    SHELVED,
    File,
    Line,
    Pending,
    Shelved,
    cut,
    file_line,
    name_of,
    read_result,
)
from pipeline.contracts import Cover, is_name
from pipeline.policy.models import ProviderBatches
from pipeline.ports import Charge

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "custom_id": st.sampled_from(["n1", "no name", ""]) | ANYTHING,
        "response": st.fixed_dictionaries({}, optional={"status_code": ANYTHING | st.just(200), "body": ANYTHING}),
        "error": ANYTHING,
    },
)


@given(st.binary(max_size=60) | FIELDS.map(orjson.dumps) | ANYTHING.map(orjson.dumps))
def test_whatever_a_provider_writes_is_read_as_a_result_or_as_none(raw: bytes) -> None:
    """And only what is an answer has a body."""
    found = read_result(raw)
    if found is not None:
        name, status, body = found
        assert is_name(name)
        assert status == 0 or 100 <= status < 600
        assert bool(body) == (status == 200)


def test_what_a_provider_says_of_a_refusal_is_not_kept() -> None:
    refusal = {"status_code": 400, "body": {"error": {"message": "the prompt was …"}}}
    assert read_result(orjson.dumps({"custom_id": "n1", "response": refusal})) == ("n1", 400, "")


def test_a_line_that_was_not_called_came_to_nothing() -> None:
    late = {"custom_id": "n1", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    assert read_result(orjson.dumps(late)) == ("n1", 0, "")


def a_line(body: str, **changes: Any) -> Line:
    cover = Cover(budget="b", scope="s")
    charge = Charge(
        "t.r.draft-1", "t", "r", "batch", "draft", "draft", "r", "v", "x", None, 3, (cover,), frozenset("b")
    )
    fields: dict[str, Any] = {"until": 10.0, "deadline_at": 20.0, "at": 0.0, "endpoint": "e", "digest": "d"}
    return Line(name="n1", key="t.r", body=body, charge=charge, **{**fields, **changes})


@given(st.dictionaries(st.text(max_size=9), ANYTHING, max_size=4))
def test_a_line_of_a_file_is_one_line_of_json_with_the_body_as_it_is(body: dict[str, Any]) -> None:
    text = orjson.dumps(body).decode()
    line = a_line(text)
    assert LINE.validate_json(LINE.dump_json(line)) == line
    made = file_line(line)
    assert made.count(b"\n") == 1
    told = orjson.loads(made)
    assert told["custom_id"] == "n1"
    assert told["body"] == body


SIZES = st.lists(st.integers(1, MEGABYTE // 2), min_size=1, max_size=30)


@settings(max_examples=25)
@given(SIZES, st.integers(1, 10), st.integers(1, 2), st.floats(0, 100))
def test_files_take_every_call_once_in_its_order_and_are_no_larger_than_they_may_be(
    sizes: list[int], most: int, megabytes: int, now: float
) -> None:
    rules = ProviderBatches(max_lines=most, max_mb=megabytes, gather=50.0)
    pending, shelved, taken = Pending(), Shelved(), 0
    for place, size in enumerate(sizes, start=1):
        pending.add(place, a_line("x" * size))
    while (file := cut(pending, rules, now, f"m{shelved.cursor}")) is not None:
        assert file.first == shelved.cursor + 1
        assert file.lines == file.last - file.first + 1 <= most
        assert file.lines == 1 or sum(sizes[file.first - 1 : file.last]) <= megabytes * MEGABYTE
        taken += file.lines
        shelved = shelved.put(file)
        pending.past(file.last)
    assert taken + len(pending.places) == len(sizes)
    assert now < 50 or not pending.places
    assert SHELVED.validate_json(SHELVED.dump_json(shelved)) == shelved


def test_a_file_that_is_done_with_leaves_its_place_behind() -> None:
    """What was gathered is never gathered again."""
    file = File("m", 1, 5, 5, 0.0, 0.0, 0.0)
    assert Shelved().put(file).without(file) == Shelved(cursor=5)


def test_a_call_is_known_by_a_name_that_tells_nothing() -> None:
    assert name_of("a", "tenant.r1.draft-1") == name_of("a", "tenant.r1.draft-1")
    assert name_of("a", "tenant.r1.draft-1") != name_of("b", "tenant.r1.draft-1")
    assert "tenant" not in name_of("a", "tenant.r1.draft-1")
    assert is_name(name_of("a", "k"))
