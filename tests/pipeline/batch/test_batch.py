"""A batch from its file to its answers, over streams and buckets in memory and on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.batch import Manifest, Shelf, Submission, Tally, Tracker, rows, survey
from pipeline.batch.lines import Reader
from pipeline.batch.manifest import PAGE
from pipeline.batch.submit import WINDOW, batch_id
from pipeline.contracts import ErrorBody, Reply, Request
from pipeline.errors import IdempotencyConflict, InvalidRequest, NotFound, TransportUnavailable
from pipeline.ports import Link


class Queue:
    """Takes requests in; breaks after `breaks_after` of them; knows how many waited at once."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.taken: list[Request] = []
        self.breaks_after = breaks_after
        self.waiting = 0
        self.most = 0

    async def enqueue(self, request: Request) -> str:
        if self.breaks_after is not None and len(self.taken) >= self.breaks_after:
            raise TransportUnavailable("NATS is gone")
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self.taken.append(request)
        for _ in range(3):
            await asyncio.sleep(0)
        self.waiting -= 1
        return str(request.id)

    @property
    def ids(self) -> list[str]:
        return [str(request.id) for request in self.taken]


class Desk:
    """Submits one file."""

    def __init__(self, link: Link, path: Path, tenant: str = "default") -> None:
        self.link = link
        self.path = path
        self.shelf = Shelf(link.bucket("batches"))
        self.tenant = tenant
        self.ticks = 0

    async def submit(
        self, queue: Queue, wanted: str | None = None, skip: Callable[[int], bool] | None = None
    ) -> Manifest:
        def tick(lines: int) -> None:
            self.ticks += lines

        reader = Reader(self.tenant, lambda body: Request(input=str(body)))
        found = survey(self.path, reader)
        self.ticks = 0
        submission = Submission(queue, self.link.streams, self.shelf, SystemClock(), tick)
        return await submission.run(self.path, found, reader, batch_id(found, wanted), skip=skip)

    async def answer(self, number: int, manifest: Manifest, **changes: object) -> None:
        fields: dict[str, object] = {
            "id": f"{manifest.id}-{number}",
            "tenant": self.tenant,
            "status": "answered",
            "content": f"answer {number}",
            "cost_usd": 0.01,
            "policy_revision": "p",
            "fingerprint": "f",
        }
        await StreamResults(self.link.streams).put(Reply(**(fields | changes)))

    async def tally(self, manifest: Manifest) -> Tally:
        return await Tracker(self.link.streams, manifest).look()

    async def rows(self, manifest: Manifest) -> list[dict[str, Any] | None]:
        found: AsyncIterator[dict[str, Any] | None] = rows(
            manifest, self.shelf, StreamResults(self.link.streams), lambda reply: {"text": reply.content}
        )
        return [row async for row in found]


def a_file(tmp_path: Path, lines: int) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"input": f"question {n}"}) + b"\n" for n in range(1, lines + 1)))
    return path


async def test_every_line_is_handed_in_once_under_the_batch_and_its_number(link: Link, tmp_path: Path) -> None:
    desk, queue = Desk(link, a_file(tmp_path, 3)), Queue()
    manifest = await desk.submit(queue)
    assert sorted(queue.ids) == [f"{manifest.id}-{n}" for n in (1, 2, 3)]
    assert {request.lane for request in queue.taken} == {"batch"}
    assert (manifest.total, manifest.handed_in, desk.ticks) == (3, True, 3)
    assert await desk.shelf.get(manifest.id) == manifest


async def test_many_lines_wait_at_once_and_never_more_than_the_window(link: Link, tmp_path: Path) -> None:
    queue = Queue()
    await Desk(link, a_file(tmp_path, PAGE + 10)).submit(queue)
    assert queue.most == WINDOW
    assert len(queue.taken) == PAGE + 10


async def test_the_same_file_again_hands_in_nothing_twice(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 3))
    first = await desk.submit(Queue())
    queue = Queue()
    assert await desk.submit(queue) == first
    assert (queue.taken, desk.ticks) == ([], 3)


async def test_a_submission_that_broke_off_goes_on_where_it_stopped(link: Link, tmp_path: Path) -> None:
    desk, broken = Desk(link, a_file(tmp_path, 2 * PAGE + 7)), Queue(breaks_after=PAGE + 3)
    with pytest.raises(TransportUnavailable):
        await desk.submit(broken)
    queue = Queue()
    manifest = await desk.submit(queue)
    assert manifest.handed_in
    assert set(queue.ids) == {f"{manifest.id}-{n}" for n in range(PAGE + 1, 2 * PAGE + 8)}


async def test_what_has_no_result_can_be_handed_in_again(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 4))
    manifest = await desk.submit(Queue())
    for number in (1, 3):
        await desk.answer(number, manifest)
    tracker, queue = Tracker(link.streams, manifest), Queue()
    await tracker.look()
    await desk.submit(queue, skip=tracker.ended)
    assert sorted(queue.ids) == [f"{manifest.id}-2", f"{manifest.id}-4"]


