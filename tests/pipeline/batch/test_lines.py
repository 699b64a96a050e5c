"""Reading a file of requests: what runs, what does not, and what makes two files the same."""

import asyncio
import gzip
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import lines
from pipeline.batch.lines import Entry, Reader, Survey, mark_of, numbered, stored_form
from pipeline.batch.prepare import prepare
from pipeline.batch.store import Store
from pipeline.cli import batch_text
from pipeline.contracts import JsonObject, Message, Request
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.transport.memory import MemoryLink

NATIVE = {"id": "a", "input": "hi"}
OPENAI = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"say": "hi"}}


def translate(url: str, body: JsonObject, tenant: str) -> Request:
    if url != "/v1/chat/completions":
        raise InvalidRequest("url: not this one", param="url")
    if "say" not in body:
        raise InvalidRequest("messages is missing", param="messages")
    return Request(messages=(Message(role="user", content=str(body["say"])),), tenant=tenant)


def reader(**options: Any) -> Reader:
    return Reader(options.pop("tenant", "default"), translate, **options)


def written(*rows: Any) -> bytes:
    return b"".join((row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n" for row in rows)


async def cut(raw: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def entries(raw: bytes, by: Reader | None = None, size: int = 1000) -> list[Entry]:
    async def read() -> list[Entry]:
        used = by or reader()
        return [used.entry(number, line) async for number, line in numbered(cut(raw, size))]

    return asyncio.run(read())


def survey(raw: bytes, by: Reader | None = None) -> Survey:
    return asyncio.run(lines.survey(cut(raw), by or reader()))


def problems(found: Survey) -> list[tuple[int, str | None]]:
    return [(entry.number, entry.problem.param if entry.problem else None) for entry in found.problems]


def test_lines_of_ours_become_requests_of_the_batch() -> None:
    raw = written(NATIVE, {"input": "ho", "route": "labels"})
    first, second = entries(raw, reader(tenant="acme", defaults={"route": "chat", "origin": "EU"}))
    assert first.request is not None
    assert second.request is not None
    assert (first.custom_id, first.request.lane, first.request.tenant) == ("a", "batch", "acme")
    assert (first.request.route, second.request.route, second.request.origin) == ("chat", "labels", "EU")


def test_lines_of_the_openai_batch_api_become_requests_too() -> None:
    (entry,) = entries(written(OPENAI))
    assert entry.request is not None
    assert (entry.custom_id, entry.request.conversation()[0].content) == ("a", "hi")


def test_numbers_are_those_of_the_file_also_after_blank_lines() -> None:
    raw = written(NATIVE, b"", b"  ", {"input": "ho"})
    assert [entry.number for entry in entries(raw)] == [1, 4]
    assert survey(raw).total == 2


@pytest.mark.parametrize(
    ("row", "param"),
    [
        (b"{", None),
        (b"[]", None),
        ({"input": 3}, "input"),
        ({"inptu": "x"}, "inptu"),
        ({"input": "x", "stream": True}, "stream"),
        ({"input": "x", "tenant": "other"}, "tenant"),
        ({**NATIVE, "input": "again"}, "custom_id"),
        ({"id": 3, "input": "x"}, "custom_id"),
        (OPENAI, None),
        (b'{"input": "' + b"x" * lines.MAX_LINE + b'"}', None),
    ],
)
def test_each_bad_line_is_named_and_the_others_are_not_harmed(row: Any, param: str | None) -> None:
    found = survey(written(NATIVE, row, {"input": "last"}))
    assert problems(found) == [(2, param)]
    assert (found.total, found.invalid) == (3, 1)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"body": 3}, "body"),
        ({"body": {}}, "messages"),
        ({"url": "/v1/embeddings"}, "url"),
        ({"method": "GET"}, "url"),
        ({"custom_id": None}, "custom_id"),
        ({"custom_id": "x" * 257}, "custom_id"),
        ({"extra": 1}, "custom_id"),
    ],
)
def test_a_wrong_openai_line_is_refused_with_the_field(change: dict[str, Any], param: str) -> None:
    assert problems(survey(written({**OPENAI, **change}))) == [(1, param)]


def test_a_file_without_lines_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no lines"):
        survey(written(b"", b""))


def test_a_batch_for_one_endpoint_takes_no_other_and_names_it_where_a_line_does_not() -> None:
    by = reader(endpoint="/v1/embeddings")
    assert problems(survey(written(OPENAI), by)) == [(1, "url")]
    (entry,) = entries(written({"custom_id": "a", "body": {"say": "hi"}}), reader(endpoint="/v1/chat/completions"))
    assert entry.problem is None


