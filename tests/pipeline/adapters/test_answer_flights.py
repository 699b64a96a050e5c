"""Identical requests under way are answered once, over several workers and a real Valkey; and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from accepted import SECRET, envelope
from valkey_server import ValkeyServer

from pipeline.adapters import answer_flights
from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.answer_flights import Flights
from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.contracts import Envelope

MOST = {"interactive": 50, "batch": 1}


class Worker:
    """One process: its connection, its answers and its flights."""

    def __init__(self, url: str, most: dict[str, int] | None = None) -> None:
        self.store = ValkeyAnswers(url)
        self.answers = AnswerCache(self.store, SECRET, SystemClock())
        self.flights = Flights(self.answers, SystemClock(), most or MOST)  # type: ignore[arg-type]

    async def close(self) -> None:
        await self.flights.close()
        await self.store.close()


pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
async def workers(valkey: ValkeyServer) -> AsyncIterator[list[Worker]]:
    made = [Worker(valkey.url) for _ in range(3)]
    await made[0].store._calls.command("FLUSHALL")
    yield made
    for worker in made:
        await worker.close()


def asked(number: int = 0, left_s: float = 60, **changes: object) -> Envelope:
    now = SystemClock().now()
    times = {"received_at": now, "deadline_at": now + left_s}
    return envelope(**changes).model_copy(update={"id": f"r{number}", **times})  # type: ignore[arg-type]


async def test_a_hundred_identical_requests_over_three_workers_are_answered_once(workers: list[Worker]) -> None:
    answered: list[str] = []

    async def one(number: int) -> str:
        worker, request = workers[number % 3], asked(number)
        found = await worker.flights.find(request)
        if found.hit is None:
            answered.append(request.id)
            await asyncio.sleep(0.1)
            await worker.answers.remember(request, 60)
            return "made"
        return found.hit.kind

    kinds = await asyncio.gather(*(one(number) for number in range(100)))

    assert len(answered) == 1
    assert sorted(set(kinds)) == ["flight", "made"]


async def test_a_leader_that_dies_is_followed_by_one_of_those_who_wait(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("answer_cache", "answer_flights"):
        monkeypatch.setattr(f"pipeline.adapters.{module}.LEASE_S", 0.15)
    assert (await workers[0].flights.find(asked(0))).reason == "leads"
    await workers[0].flights.close()  # nobody renews its lease any more

    found = await asyncio.gather(*(workers[1 + n % 2].flights.find(asked(1 + n)) for n in range(2)), _soon(workers[2]))

    assert sorted(str(one.reason) for one in found[:2]).count("leads") == 1


async def _soon(worker: Worker) -> None:
    """Whoever took over has made the answer after a while."""
    await asyncio.sleep(0.6)
    await worker.answers.remember(asked(9), 60)


async def test_a_lease_lasts_for_as_long_as_its_worker_lives(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("answer_cache", "answer_flights"):
        monkeypatch.setattr(f"pipeline.adapters.{module}.LEASE_S", 0.15)
    assert (await workers[0].flights.find(asked(0))).reason == "leads"
    await asyncio.sleep(0.6)

    assert (await workers[1].answers.find(asked(1), lead=True)).reason == "under_way"


async def test_where_the_leader_has_no_answer_for_others_all_go_on_at_once(workers: list[Worker]) -> None:
    leader = asked(0)
    assert (await workers[0].flights.find(leader)).reason == "leads"
    waiting = [asyncio.create_task(workers[n % 3].flights.find(asked(1 + n))) for n in range(9)]
    await asyncio.sleep(0.05)

    await workers[0].answers.landed(leader)

    assert [(await one).reason for one in waiting] == ["landed"] * 9


async def test_the_leader_that_comes_again_after_a_crash_leads_still(workers: list[Worker]) -> None:
    assert (await workers[0].flights.find(asked(0))).reason == "leads"
    assert (await workers[1].flights.find(asked(0))).reason == "leads"


async def test_another_tenant_or_class_or_policy_never_waits_for_it(workers: list[Worker]) -> None:
    assert (await workers[0].flights.find(asked(0))).reason == "leads"
    others = [{"tenant": "other"}, {"data_class": "confidential"}, {"revision": "rev-2"}, {"input": "Another?"}]
    for number, other in enumerate(others):
        assert (await workers[1].flights.find(asked(1 + number, **other))).reason == "leads"


async def test_only_so_many_wait_and_the_others_go_on(workers: list[Worker]) -> None:
    assert (await workers[0].flights.find(asked(0))).reason == "leads"
    waiting = asyncio.create_task(workers[0].flights.find(asked(1).model_copy(update={"lane": "batch"})))
    await asyncio.sleep(0.05)

    found = await workers[0].flights.find(asked(2).model_copy(update={"lane": "batch"}))

    assert found.reason == "no_room_to_wait"
    await workers[0].answers.landed(asked(0))
    assert (await waiting).reason == "landed"


async def test_in_a_worker_with_one_place_nobody_waits(valkey: ValkeyServer) -> None:
    worker = Worker(valkey.url, {"interactive": 0, "batch": 0})
    await worker.store._calls.command("FLUSHALL")
    assert (await worker.flights.find(asked(0))).reason == "leads"
    assert (await worker.flights.find(asked(1))).reason == "no_room_to_wait"
    await worker.close()


async def test_nobody_waits_beyond_half_of_the_time_that_is_left(workers: list[Worker]) -> None:
    assert (await workers[0].flights.find(asked(0))).reason == "leads"

    request = asked(1, left_s=0.2)
    found = await workers[1].flights.find(request)

    assert found.reason == "waited_too_long"
    assert SystemClock().now() < request.deadline_at


async def test_while_the_store_is_away_everyone_answers_for_himself() -> None:
    worker = Worker("redis://127.0.0.1:1/0")
    reasons = {(await worker.flights.find(asked(n))).reason for n in range(5)}
    assert reasons <= {"store_away", "store_resting", "store_slow"}
    await worker.close()


def test_the_patience_is_bounded() -> None:
    assert answer_flights.PATIENCE_S <= 60
    assert answer_flights.LONGEST_S <= 300
