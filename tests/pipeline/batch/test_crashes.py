"""Whoever leads dies; workers are gone; messages are lost: no line is lost, and none runs twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import orjson
import pytest
from batches import Desk, desk_on, in_queues, questions

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.batch import Batch, flight
from pipeline.batch.active import Active
from pipeline.batch.lease import LEASE_S
from pipeline.batch.model import PAGE
from pipeline.batch.store import Store
from pipeline.contracts import Request
from pipeline.ports import Link


@pytest.fixture
async def desk(link: Link) -> AsyncIterator[Desk]:
    async with desk_on(link, lead=False) as made:
        yield made


async def die(desk: Desk) -> None:
    """The one who leads is gone in the middle of what it does, and says nothing."""
    feeder = desk.feeders.pop(0)
    task, feeder._task = feeder._task, None
    assert task is not None
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
    desk.clock.ahead += LEASE_S + 1


async def test_another_one_goes_on_and_no_line_runs_twice(desk: Desk) -> None:
    """A quarter of the lines was answered, another is on its way, when the leader dies, three times over."""
    held: list[Request] = []

    def answer(request: Request) -> str | None:
        if int(str(request.input).split()[1]) % 2:
            held.append(request)
            return None
        return "answered"

    desk.cascade.answer = answer  # type: ignore[assignment]
    await desk.lead(limit=150)
    batch = await desk.submit(*questions(2 * PAGE + 50))
    for answered in (20, 60, 100):
        await desk.counted(batch, answered)
        await die(desk)
        queued = [request for request in held if request.id is not None]
        await in_queues(desk.link, queued)
        await desk.lead(limit=150)
        for _ in range(len(held) // 2):
            await desk.cascade.end(held.pop(0), "answered")
    desk.cascade.answer = lambda _: "answered"
    async with asyncio.timeout(30):
        while (found := await desk.engine.get("default", batch.id)).status != "completed":
            while held:  # more may come meanwhile
                await desk.cascade.end(held.pop(), "answered")
            await asyncio.sleep(0.05)
    assert found.counts.answered == 2 * PAGE + 50
    assert Counter(desk.cascade.ids).most_common(1)[0][1] == 1, "no line was handed in twice"
    assert [row.line for row in await desk.rows(found)] == list(range(1, 2 * PAGE + 51))


async def test_a_batch_is_handed_in_while_nobody_leads_and_read_when_somebody_does(desk: Desk) -> None:
    batch = await desk.submit(*questions(3))
    assert batch.status == "validating"
    await desk.lead()
    assert (await desk.until(batch)).counts.answered == 3


async def test_only_one_leads_and_the_next_one_does_when_it_leaves(desk: Desk) -> None:
    first = await desk.lead()
    await desk.until(await desk.submit(*questions(1)))
    await desk.lead()
    await asyncio.sleep(0.1)
    lease = await desk.engine.shelf.bucket.get("feeder")
    assert lease is not None
    assert orjson.loads(lease.value)["who"] == "feeder-0"
    await first.stop()
    assert (await desk.until(await desk.submit(*questions(2, "more")))).counts.answered == 2


async def test_nobody_waits_for_the_lease_of_one_that_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server knows at once that its connection is no more; the lease alone would last an hour."""
    monkeypatch.setattr("pipeline.batch.lease.LEASE_S", 3600.0)
    first = await desk.lead()
    await desk.until(await desk.submit(*questions(1)))
    await desk.lead()
    await die(desk)
    desk.clock.ahead = 0.0
    batch = await desk.submit(*questions(2, "more"))
    await asyncio.sleep(0.5)
    assert (await desk.engine.get("default", batch.id)).status == "validating", "one that is there still leads"
    await first._lease.deafen()
    assert (await desk.until(batch)).counts.answered == 2


async def test_a_batch_that_was_cancelled_while_nobody_led_never_begins(desk: Desk) -> None:
    batch = await desk.submit(*questions(3))
    await desk.engine.cancel("default", batch.id)
    await desk.lead()
    assert (await desk.until(batch)).status == "cancelled"
    assert desk.cascade.taken == []


