"""Valkey remembers an attempt that was settled for minutes, since its line in the stream says the same for ever."""

from collections.abc import AsyncIterator, Iterator

import pytest
from cascade import FakeClock
from fakes_money import NOON, budget, charge, ledger, spent
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.money import ledger as module
from pipeline.adapters.money.caps import REMEMBERED_S
from pipeline.adapters.money.counters import Bucket
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.valkey import ValkeyCounters
from pipeline.policy.models import Allowance
from pipeline.transport.memory import MemoryLink


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
async def counters(valkey: ValkeyServer) -> AsyncIterator[ValkeyCounters]:
    made = ValkeyCounters(valkey.url)
    await made._calls.command("FLUSHALL")
    yield made
    await made.close()


@pytest.fixture
async def worker(counters: ValkeyCounters) -> AsyncIterator[StreamLedger]:
    made = ledger(counters, MemoryLink().streams, FakeClock(NOON), budget(limit=Allowance(usd=0.01, requests=1)))
    yield made
    await made.stop()


async def lasts(counters: ValkeyCounters, part: str) -> list[int]:
    """Seconds for which keys with this in their name last."""
    keys = [key.decode() for key in await counters._calls.command("KEYS", f"*{part}*")]
    return [await counters._calls.command("TTL", key) for key in keys]


async def test_what_is_held_lasts_for_days_and_what_is_settled_for_minutes(
    worker: StreamLedger, counters: ValkeyCounters
) -> None:
    assert await worker.reserve(charge(1)) is None
    for part in (":a:", ":q:"):
        (held,) = await lasts(counters, part)
        assert held > module.KEEP_BRIEF_S * 10
    await worker.settle(charge(1), 0.001, spent(), estimated=False)
    for part in (":a:", ":q:"):
        (settled,) = await lasts(counters, part)
        assert 0 < settled <= module.KEEP_BRIEF_S


async def test_a_request_that_a_budget_lets_wait_is_known_for_as_long_as_it_may_wait(
    worker: StreamLedger, counters: ValkeyCounters
) -> None:
    """Else the request would be counted anew when it goes on."""
    await worker.reserve(charge(1))
    await worker.settle(charge(1), 0.001, spent(), estimated=False)
    assert await worker.reserve(charge(1, step="escalate-2", usd=9.0)) is not None
    (waits,) = await lasts(counters, ":q:")
    assert waits > module.KEEP_BRIEF_S * 10


async def test_an_escalation_that_was_counted_is_remembered_for_minutes_from_when_it_was_last_asked_for(
    counters: ValkeyCounters,
) -> None:
    caps = [Bucket("cap|all", 0.5, 10, False, None)]
    await counters.asked("acme.1", caps, keep_s=REMEMBERED_S)
    assert await counters.take("acme.1.escalate-2", caps, keep_s=5) is None
    assert await counters.take("acme.1.escalate-2", caps, keep_s=REMEMBERED_S) is None
    ((asked,), (taken,)) = await lasts(counters, "asked:"), await lasts(counters, "taken:")
    assert 0 < asked <= REMEMBERED_S
    assert 5 < taken <= REMEMBERED_S
