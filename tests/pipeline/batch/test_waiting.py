"""Lines that wait for a batch of their provider hold no place, and whoever leads holds no more than their names."""

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import patch

import pytest
from batches import Desk, desk_on, questions

from pipeline.batch import Batch, flight
from pipeline.batch.lease import LEASE_S
from pipeline.contracts import Request, Status
from pipeline.ports import Link
from pipeline.topology import AT_PROVIDER

LIMIT = 20
LINES = 230


class Shelf:
    """Where requests wait, for a batch of their provider or for something else."""

    def __init__(self, desk: Desk, last: str = f".{AT_PROVIDER}") -> None:
        self.desk = desk
        self.last = last
        self.waiting: dict[str, Request] = {}
        desk.cascade.answer = self.take

    def take(self, request: Request) -> Status | None:
        self.waiting[str(request.id)] = request
        asyncio.get_running_loop().create_task(self._store(request))
        return None

    def _place(self, request: Request) -> str:
        return f"step.later.batch.draft.{request.tenant}.{request.id}.4.1{self.last}"

    async def _store(self, request: Request) -> None:
        await self.desk.link.streams.append(self._place(request), b"{}")

    async def answer(self, count: int) -> None:
        for name in list(self.waiting)[:count]:
            request = self.waiting.pop(name)
            await self.desk.link.streams.purge(self._place(request))
            await self.desk.cascade.end(request, "answered")


@pytest.fixture
async def desk(link: Link) -> AsyncIterator[Desk]:
    with patch.multiple(flight, BEYOND_S=0.02, YOUNG_S=0.0):
        async with desk_on(link, lead=False) as made:
            yield made


async def waits(desk: Desk, batch: Batch, lines: int) -> Batch:
    return await desk.met(batch, lambda found: found.waiting == lines)


async def test_they_hold_no_place_so_that_all_of_a_batch_may_wait_and_its_owner_sees_it(desk: Desk) -> None:
    shelf = Shelf(desk)
    await desk.lead(limit=LIMIT)
    batch = await waits(desk, await desk.submit(*questions(LINES)), LINES)
    assert batch.waiting_since is not None
    await shelf.answer(LINES)
    batch = await desk.until(batch)
    assert (batch.status, batch.counts.answered, batch.waiting, batch.waiting_since) == ("completed", LINES, 0, None)
    assert sorted(desk.cascade.ids) == sorted(set(desk.cascade.ids))
    assert [row.line for row in await desk.rows(batch)] == list(range(1, LINES + 1))


async def test_lines_that_wait_for_something_else_hold_their_places(desk: Desk) -> None:
    """Such as a budget: a million of them would ask for it again and again."""
    Shelf(desk, last="")
    await desk.lead(limit=LIMIT)
    looks = 0
    real = flight.Queues.waiting

    async def counted(self: flight.Queues) -> dict[flight.Key, bool]:
        nonlocal looks
        looks += 1
        return await real(self)

    with patch.object(flight.Queues, "waiting", counted):
        await desk.submit(*questions(LINES))
        async with asyncio.timeout(10):
            while looks < 5 or len(desk.cascade.taken) < LIMIT:
                await asyncio.sleep(0.02)
    assert len(desk.cascade.taken) == LIMIT


async def test_one_beyond_those_that_may_wait_holds_its_place(desk: Desk) -> None:
    Shelf(desk)
    with patch("pipeline.batch.feeder.BEYOND", 50):
        await desk.lead(limit=LIMIT)
        batch = await waits(desk, await desk.submit(*questions(LINES)), 50)
        async with asyncio.timeout(10):
            while len(desk.cascade.taken) < 50 + LIMIT:
                await asyncio.sleep(0.02)
        assert (await desk.engine.get(batch.tenant, batch.id)).waiting == 50
    assert len(desk.cascade.taken) == 50 + LIMIT


async def test_whoever_leads_next_hands_none_of_them_in_again_and_holds_no_text(desk: Desk) -> None:
    shelf = Shelf(desk)
    await desk.lead(limit=LIMIT)
    batch = await waits(desk, await desk.submit(*questions(LINES)), LINES)
    feeder = desk.feeders.pop()
    held = feeder._flight._lines.values()
    assert {flying.line.request for flying in held} == {b""}
    task, feeder._task = feeder._task, None
    assert task is not None
    task.cancel()
    await asyncio.wait([task])
    await shelf.answer(LINES // 2)
    desk.clock.ahead += LEASE_S + 1
    await desk.lead(limit=LIMIT)
    await waits(desk, batch, LINES - LINES // 2)
    await shelf.answer(LINES)
    batch = await desk.until(batch)
    assert (batch.status, batch.counts.answered) == ("completed", LINES)
    assert len(desk.cascade.taken) == LINES
    assert len(await desk.rows(batch)) == LINES


async def test_they_are_taken_back_a_bounded_number_at_a_time(desk: Desk) -> None:
    """Each ends before another one is asked for, so that nobody hears of ten thousands at once."""
    shelf = Shelf(desk)
    asked: list[Request] = []
    ended: set[str | None] = set()

    async def later(request: Request, status: Status, code: str = "") -> None:
        if request not in asked and request.id not in ended:
            asked.append(request)

    with patch.object(flight, "TAKEN_BACK", 16):
        await desk.lead(limit=LIMIT)
        batch = await waits(desk, await desk.submit(*questions(LINES)), LINES)
        end = desk.cascade.end
        with patch.object(desk.cascade, "end", later):
            await desk.engine.cancel(batch.tenant, batch.id)
            async with asyncio.timeout(10):
                while len(ended) < LINES:
                    await asyncio.sleep(0.01)
                    assert len(asked) <= 16
                    for request in list(asked):
                        await desk.link.streams.purge(shelf._place(request))
                        asked.remove(request)
                        ended.add(request.id)
                        await end(request, "failed", "cancelled")
        batch = await desk.until(batch)
    assert (batch.status, batch.counts.cancelled) == ("cancelled", LINES)
