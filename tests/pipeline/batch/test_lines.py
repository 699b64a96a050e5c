"""Reading a file of requests: what runs, what does not, and what makes two files the same."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import lines
from pipeline.batch.lines import Reader, Survey, survey
from pipeline.contracts import JsonObject, Message, Request
from pipeline.errors import InvalidRequest

NATIVE = {"id": "a", "input": "hi"}
OPENAI = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"say": "hi"}}


def translate(body: JsonObject) -> Request:
    if "say" not in body:
        raise InvalidRequest("messages is missing", param="messages")
    return Request(messages=(Message(role="user", content=str(body["say"])),))


def reader(**options: Any) -> Reader:
    return Reader(options.pop("tenant", "default"), translate, **options)


def write(path: Path, *rows: Any) -> Path:
    path.write_bytes(b"".join((row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n" for row in rows))
    return path


def problems(found: Survey) -> list[tuple[int, str | None]]:
    return [(entry.number, entry.problem.param if entry.problem else None) for entry in found.problems]


def test_lines_of_ours_become_requests_of_the_batch(tmp_path: Path) -> None:
    path = write(tmp_path / "f", NATIVE, {"input": "ho", "route": "labels"})
    first, second = reader(tenant="acme", defaults={"route": "chat", "origin": "EU"}).entries(path)
    assert first.request is not None
    assert second.request is not None
    assert (first.custom_id, first.request.lane, first.request.tenant) == ("a", "batch", "acme")
    assert (first.request.route, second.request.route, second.request.origin) == ("chat", "labels", "EU")


def test_lines_of_the_openai_batch_api_become_requests_too(tmp_path: Path) -> None:
    (entry,) = reader().entries(write(tmp_path / "f", OPENAI))
    assert entry.request is not None
    assert (entry.custom_id, entry.request.conversation()[0].content) == ("a", "hi")


def test_numbers_are_those_of_the_file_also_after_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "f", NATIVE, b"", b"  ", {"input": "ho"})
    assert [entry.number for entry in reader().entries(path)] == [1, 4]
    assert (survey(path, reader()).total, survey(path, reader()).last) == (2, 4)


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
def test_each_bad_line_is_named_and_the_others_are_not_harmed(tmp_path: Path, row: Any, param: str | None) -> None:
    path = write(tmp_path / "f", NATIVE, row, {"input": "last"})
    found = survey(path, reader())
    assert problems(found) == [(2, param)]
    assert (found.total, found.invalid, found.last) == (3, 1, 3)


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
def test_a_wrong_openai_line_is_refused_with_the_field(tmp_path: Path, change: dict[str, Any], param: str) -> None:
    assert problems(survey(write(tmp_path / "f", {**OPENAI, **change}), reader())) == [(1, param)]


def test_a_file_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no lines"):
        survey(write(tmp_path / "f", b"", b""), reader())


def test_the_digest_is_of_all_that_decides_what_is_asked(tmp_path: Path) -> None:
    path, other = write(tmp_path / "f", NATIVE), write(tmp_path / "g", {**NATIVE, "input": "ho"})
    same = write(tmp_path / "h", NATIVE)
    digests = [
        survey(path, reader()).digest,
        survey(other, reader()).digest,
        survey(path, reader(tenant="acme")).digest,
        survey(path, reader(defaults={"route": "chat"})).digest,
    ]
    assert len(set(digests)) == 4
    assert survey(same, reader()).digest == digests[0]


def test_a_reader_may_read_the_file_twice(tmp_path: Path) -> None:
    path, twice = write(tmp_path / "f", NATIVE), reader()
    assert survey(path, twice).invalid == 0
    assert survey(path, twice).invalid == 0


def test_a_file_with_many_bad_lines_does_not_fill_the_memory(tmp_path: Path) -> None:
    found = survey(write(tmp_path / "f", *[b"{"] * (lines.MAX_PROBLEMS + 5)), reader())
    assert (found.invalid, len(found.problems)) == (lines.MAX_PROBLEMS + 5, lines.MAX_PROBLEMS)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b" ")), min_size=1, max_size=6))
def test_any_bytes_are_lines_with_a_verdict(tmp_path_factory: pytest.TempPathFactory, rows: list[bytes]) -> None:
    path = write(tmp_path_factory.mktemp("any") / "f", *rows)
    entries = list(reader().entries(path))
    assert [entry.number for entry in entries] == [n for n, row in enumerate(rows, 1) if row.strip()]
    assert all((entry.request is None) != (entry.problem is None) for entry in entries)