async def test_two_tenants_have_two_batches_of_the_same_file(link: Link, tmp_path: Path) -> None:
    path = a_file(tmp_path, 1)
    ours, theirs = [await Desk(link, path, tenant).submit(Queue()) for tenant in ("ours", "theirs")]
    assert ours.id != theirs.id
    assert {manifest.tenant for manifest in await Shelf(link.bucket("batches")).all()} == {"ours", "theirs"}


async def test_another_file_under_a_taken_id_is_a_conflict(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 1))
    await desk.submit(Queue(), "mine")
    a_file(tmp_path, 2)
    queue = Queue()
    with pytest.raises(IdempotencyConflict):
        await desk.submit(queue, "mine")
    assert not queue.taken


@pytest.mark.parametrize("wanted", ["a.b", "", "x" * 51])
async def test_an_id_that_cannot_be_one_is_refused(link: Link, tmp_path: Path, wanted: str) -> None:
    with pytest.raises(InvalidRequest):
        await Desk(link, a_file(tmp_path, 1)).submit(Queue(), wanted)


async def test_the_tally_counts_what_ended_and_looks_only_at_what_is_new(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 4))
    await desk.answer(1, (await desk.submit(Queue())).model_copy(update={"id": "another-batch"}))
    manifest = await desk.submit(Queue())
    tracker = Tracker(link.streams, manifest)
    assert (await tracker.look()).open == 4
    await desk.answer(1, manifest)
    await desk.answer(2, manifest, cost_usd=None)
    first = await tracker.look()
    assert (first.answered, first.cost_usd, first.unpriced, first.status) == (2, 0.01, 1, "in_progress")
    await desk.answer(3, manifest, status="refused", cost_usd=0.0)
    await desk.answer(4, manifest, status="failed", cost_usd=0.02)
    last = await tracker.look()
    assert (last.answered, last.refused, last.failed, last.open, last.status) == (2, 1, 1, 0, "completed")
    assert last.cost_usd == pytest.approx(0.03)


async def test_a_provisional_failure_gives_way_to_the_answer_and_is_paid_once(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 1))
    manifest = await desk.submit(Queue())
    tracker = Tracker(link.streams, manifest)
    await desk.answer(1, manifest, status="failed", provisional=True)
    assert (await tracker.look()).failed == 1
    await desk.answer(1, manifest)
    tally = await tracker.look()
    assert (tally.failed, tally.answered, tally.cost_usd) == (0, 1, 0.01)


async def test_results_are_in_the_order_of_the_file_with_errors_and_gaps(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 3))
    manifest = await desk.submit(Queue())
    await desk.answer(3, manifest)
    await desk.answer(
        1, manifest, status="failed", content=None, error=ErrorBody(code="target_timeout", message="slow")
    )
    first, second, third = await desk.rows(manifest)
    assert first is not None
    assert third is not None
    assert (first["line"], first["reply"]["error"]["code"]) == (1, "target_timeout")
    assert second is None
    assert third["reply"]["content"] == "answer 3"


async def test_lines_that_could_not_run_are_errors_among_the_results(link: Link, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b'{"input":"x"}\n{\n')
    desk, queue = Desk(link, path), Queue()
    manifest = await desk.submit(queue)
    assert (len(queue.taken), manifest.invalid) == (1, 1)
    await desk.answer(1, manifest)
    _, bad = await desk.rows(manifest)
    assert bad is not None
    assert (bad["line"], bad["error"]["code"]) == (2, "invalid_request")
    assert (await desk.tally(manifest)).status == "completed"


async def test_openai_lines_get_openai_results(link: Link, tmp_path: Path) -> None:
    path = tmp_path / "f"
    line = {"method": "POST", "url": "/v1/chat/completions", "body": {"q": 1}}
    path.write_bytes(b"".join(orjson.dumps({"custom_id": name, **line}) + b"\n" for name in ("a", "b")))
    desk = Desk(link, path)
    manifest = await desk.submit(Queue())
    await desk.answer(1, manifest)
    await desk.answer(2, manifest, status="refused", error=ErrorBody(code="residency_refused", message="no", rule="eu"))
    assert await desk.rows(manifest) == [
        {
            "id": f"{manifest.id}-1",
            "custom_id": "a",
            "response": {"status_code": 200, "request_id": f"{manifest.id}-1", "body": {"text": "answer 1"}},
            "error": None,
        },
        {
            "id": f"{manifest.id}-2",
            "custom_id": "b",
            "response": None,
            "error": {"code": "residency_refused", "message": "no", "rule": "eu"},
        },
    ]


async def test_a_batch_that_nobody_knows_is_said_to_be_unknown(link: Link) -> None:
    with pytest.raises(NotFound, match="batch list"):
        await Shelf(link.bucket("batches")).get("nobody")


async def test_the_count_begins_where_the_stream_of_results_stood(link: Link, tmp_path: Path) -> None:
    desk = Desk(link, a_file(tmp_path, 1))
    earlier = await desk.submit(Queue())
    await desk.answer(1, earlier)
    stored = await link.streams.last(f"result.default.{earlier.id}-1")
    assert stored is not None
    a_file(tmp_path, 2)
    later = await desk.submit(Queue())
    assert later.first_sequence <= stored.sequence
    assert (await desk.tally(later)).open == 2
