"""The ledger over a real Valkey that dies, comes back empty, comes back with older data, hangs, or evicts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cascade import FakeClock
from fakes_money import NOON, budget, cap, charge, ledger, lines, spent
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.money import calls
from pipeline.adapters.money import ledger as module
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.valkey import PREFIX, ValkeyCounters
from pipeline.contracts import Cover
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.ports import Streams
from pipeline.transport.memory import MemoryLink

DAY = (Cover(budget="day", scope="tenant=acme"),)


@pytest.fixture
def valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValkeyServer]:
    monkeypatch.setattr(calls, "REST_S", 0.01)
    with valkey_server(tmp_path) as server:
        yield server


class Office:
    """Workers at one Valkey and one stream."""

    def __init__(self, valkey: ValkeyServer) -> None:
        self.valkey = valkey
        self.streams: Streams = MemoryLink().streams
        self.clock = FakeClock(NOON)
        self.workers: list[StreamLedger] = []

    def worker(self, *specs: object, **others: object) -> StreamLedger:
        counters = ValkeyCounters(self.valkey.url)
        counters._calls._rest_s = 0.01
        made = ledger(counters, self.streams, self.clock, *specs, **others)
        self.workers.append(made)
        return made

    async def command(self, *words: str) -> object:
        counters = ValkeyCounters(self.valkey.url)
        try:
            return await counters._calls.command(*words)
        finally:
            await counters.close()


@pytest.fixture
async def office(valkey: ValkeyServer) -> AsyncIterator[Office]:
    made = Office(valkey)
    yield made
    for worker in made.workers:
        await worker.stop()


class Slow:
    """A stream whose next append waits until it is let go, or fails."""

    def __init__(self, inner: Streams) -> None:
        self.inner = inner
        self.go = asyncio.Event()
        self.go.set()
        self.breaks = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def append(self, subject: str, body: bytes, **options: object) -> object:
        await self.go.wait()
        if self.breaks:
            raise TransportUnavailable("NATS did not confirm")
        return await self.inner.append(subject, body, **options)  # type: ignore[arg-type]


async def left(worker: StreamLedger) -> float:
    assert await worker.reserve(charge(999, 0.0)) is None
    (found,) = await worker.standing(DAY)
    return round(found.left, 9)


async def spend(worker: StreamLedger, *numbers: int) -> None:
    for number in numbers:
        assert await worker.reserve(charge(number, 0.002)) is None
        await worker.settle(charge(number, 0.002), 0.001, spent(), estimated=False)


async def test_killed_and_started_empty_it_knows_what_was_spent(office: Office) -> None:
    one, other = office.worker(), office.worker()
    await spend(one, 1, 2)
    await other.reserve(charge(3, 0.002))
    office.valkey.kill()
    office.valkey.start()
    assert await left(other) == 0.6
    await other.settle(charge(3, 0.002), 0.001, spent(), estimated=False)
    assert await left(one) == 0.7


async def test_started_again_with_older_data_it_believes_the_ledger_and_counts_nothing_twice(office: Office) -> None:
    worker = office.worker()
    await spend(worker, 1)
    await worker.reserve(charge(2, 0.002))
    await office.command("SAVE")
    await worker.settle(charge(2, 0.002), 0.001, spent(), estimated=False)
    await spend(worker, 3)
    office.valkey.kill()
    office.valkey.start()
    assert await office.command("KEYS", f"{PREFIX}*") != [], "the older data is there"
    assert await left(worker) == 0.7
    await worker.settle(charge(2, 0.002), 0.001, spent(), estimated=False)
    assert await left(worker) == 0.7


async def test_emptied_while_it_runs_it_counts_again(office: Office) -> None:
    worker = office.worker()
    await spend(worker, 1, 2)
    await office.command("FLUSHALL")
    assert await left(worker) == 0.8


async def test_a_counter_that_was_evicted_is_counted_again_and_not_begun_anew(office: Office) -> None:
    worker = office.worker()
    await spend(worker, 1, 2)
    keys = await office.command("KEYS", f"{PREFIX}*:w:*")
    assert isinstance(keys, list)
    await office.command("DEL", *(key.decode() for key in keys))
    assert await left(worker) == 0.8


async def test_while_it_is_away_a_budget_refuses_or_allows_and_what_was_spent_is_counted_later(
    office: Office,
) -> None:
    strict, lenient = office.worker(), office.worker(budget(when_away="allow"))
    await spend(lenient, 1)
    assert await left(strict) == 0.9
    office.valkey.kill()
    denial = await strict.reserve(charge(2, 0.002))
    assert denial is not None
    assert (denial.action, denial.resets_s) == ("refuse", 1.0)
    assert "nobody can count now" in denial.reason
    await spend(lenient, 3, 4)
    assert await strict.standing(DAY) == ()
    office.valkey.start()
    assert await left(lenient) == 0.7
    assert await left(strict) == 0.7


async def test_what_was_settled_while_it_hung_is_not_missing_when_it_goes_on(office: Office) -> None:
    worker = office.worker()
    await worker.reserve(charge(1, 0.002))
    office.valkey.pause()
    await worker.settle(charge(1, 0.002), 0.005, spent(), estimated=False)
    assert await worker.reserve(charge(2, 0.001)) is not None
    office.valkey.resume()
    await asyncio.sleep(0.05)
    assert await left(worker) == 0.5
    assert await worker.reserve(charge(3, 0.005)) is None
    assert await worker.reserve(charge(4, 0.001)) is not None


class Unheard(MemoryCounters):
    """Counters that once do not hear what is settled."""

    deaf = False

    async def settle(self, *given: object, **options: object) -> None:
        if self.deaf:
            self.deaf = False
            raise StoreUnavailable("the counters do not answer")
        await super().settle(*given, **options)  # type: ignore[arg-type]


async def test_a_settlement_that_the_counters_did_not_hear_of_is_made_up_for() -> None:
    counters = Unheard()
    worker = ledger(counters, MemoryLink().streams, FakeClock(NOON))
    await worker.reserve(charge(1, 0.002))
    counters.deaf = True
    await worker.settle(charge(1, 0.002), 0.005, spent(), estimated=False)
    assert await left(worker) == 0.5


async def test_a_line_that_is_a_little_late_is_counted_again_with_the_others(office: Office) -> None:
    slow = Slow(office.streams)
    late = ledger(ValkeyCounters(office.valkey.url), slow, office.clock, grace_s=1.0)  # type: ignore[arg-type]
    other = office.worker(grace_s=1.0)
    office.workers.append(late)
    await late.reserve(charge(0, 0.0))
    slow.go.clear()
    waiting = asyncio.create_task(late.reserve(charge(1, 0.01)))
    await asyncio.sleep(0.1)
    await office.command("FLUSHALL")
    counting = asyncio.create_task(other.reserve(charge(2, 0.01)))
    await asyncio.sleep(0.1)
    slow.go.set()
    assert await waiting is None
    assert await counting is not None, "who counts again waits for lines on their way"


async def test_while_it_is_away_each_worker_keeps_the_share_of_escalations_by_itself(office: Office) -> None:
    few = (Cover(budget="few", scope="route=chat"),)
    worker = office.worker(cap(share=0.0, burst=1))
    office.valkey.kill()
    await worker.asked("acme.r1", few)
    assert await worker.may_escalate("acme.r1.escalate-2", few) is None
    assert await worker.may_escalate("acme.r2.escalate-2", few) is not None


async def test_without_a_valkey_budgets_say_what_that_means_and_lines_are_written_all_the_same() -> None:
    streams, clock = MemoryLink().streams, FakeClock(NOON)
    strict, lenient = ledger(None, streams, clock), ledger(None, streams, clock, budget(when_away="allow"))
    assert await strict.reserve(charge(1)) is not None
    assert await lenient.reserve(charge(2)) is None
    await lenient.settle(charge(2), 0.001, spent(), estimated=False)
    assert [stored.subject async for stored in streams.scan("LEDGER")] == [
        "ledger.acme.r2.draft-1.reserve",
        "ledger.acme.r2.draft-1.settle",
    ]
    assert await lenient.standing(DAY) == ()


class Ticking(FakeClock):
    """A clock whose monotonic time is real."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