async def test_lines_wait_where_no_worker_takes_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at first, then somebody who says nothing; the line is handed in again until it is taken."""
    from pipeline import client

    monkeypatch.setattr(client, "ACCEPT_WAIT_S", 0.02)
    desk.cascade.silent = True
    await desk.lead()
    batch = await desk.until(await desk.submit({"input": "one"}), "in_progress")
    await asyncio.sleep(0.3)
    desk.cascade.silent = False
    assert (await desk.until(batch)).counts.answered == 1
    assert len(desk.cascade.taken) == 1


async def test_a_result_that_nobody_told_of_is_found_and_a_line_that_was_lost_runs_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "SILENT_S", 0.1)
    monkeypatch.setattr(flight, "LOST_S", 0.3)
    monkeypatch.setattr("pipeline.batch.feeder.SWEEP_S", 0.1)
    lost: list[Request] = []

    def answer(request: Request) -> str | None:
        if request.input == "question 2" and not lost:
            lost.append(request)
            return None
        return "answered"

    async def deaf(*_: object) -> None:
        """Core messages may be lost."""

    monkeypatch.setattr(flight.Flight, "_heard", deaf)
    desk.cascade.answer = answer  # type: ignore[assignment]
    await desk.lead()
    batch = await desk.until(await desk.submit(*questions(3)))
    assert batch.counts.answered == 3
    assert Counter(desk.cascade.ids)[str(lost[0].id)] == 2


async def test_how_far_a_batch_is_follows_from_what_was_written_down(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "failed" if str(request.input).endswith("7") else "answered"
    await desk.lead()
    batch = await desk.until(await desk.submit(*questions(PAGE + 20), {"input": "question 1"}))
    again = Active(batch, Store(desk.link.objects("files")))
    await again.load()
    assert again.done
    assert again.counts() == batch.counts
    assert again.money()[0] == pytest.approx(batch.cost_usd)


async def test_a_line_that_waits_long_holds_up_neither_others_nor_much_memory(link: Link) -> None:
    """One page may be open for long; pages behind it go on, but not without end."""
    store = Store(link.objects("files"))
    pages = 20
    for page in range(pages):
        rows = [orjson.dumps({"n": page * PAGE + n + 1, "c": None, "r": {"input": "x"}}) for n in range(PAGE)]
        await store.put_rows(f"batch/t/b/in/{page}", rows)
    fields = {"id": "b", "tenant": "t", "file_id": "f", "digest": "d", "created": 1.0, "expires_at": 9.0}
    active = Active(Batch.model_validate(fields | {"counts": {"total": pages * PAGE}}), store)
    await active.load()
    slow = await active.take()
    assert slow is not None
    taken = 1
    while (line := await active.take()) is not None:
        taken += 1
        active.end(line, "answered", {"id": line.request_id})
        for page in active.ripe():
            await active.settle(page)
    assert taken == 16 * PAGE
    assert active.dry
    active.end(slow, "failed", {"id": slow.request_id})
    for page in active.ripe():
        await active.settle(page)
    assert not active.dry
    assert await active.take() is not None


async def test_whoever_goes_on_reads_the_queues_once_however_many_lines_are_in_doubt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that reads them for each line is so busy that it loses the lead, and the next one does the same."""
    readings: list[int] = []
    real = flight.Flight.in_queues

    async def counted(self: flight.Flight):  # type: ignore[no-untyped-def]
        readings.append(1)
        return await real(self)

    monkeypatch.setattr(flight.Flight, "in_queues", counted)
    await desk.lead()
    await desk.until(await desk.submit(*questions(100)))
    assert len(readings) == 1


async def test_a_line_that_waits_for_its_time_is_known_by_its_subject_alone(link: Link) -> None:
    """Thousands may wait for a batch of their provider; nobody reads what they ask."""
    await link.streams.append("step.later.batch.draft.acme.b-1-17.4.1", b"not an envelope", expected=0)
    looked = flight.Flight(link, StreamResults(link.streams), SystemClock(), lambda: None)
    assert await looked.in_queues() == {("acme", "b-1-17")}
