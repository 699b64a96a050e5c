"""A standing may be a moment old while much of the budget is left."""

from collections.abc import AsyncIterator

import pytest
from cascade import FakeClock
from fakes_money import NOON, budget, charge, ledger, spent

from pipeline.adapters.money.counters import Slot, Total
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.stood import FRESH_S
from pipeline.contracts import Cover
from pipeline.transport.memory import MemoryLink

DAY = (Cover(budget="day", scope="tenant=acme"),)


class Asked(MemoryCounters):
    """Counters that count how often somebody looks at them."""

    looks = 0

    async def read(self, slots: "list[Slot]") -> tuple[Total, ...]:  # type: ignore[override]
        self.looks += 1
        return await super().read(slots)


class Office:
    """One worker whose counters and clock are at hand."""

    def __init__(self) -> None:
        self.counters, self.clock, self.streams = Asked(), FakeClock(NOON), MemoryLink().streams
        self.worker: StreamLedger = ledger(self.counters, self.streams, self.clock, budget(usd=0.01), fresh_s=FRESH_S)

    async def left(self, covers: tuple[Cover, ...] = DAY) -> float:
        (found,) = await self.worker.standing(covers)
        return found.left


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    await made.worker.start()
    yield made
    await made.worker.stop()


async def test_a_reserve_tells_what_is_left_so_that_nobody_is_asked(office: Office) -> None:
    await office.worker.reserve(charge(1, usd=0.002))

    assert await office.left() == pytest.approx(0.8)
    assert office.counters.looks == 0


async def test_what_was_asked_is_not_asked_again_at_once(office: Office) -> None:
    assert [await office.left(), await office.left()] == [1.0, 1.0]
    assert office.counters.looks == 1


async def test_what_others_spent_is_seen_after_a_moment(office: Office) -> None:
    other = ledger(MemoryCounters(office.counters), office.streams, office.clock, budget(usd=0.01))
    await office.left()
    await other.reserve(charge(2, usd=0.004))
    office.clock.time += FRESH_S

    assert await office.left() == pytest.approx(0.6)


async def test_near_the_end_of_a_budget_the_counters_are_asked_each_time(office: Office) -> None:
    await office.worker.reserve(charge(1, usd=0.008))
    await office.worker.settle(charge(1, usd=0.008), 0.001, spent(), estimated=False)

    assert await office.left() == pytest.approx(0.9)
    assert office.counters.looks == 1


async def test_what_one_has_left_is_not_said_of_another(office: Office) -> None:
    await office.worker.reserve(charge(1, usd=0.002))

    assert await office.left((Cover(budget="day", scope="tenant=beta"),)) == 1.0
    assert office.counters.looks == 1
