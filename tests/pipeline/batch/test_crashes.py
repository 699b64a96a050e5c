"""Whoever leads dies; workers are gone; messages are lost: no line is lost, and none runs twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import orjson
import pytest
from batches import Desk, desk_on, in_queues, questions

from pipeline.batch import Batch, flight
from pipeline.batch.active import Active
from pipeline.batch.lease import LEASE_S
from pipeline.batch.model import PAGE
from pipeline.batch.queues import Queues
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


async def _pages(link: Link, pages: int, **fields: object) -> Active:
    store = Store(link.objects("files"))
    for page in range(pages):
        rows = [orjson.dumps({"n": page * PAGE + n + 1, "c": None, "r": {"input": "x"}}) for n in range(PAGE)]
        await store.put_rows(f"batch/t/b/in/{page}", rows)
    always = {"id": "b", "tenant": "t", "file_id": "f", "digest": "d", "created": 1.0, "expires_at": 9.0}
    active = Active(Batch.model_validate(always | fields | {"counts": {"total": pages * PAGE}}), store)
    await active.load()
    return active


def _noted(active: Active) -> None:
    """As whoever leads does twice a second."""
    active.batch = active.batch.model_copy(update={"opened": active.opened})


async def _settle(active: Active) -> None:
    for page in active.ripe():
        await active.settle(page)


async def test_a_line_that_waits_long_holds_up_neither_others_nor_much_memory(link: Link) -> None:
    """One page may be open for long; pages behind it go on, and sixteen such pages are enough."""
    active = await _pages(link, 20)
    slow, taken = [], 0
    while (line := await active.take()) is not None:
        taken += 1
        _noted(active)
        if line.place % PAGE == 0:
            slow.append(line)
        else:
            active.end(line, "answered", {"id": line.request_id})
        await _settle(active)
    assert taken == 16 * PAGE
    assert active.dry
    active.end(slow[0], "failed", {"id": slow[0].request_id})
    await _settle(active)
    assert not active.dry
    assert await active.take() is not None


async def test_lines_that_wait_for_their_providers_batch_hold_up_no_page(link: Link) -> None:
    active = await _pages(link, 20)
    taken = 0
    while (line := await active.take()) is not None:
        taken += 1
        _noted(active)
        active.wait(line, waits=True)
    assert taken == 20 * PAGE
    assert active.exhausted


async def test_no_page_is_opened_of_which_the_next_leader_would_not_know(link: Link) -> None:
    """It looks for lines of the pages before it alone; what it does not look for it would hand in a second time."""
    active = await _pages(link, 40)
    while (line := await active.take()) is not None:
        active.wait(line, waits=True)
    assert active.opened == 16
    _noted(active)
    while (line := await active.take()) is not None:
        active.wait(line, waits=True)
    assert active.opened == 32
    following = Active(active.batch, active.store)
    await following.load()
    unsure = []
    while (line := await following.take()) is not None:
        following.wait(line, waits=True)
        unsure.append(line.unsure)
    assert unsure == [True] * 32 * PAGE


async def test_how_lines_ended_is_stored_early_where_too_much_of_it_is_held_in_memory(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever leads next takes none of them again, and settles the page with all of them."""
    monkeypatch.setattr("pipeline.batch.active.HELD", 500)
    first = await _pages(link, 2)
    lines = [line for _ in range(PAGE) if (line := await first.take()) is not None]
    for line in reversed(lines[5:]):
        first.end(line, "answered", {"id": line.request_id}, b'{"content":"yes"}')
        first.charge(line, 0.5)
        await first.relieve()
    second = Active(first.batch, first.store)
    await second.load()
    assert second.counts().answered >= PAGE - 15
    while (line := await second.take()) is not None:
        second.end(line, "failed", {"id": line.request_id})
        await _settle(second)
    rows = [row async for row in second.store.rows("batch/t/b/out/0/0")]
    assert [row["n"] for row in rows] == list(range(1, PAGE + 1))
    early = [row for row in rows if row["s"] == "a"]
    assert len(early) == second.counts().answered
    assert second.money()[0] == 0.5 * len(early)
    assert {row["reply"]["content"] for row in early} == {"yes"}
    assert await link.objects("files").get("batch/t/b/out/0/0/early/0/0") is None


async def test_what_is_held_for_long_is_stored_early(link: Link) -> None:
    """A reply is kept elsewhere for a day, and a page may wait for a line for longer."""
    made = await _pages(link, 1)
    now = [100.0]
    active = Active(made.batch, made.store, lambda: now[0])
    await active.load()
    line = await active.take()
    assert line is not None
    active.end(line, "answered", {"id": line.request_id})
    await active.relieve()
    assert await active.store.last_early("batch/t/b/out/0/0") == (0, None)
    now[0] += 3601
    await active.relieve()
    assert (await active.store.last_early("batch/t/b/out/0/0"))[0] == 1


async def test_whoever_goes_on_reads_the_queues_once_however_many_lines_are_in_doubt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that reads them for each line is so busy that it loses the lead, and the next one does the same."""
    readings: list[int] = []
    real = Queues.all

    async def counted(self: Queues):  # type: ignore[no-untyped-def]
        readings.append(1)
        return await real(self)

    monkeypatch.setattr(Queues, "all", counted)
    await desk.lead()
    await desk.until(await desk.submit(*questions(100)))
    assert len(readings) == 1


async def test_a_line_that_waits_for_its_time_is_known_by_its_subject_alone(link: Link) -> None:
    """Thousands may wait for a batch of their provider; nobody reads what they ask."""
    await link.streams.append("step.later.batch.draft.acme.b-1-17.4.1", b"not an envelope", expected=0)
    await link.streams.append("step.later.batch.draft.acme.b-1-18.4.1.provider_batch", b"nor this", expected=0)
    assert await Queues(link.streams).all() == {("acme", "b-1-17"), ("acme", "b-1-18")}
    assert await Queues(link.streams).waiting() == {("acme", "b-1-17"): False, ("acme", "b-1-18"): True}
