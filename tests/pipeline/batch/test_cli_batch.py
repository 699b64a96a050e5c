"""`stepwell batch` against a real server, with somebody who feeds lines and a cascade that is none."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from batches import Cascade
from desk import Desk
from servers import NatsServer, provisioned

from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch
from pipeline.batch.feeder import Feeder
from pipeline.cli import batch, batch_text
from pipeline.cli.batch_file import moment, seconds
from pipeline.cli.show import Misused
from pipeline.contracts import Request, Status
from pipeline.gateway.lines import translate_line
from pipeline.ports import Delivery

MENDED: set[str] = set()


def answer(request: Request) -> Status | None:
    """What becomes of a line follows from its text; `bad` is answered once it is mended."""
    text = str(request.input or request.messages[0].content)
    if text == "slow":
        return None
    return "failed" if text == "bad" and "bad" not in MENDED else "answered"


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    MENDED.clear()
    return Desk(nats, monkeypatch, batch)


@pytest.fixture
def fed(nats: NatsServer) -> Iterator[None]:
    """Feeds lines and answers them, from a thread of its own."""
    ready, stop = threading.Event(), threading.Event()

    async def feed() -> None:
        link = await provisioned(nats)
        await Cascade(link, answer).start()
        transport = link.transport()
        await transport.consume("classify", "batch", nothing, 1)  # by which it is seen that lines are taken
        feeder = Feeder(link, SystemClock(), translate_line, "test")
        await feeder.start()
        ready.set()
        await asyncio.to_thread(stop.wait)
        await feeder.stop()
        await transport.stop(0.0)
        await link.close()

    thread = threading.Thread(target=lambda: asyncio.run(feed()))
    thread.start()
    assert ready.wait(20)
    yield
    stop.set()
    thread.join(20)


async def nothing(_: Delivery) -> None:
    """The lines are answered by who listens where they are asked."""


def lines(path: Path, *texts: str) -> str:
    path.write_bytes(b"".join(orjson.dumps({"input": text}) + b"\n" for text in texts))
    return str(path)


def read(desk: Desk, *words: str, code: int = 0) -> dict[str, Any]:
    found = desk.reads("batch", *words, code=code)
    assert isinstance(found, dict)
    return found


def test_a_bad_line_is_shown_and_nothing_is_handed_in(desk: Desk, tmp_path: Path) -> None:
    desk.given()
    path = tmp_path / "f"
    path.write_text('{"input": "one"}\n{"input": 2}\n')
    shown = desk.types("batch", "submit", str(path))
    assert shown.exit_code == 1
    assert "line 2: input: Input should be a valid string" in shown.stderr
    assert "1 of 2 lines cannot run, so none was handed in" in shown.stderr
    assert desk.reads("batch", "list") == []


def test_a_file_is_checked_without_any_server(tmp_path: Path, desk: Desk) -> None:
    found = read(desk, "submit", lines(tmp_path / "f", "one", "two", "one"), "--check")
    assert found == {"form": "stepwell", "total": 3, "invalid": 0, "repeated": 1, "problems": []}
    (tmp_path / "g").write_text("{\n")
    assert read(desk, "submit", str(tmp_path / "g"), "--check", code=1)["problems"][0]["line"] == 1


def test_without_a_worker_it_is_said_at_once(desk: Desk, tmp_path: Path) -> None:
    desk.given()
    shown = desk.types("batch", "submit", lines(tmp_path / "f", "one"))
    assert shown.exit_code == 1
    assert "no_worker: no worker takes lines of batches now" in shown.stderr


@pytest.mark.usefixtures("fed")
def test_a_file_is_handed_in_followed_tried_again_and_fetched(desk: Desk, tmp_path: Path) -> None:
    """The whole way of a file with a line that fails at first."""
    file = lines(tmp_path / "requests.jsonl", "one", "bad", "one")
    first = read(desk, "submit", file, "--wait", code=1)
    counts = first["counts"]
    assert (first["status"], counts["answered"], counts["failed"], counts["shared"]) == ("completed", 2, 1, 1)
    assert read(desk, "submit", file, "--wait", code=1)["id"] == first["id"], "the same file is the same batch"
    assert desk.types("batch", "status", first["id"]).exit_code == 0
    shown = desk.types("batch", "status", first["id"], "--wait")
    assert shown.exit_code == 1
    assert "2 answered, 0 refused, 1 failed of 3 (1 share the answer of another)" in shown.output

    MENDED.add("bad")
    again = read(desk, "retry", first["id"], "--wait")
    assert (again["status"], again["round"], again["counts"]["answered"]) == ("completed", 1, 3)

    output = tmp_path / "answers.jsonl"
    assert desk.types("batch", "results", first["id"], "-o", str(output)).exit_code == 0
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [row["reply"]["content"] for row in rows] == ["to one", "to bad", "to one"]
    assert not list(tmp_path.glob("*.part"))
    listed = desk.reads("batch", "list")
    assert isinstance(listed, list)
    assert [(row["id"], row["status"], row["ended"]) for row in listed] == [(first["id"], "completed", "3/3")]

    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = tmp_path / "answers.parquet"
    assert desk.types("batch", "results", first["id"], "--format", "parquet", "-o", str(table)).exit_code == 0
    found = parquet.read_table(table).to_pylist()
    assert [(row["line"], row["status"], row["content"]) for row in found] == [
        (1, "answered", "to one"),
        (2, "answered", "to bad"),
        (3, "answered", "to one"),
    ]
    assert found[2]["same_as"] == 1


@pytest.mark.usefixtures("fed")
def test_errors_go_to_a_file_of_their_own_and_what_is_open_is_no_result(desk: Desk, tmp_path: Path) -> None:
    found = read(desk, "submit", lines(tmp_path / "f", "one", "bad", "slow"), "--id", "mine")
    assert found["id"] == "mine"
    early = desk.types("batch", "results", "mine")
    assert early.exit_code == 1
    assert "have not ended" in early.stderr
    while read(desk, "status", "mine")["status"] == "validating":
        time.sleep(0.05)  # a batch that is cancelled before its file was read has no lines
    cancelled = read(desk, "cancel", "mine", "--wait")
    assert cancelled["status"] == "cancelled"
    good, bad = tmp_path / "good", tmp_path / "bad"
    assert desk.types("batch", "results", "mine", "-o", str(good), "--errors", str(bad)).exit_code == 0
    rows = [orjson.loads(line) for path in (good, bad) for line in path.read_bytes().splitlines()]
    assert sorted(row["line"] for row in rows) == [1, 2, 3]
    assert {row["status"] for row in rows} >= {"cancelled"}


@pytest.mark.usefixtures("fed")
def test_openai_lines_are_answered_as_their_endpoint_would(desk: Desk, tmp_path: Path) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "one"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    path = tmp_path / "f"
    path.write_bytes(orjson.dumps(line) + b"\n")
    found = read(desk, "submit", str(path), "--wait")
    shown = desk.types("batch", "results", found["id"])
    row = orjson.loads(shown.stdout)
    assert (row["custom_id"], row["response"]["body"]["object"]) == ("a", "chat.completion")


def test_a_batch_that_nobody_knows_is_one_sentence(desk: Desk) -> None:
    desk.given()
    shown = desk.types("batch", "status", "nobody")
    assert shown.exit_code == 1
    assert "not_found: there is no batch nobody" in shown.stderr


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pipeline.batch.table import write_parquet
    from pipeline.errors import PartMissing

    async def none():  # type: ignore[no-untyped-def]
        return
        yield

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PartMissing, match=r"stepwell\[parquet\]"):
        asyncio.run(write_parquet(none(), tmp_path / "t"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("22:00", "2026-01-10T22:00:00+00:00"),
        ("11:00", "2026-01-11T11:00:00+00:00"),
        ("+2h", "2026-01-10T14:00:00+00:00"),
        ("2026-02-01T08:30", "2026-02-01T08:30:00+00:00"),
        ("2026-02-01T08:30+02:00", "2026-02-01T08:30:00+02:00"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, wanted: str) -> None:
    now = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
    assert moment(text, now, None).isoformat() == wanted


@pytest.mark.parametrize(
    "words", [("--not-before", "soon"), ("--within", "1y"), ("--window", "22"), ("--timezone", "x")]
)
def test_options_that_mean_nothing_are_misuse(desk: Desk, tmp_path: Path, words: tuple[str, str]) -> None:
    more = ("--window", "22:00-06:00") if words[0] == "--timezone" else ()
    assert desk.types("batch", "submit", lines(tmp_path / "f", "one"), *words, *more).exit_code == 2


def test_spans_are_numbers_with_a_unit() -> None:
    assert [seconds(text, "x") for text in ("90s", "5m", "24h", "7d")] == [90, 300, 86_400, 604_800]
    with pytest.raises(Misused):
        seconds("24", "x")


def test_status_says_how_many_lines_wait_for_a_batch_of_their_provider_and_since_when() -> None:
    fields = {"id": "b", "tenant": "t", "file_id": "f", "digest": "d", "created": 1.0, "expires_at": 9e9}
    running = Batch.model_validate(fields | {"status": "in_progress", "counts": {"total": 9}})
    waiting = running.model_copy(update={"waiting": 7, "waiting_since": 86_400.0})
    told = ", 7 wait for a batch of their provider (since 1970-01-02T00:00+00:00)"
    assert batch_text.sentence(waiting, 2.0) == batch_text.sentence(running, 2.0) + told
    assert "wait" not in batch_text.sentence(waiting.model_copy(update={"status": "completed"}), 2.0)
