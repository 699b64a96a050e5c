"""The line of an attempt is written while the counters are asked, where much of its budgets is left."""

import asyncio
from typing import Any

import pytest
from cascade import FakeClock
from fakes_money import NOON, budget, charge, ledger, lines, spent

from pipeline.adapters.money.counters import Held, Slot
from pipeline.adapters.money.fold import Fold
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.opened import MOST, Opened
from pipeline.adapters.money.windows import frame_at
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.ports import Streams
from pipeline.transport.memory import MemoryLink


class Slow(MemoryCounters):
    """Counters that answer when they are let, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.lets = asyncio.Event()
        self.lets.set()
        self.away = False

    async def hold(self, *told: Any, **more: Any) -> Held:
        await self.lets.wait()
        if self.away:
            raise StoreUnavailable("away")
        return await super().hold(*told, **more)


class House:
    """A worker that knows that much is left: it has made an attempt a moment ago."""

    def __init__(self, **others: Any) -> None:
        self.counters, self.link = Slow(), MemoryLink()
        self.streams: Streams = self.link.streams
        self.clock = FakeClock(NOON)
        self.ledger: StreamLedger = self.worker(**others)

    def worker(self, **others: Any) -> StreamLedger:
        spec = budget(usd=0.02, **others)
        return ledger(self.counters, self.streams, self.clock, spec, fresh_s=60.0)

    async def warm(self) -> "House":
        assert await self.ledger.reserve(charge(0, 0.001)) is None
        return self

    async def kinds(self) -> list[str]:
        return [entry.kind for entry in (await lines(self.streams))[1:]]

    async def total(self) -> int:
        """Billionths of a dollar that are counted, and that follow from the lines: both are the same."""
        await asyncio.sleep(0)
        slot = Slot("day", "tenant=acme", frame_at("day", self.clock.now()))
        (counted,) = await self.counters.read([slot])
        fold = Fold()
        for number, entry in enumerate(await lines(self.streams), 1):
            fold.take(entry, number)
        assert fold.image(self.clock.now()).totals[slot] == counted
        return counted.nano


async def test_the_line_is_there_before_the_counters_answer_and_the_attempt_waits_for_both() -> None:
    house = await House().warm()
    house.counters.lets.clear()
    asked = asyncio.create_task(house.ledger.reserve(charge(1)))
    async with asyncio.timeout(5):
        while await house.kinds() != ["reserve"]:
            await asyncio.sleep(0)
    assert not asked.done()
    house.counters.lets.set()
    assert await asked is None
    assert await house.total() == 2_000_000


async def test_while_little_is_known_to_be_left_the_counters_are_asked_first() -> None:
    house = await House().warm()
    assert await house.ledger.reserve(charge(1, 0.0095)) is None  # more than half is taken now
    house.counters.lets.clear()
    asked = asyncio.create_task(house.ledger.reserve(charge(2)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert await house.kinds() == ["reserve"]
    house.counters.lets.set()
    assert await asked is None


async def test_a_line_whose_attempt_is_denied_after_all_is_taken_back() -> None:
    house = await House().warm()
    assert await house.worker().reserve(charge(1, 0.0185)) is None  # elsewhere, a moment later
    denied = await house.ledger.reserve(charge(2))
    assert denied is not None
    assert denied.budget == "day"
    assert await house.kinds() == ["reserve", "reserve", "release"]
    assert await house.total() == 19_500_000


async def test_an_attempt_whose_line_cannot_be_written_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    house = await House().warm()

    async def broken(*_: Any, **__: Any) -> None:
        raise TransportUnavailable("away")

    monkeypatch.setattr(house.ledger._lines, "append", broken)
    with pytest.raises(TransportUnavailable):
        await house.ledger.reserve(charge(1))
    await asyncio.gather(*house.ledger._tasks)
    assert await house.total() == 1_000_000


async def test_one_that_is_taken_back_in_between_leaves_nothing_set_aside() -> None:
    house = await House().warm()
    house.counters.lets.clear()
    asked = asyncio.create_task(house.ledger.reserve(charge(1)))
    async with asyncio.timeout(5):
        while await house.kinds() != ["reserve"]:
            await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    house.counters.lets.set()
    await asyncio.gather(*house.ledger._tasks)
    assert await house.kinds() == ["reserve", "release"]
    assert await house.total() == 1_000_000


@pytest.mark.parametrize(("when_away", "kinds"), [("refuse", ["reserve", "release"]), ("allow", ["reserve"])])
async def test_while_nobody_counts_each_budget_says_what_that_means(when_away: str, kinds: list[str]) -> None:
    house = await House(when_away=when_away).warm()
    house.counters.away = True
    denied = await house.ledger.reserve(charge(1))
    assert (denied is None) == (when_away == "allow")
    assert await house.kinds() == kinds


async def test_a_request_counts_once_however_its_lines_were_written() -> None:
    house = await House().warm()
    assert await house.ledger.reserve(charge(1)) is None
    assert await house.ledger.reserve(charge(1, stage="escalate")) is None
    await house.ledger.settle(charge(1), 0.001, spent(), estimated=False)
    assert [entry.opens for entry in await lines(house.streams)] == [("day",), ("day",), (), ()]
    assert await house.total() == 3_000_000


def test_where_a_request_is_counted_is_known_of_attempts_made_here() -> None:
    opened = Opened()
    day, hour = (Slot(name, "all", frame_at("day", NOON)) for name in ("day", "hour"))
    first, second = charge(1), charge(1, stage="escalate")
    assert opened.foresee(first, [day, hour]) == (0, 1)
    assert opened.foresee(second, [day]) is None, "its first attempt was made elsewhere"
    opened.counted(first, [day])
    assert opened.foresee(second, [day]) == ()
    assert opened.foresee(second, [hour, day]) == (0,)
    assert opened.foresee(charge(1, lost="lost-1"), [day]) is None
    opened.forget(first)
    assert opened.foresee(second, [day]) is None


def test_what_is_known_of_requests_is_bounded() -> None:
    opened, slot = Opened(), Slot("day", "all", frame_at("day", NOON))
    for number in range(MOST + 1):
        opened.counted(charge(number), [slot])
    assert opened.foresee(charge(0, stage="escalate"), [slot]) is None
    assert opened.foresee(charge(1, stage="escalate"), [slot]) == ()