def test_lines_of_a_restricted_key_name_one_of_its_routes() -> None:
    raw = written({"input": "a", "route": "chat"}, {"input": "b", "route": "labels"}, {"input": "c"})
    found = entries(raw, reader(routes=("chat",), api_key="k1"))
    assert [entry.problem and entry.problem.code for entry in found] == [None, "permission_denied", "permission_denied"]
    assert found[0].request is not None
    assert found[0].request.api_key == "k1"


@pytest.mark.parametrize("row", [{"input": "a", "route": "nope"}, {"input": "a", "pin": "nope"}])
def test_a_line_that_names_what_there_is_not_is_invalid_before_anything_runs(row: dict[str, Any]) -> None:
    asked: list[tuple[str, str]] = []

    def check(name: str, tenant: str) -> None:
        asked.append((name, tenant))
        if name == "nope":
            raise UnknownModel(f"there is no {name}", param="model")

    raw = written({"input": "b", "route": "chat"}, {"input": "c"}, row)
    found = survey(raw, reader(tenant="acme", check=check))
    assert [(entry.number, entry.problem and entry.problem.code) for entry in found.problems] == [
        (3, "model_not_found")
    ]
    assert asked == [("chat", "acme"), ("nope", "acme")]


def test_what_asks_the_same_has_the_same_mark_whatever_it_is_called() -> None:
    def mark(line: dict[str, Any]) -> bytes | None:
        (entry,) = entries(written(line))
        assert entry.request is not None
        return mark_of(entry.request, stored_form(entry.request))

    assert mark({"id": "a", "input": "x"}) == mark({"id": "b", "input": "x"})
    assert mark({"input": "x"}) != mark({"input": "x", "route": "labels"})
    assert mark({"input": "x"}) != mark({"input": "x", "budget": {"max_cost_usd": 0.1}})
    assert mark({"input": "x", "cache": "refresh"}) is None
    assert survey(written({"input": "x"}, {"input": "y"}, {"input": "x"})).repeated == 1


def test_a_file_with_many_bad_lines_does_not_fill_the_memory() -> None:
    found = survey(written(*[b"{"] * (lines.MAX_PROBLEMS + 5)))
    assert (found.invalid, len(found.problems)) == (lines.MAX_PROBLEMS + 5, lines.MAX_PROBLEMS)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_mark_before_the_first_line_is_taken_off(size: int) -> None:
    (first, second) = entries(BOM_UTF8 + written({"input": "a"}, {"input": "b"}), size=size)
    assert first.problem is None
    assert second.problem is None


@pytest.mark.parametrize("size", [1, 1000])
def test_a_packed_file_is_one_sentence(size: int) -> None:
    with pytest.raises(InvalidRequest, match="this is gzip: unpack it first"):
        entries(gzip.compress(written(NATIVE)), size=size)


def test_a_file_with_many_problems_shows_some_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    batch_text.problems(survey(written(*[b"{"] * 30)))
    shown = capsys.readouterr().err.splitlines()
    assert (len(shown), shown[-1]) == (batch_text.SHOWN + 1, "and 10 more")


LINE = st.binary(max_size=60).map(lambda raw: b" " + raw.replace(b"\n", b" "))


@settings(max_examples=100, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=6), st.integers(1, 80))
def test_any_bytes_are_lines_with_a_verdict_wherever_they_are_cut(rows: list[bytes], size: int) -> None:
    found = entries(written(*rows), size=size)
    assert [entry.number for entry in found] == [n for n, row in enumerate(rows, 1) if row.strip()]
    assert all((entry.request is None) != (entry.problem is None) for entry in found)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "bad"]), min_size=1, max_size=12), st.integers(0, 12))
def test_a_file_that_is_read_again_after_a_break_makes_the_same_pages(words: list[str], breaks: int) -> None:
    """Whoever reads it dies anywhere; the next one begins anew, and what he writes is what would have been there."""
    raw = written(*[b"{" if word == "bad" else {"input": word} for word in words])

    async def pages(*, broken: bool) -> list[dict[str, Any]]:
        store = Store(MemoryLink().objects("files"))
        if broken:
            await prepare(_broken(raw, breaks), reader(), store, "b", dedup=True)
        found = await prepare(cut(raw, 7), reader(), store, "b", dedup=True)
        assert found is not None
        assert found.total == len(words)
        return [row async for row in store.rows("b/in/0")]

    whole = asyncio.run(pages(broken=False))
    assert asyncio.run(pages(broken=True)) == whole
    for place, row in enumerate(whole):
        first = words.index(words[place])
        if words[place] != "bad":
            assert row.get("same") == (None if first == place else first)


async def _broken(raw: bytes, lines_read: int) -> AsyncIterator[bytes]:
    yield b"".join(line + b"\n" for line in raw.splitlines()[: max(1, lines_read)])
