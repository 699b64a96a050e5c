"""`stepwell batch` against a real server, with an admission and nobody behind it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from desk import Desk
from servers import NatsServer, provisioned

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.batch.manifest import Shelf
from pipeline.cli import batch
from pipeline.contracts import Reply, Status
from pipeline.policy.models import Lanes
from pipeline.ports import Link


class Policies:
    """As much of a policy as admission looks at."""

    def current(self) -> Any:
        return SimpleNamespace(revision="p1", limits=SimpleNamespace(lanes=Lanes()))

    def revision(self, digest: str) -> Any:
        return None


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, batch)


@pytest.fixture
def admission(nats: NatsServer) -> Iterator[None]:
    """Takes requests in, from a thread of its own."""
    ready, stop = threading.Event(), threading.Event()

    async def admit() -> None:
        link = await provisioned(nats)
        await Admission(link, StreamResults(link.streams), Policies(), SystemClock()).start("1.0.0")
        ready.set()
        await asyncio.to_thread(stop.wait)
        await link.close()

    thread = threading.Thread(target=lambda: asyncio.run(admit()))
    thread.start()
    assert ready.wait(10)
    yield
    stop.set()
    thread.join(10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"input": "one"}\n{"input": "two"}\n')
    return path


async def fail_all(link: Link) -> None:
    """Fail every line of every batch."""
    await end_all(link, "failed")


async def answer_all(link: Link) -> None:
    """Answer every line of every batch."""
    await end_all(link, "answered")


async def end_all(link: Link, status: Status) -> None:
    for manifest in await Shelf(link.bucket("batches")).all():
        for number in range(1, manifest.last_line + 1):
            reply = Reply(
                id=f"{manifest.id}-{number}",
                tenant=manifest.tenant,
                status=status,
                content=f"answer {number}" if status == "answered" else None,
                policy_revision="p1",
                fingerprint="f",
            )
            await StreamResults(link.streams).put(reply)


def test_a_bad_line_is_shown_and_nothing_is_handed_in(desk: Desk, tmp_path: Path) -> None:
    desk.given()
    path = tmp_path / "f"
    path.write_text('{"input": "one"}\n{"input": 2}\n')
    shown = desk.types("batch", "submit", str(path))
    assert shown.exit_code == 1
    assert "line 2: input: Input should be a valid string" in shown.stderr
    assert "1 of 2 lines cannot run, so none was handed in" in shown.stderr
    assert desk.reads("batch", "list") == []


def test_without_a_worker_it_is_said_at_once(desk: Desk, file: Path) -> None:
    desk.given()
    shown = desk.types("batch", "submit", str(file))
    assert shown.exit_code == 1
    assert "no_worker: " in shown.stderr


@pytest.mark.usefixtures("admission")
def test_a_file_is_handed_in_followed_and_fetched(desk: Desk, file: Path, tmp_path: Path) -> None:
    first = desk.reads("batch", "submit", str(file))
    assert isinstance(first, dict)
    assert (first["status"], first["open"], first["total"]) == ("in_progress", 2, 2)
    early = desk.types("batch", "results", first["id"])
    assert early.exit_code == 1
    assert "2 of 2 lines" in early.stderr

    desk.given(answer_all)
    again = desk.reads("batch", "submit", str(file), "--wait")
    assert isinstance(again, dict)
    assert (again["id"], again["status"], again["answered"]) == (first["id"], "completed", 2)
    assert "2 answered" in desk.types("batch", "status", first["id"], "--wait").output

    output = tmp_path / "answers.jsonl"
    assert desk.types("batch", "results", first["id"], "-o", str(output)).exit_code == 0
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [row["reply"]["content"] for row in rows] == ["answer 1", "answer 2"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["answers.jsonl", "requests.jsonl"]


@pytest.mark.usefixtures("admission")
def test_a_program_that_waits_learns_from_the_exit_code_that_lines_failed(desk: Desk, file: Path) -> None:
    handed_in = desk.reads("batch", "submit", str(file))
    assert isinstance(handed_in, dict)
    desk.given(fail_all)
    for words in (("submit", str(file)), ("status", handed_in["id"])):
        waited = desk.reads("batch", *words, "--wait", code=1)
        assert isinstance(waited, dict)
        assert (waited["status"], waited["failed"]) == ("completed", 2)
    assert desk.types("batch", "status", handed_in["id"]).exit_code == 0


@pytest.mark.usefixtures("admission")
def test_lines_that_cannot_run_may_be_left_out(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text('{"input": "one"}\n{"input": 2}\n')
    found = desk.reads("batch", "submit", str(path), "--skip-invalid", "--id", "mine")
    assert isinstance(found, dict)
    assert (found["id"], found["invalid"], found["open"]) == ("mine", 1, 1)
    listed = desk.reads("batch", "list")
    assert isinstance(listed, list)
    assert [(row["id"], row["handed_in"]) for row in listed] == [("mine", True)]


def test_a_batch_that_nobody_knows_is_one_sentence(desk: Desk) -> None:
    desk.given()
    shown = desk.types("batch", "status", "nobody")
    assert shown.exit_code == 1
    assert "not_found: there is no batch nobody" in shown.stderr