async def test_a_line_that_was_on_its_way_through_a_loss_is_asked_again_whether_it_still_counts(office: Office) -> None:
    slow = Slow(office.streams)
    late = ledger(ValkeyCounters(office.valkey.url), slow, Ticking(NOON), grace_s=0.05)  # type: ignore[arg-type]
    other = office.worker()
    office.workers.append(late)
    slow.go.clear()
    waiting = asyncio.create_task(late.reserve(charge(1, 0.01)))
    await asyncio.sleep(0.1)
    await office.command("FLUSHALL")
    assert await other.reserve(charge(2, 0.01)) is None, "nothing tells yet that it was held"
    slow.go.set()
    denial = await waiting
    assert denial is not None, "the room went to another one meanwhile"
    await other.settle(charge(2, 0.01), 0.0, spent(), estimated=False)
    assert await left(other) == 1.0


async def test_what_cannot_be_written_down_is_not_made_and_given_back(office: Office) -> None:
    slow = Slow(office.streams)
    worker = ledger(ValkeyCounters(office.valkey.url), slow, office.clock)  # type: ignore[arg-type]
    office.workers.append(worker)
    slow.breaks = True
    with pytest.raises(TransportUnavailable):
        await worker.reserve(charge(1, 0.01))
    await asyncio.gather(*worker._tasks)
    slow.breaks = False
    assert await left(worker) == 1.0


class Held(MemoryCounters):
    """Counters that hear of what is settled when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.hear = asyncio.Event()
        self.told = 0

    async def settle(self, *given: object, **options: object) -> None:
        self.told += 1
        await self.hear.wait()
        await super().settle(*given, **options)  # type: ignore[arg-type]


async def test_who_settles_waits_for_the_line_and_not_for_the_counters() -> None:
    counters, streams = Held(), MemoryLink().streams
    worker = ledger(counters, streams, FakeClock(NOON))
    await worker.reserve(charge(1, 0.005))
    await worker.settle(charge(1, 0.005), 0.001, spent(), estimated=False)
    assert [line.kind for line in await lines(streams)] == ["reserve", "settle"]
    assert await left(worker) == 0.5, "until they hear of it they hold what was set aside"
    counters.hear.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await left(worker) == pytest.approx(0.9)


async def test_a_worker_that_stops_lets_what_is_settled_reach_the_counters() -> None:
    counters, streams = Held(), MemoryLink().streams
    worker, other = ledger(counters, streams, FakeClock(NOON)), ledger(counters, streams, FakeClock(NOON))
    await worker.reserve(charge(1, 0.005))
    await worker.settle(charge(1, 0.005), 0.001, spent(), estimated=False)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    counters.hear.set()
    await stopping
    assert await left(other) == pytest.approx(0.9)


async def test_no_more_than_a_bounded_number_of_settled_attempts_is_on_its_way_to_the_counters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    counters = Held()
    worker = ledger(counters, MemoryLink().streams, FakeClock(NOON))
    for number in (1, 2):
        await worker.settle(charge(number), 0.0, spent(), estimated=False)
    third = asyncio.create_task(worker.settle(charge(3), 0.0, spent(), estimated=False))
    while counters.told < 3:
        await asyncio.sleep(0)
    assert not third.done()
    counters.hear.set()
    await third
    await worker.stop()
