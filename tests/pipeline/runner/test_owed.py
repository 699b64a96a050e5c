"""What a stage began to write and did not wait for is durable before anything that follows from it leaves."""

import asyncio
from collections.abc import Callable

import pytest
from cascade import HeldMessage, Scripted, StageBody
from runner_bench import Bench, fused, message, raising

from pipeline.contracts import Envelope
from pipeline.errors import Postponed, TransportUnavailable
from pipeline.ports import Outcome, Run
from pipeline.runner.owed import Owing


class Debt:
    """What a stage owes: done when a test lets it be, or failed."""

    def __init__(self) -> None:
        self.lets = asyncio.Event()
        self.fails: Exception | None = None
        self.done = False

    async def pay(self) -> None:
        await self.lets.wait()
        if self.fails is not None:
            raise self.fails
        self.done = True

    def drafted(self) -> StageBody:
        async def body(envelope: Envelope, run: Run) -> Outcome:
            assert run.owed is not None
            run.owed.add(self.pay())
            return Outcome("drafted")

        return body


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def two_stages(debt: Debt) -> Bench:
    return Bench(Scripted("draft", debt.drafted()), Scripted("check"))


def all_stages(debt: Debt) -> Bench:
    return fused(draft=debt.drafted())


def postponing(debt: Debt) -> Bench:
    return fused(draft=debt.drafted(), check=to("rejected"), escalate=raising(Postponed("later", retry_after_s=1.0)))


def retrying(debt: Debt) -> Bench:
    return fused(draft=debt.drafted(), check=raising(TransportUnavailable("away")))


def to(kind: str) -> StageBody:
    async def body(envelope: Envelope, run: Run) -> Outcome:
        return Outcome(kind)

    return body


@pytest.mark.parametrize("made", [two_stages, all_stages, postponing, retrying])
async def test_nothing_is_handed_on_put_aside_handed_back_or_acknowledged_before(made: Callable[[Debt], Bench]) -> None:
    debt = Debt()
    bench, held = made(debt), message("draft")
    stepping = asyncio.create_task(bench.step(held))
    await turns()
    assert (held.settled, bench.published, bench.postponed) == ([], [], [])
    debt.lets.set()
    await stepping
    assert debt.done
    assert held.settled


@pytest.mark.parametrize("made", [all_stages, postponing, retrying])
async def test_where_it_fails_the_message_is_handed_back(made: Callable[[Debt], Bench]) -> None:
    debt = Debt()
    debt.fails = TransportUnavailable("the journal is away")
    debt.lets.set()
    bench = made(debt)
    held = await bench.step(message("draft"))
    assert "ack" not in held.settled
    assert bench.postponed == []


async def test_where_it_fails_before_the_border_the_message_stays_with_its_queue() -> None:
    debt = Debt()
    debt.fails = TransportUnavailable("the journal is away")
    debt.lets.set()
    bench = two_stages(debt)
    held = await bench.step(message("draft"))
    assert (held.settled, bench.published) == ([], [])


async def test_a_request_that_is_taken_back_meanwhile_ends_after_it() -> None:
    debt, looks = Debt(), asyncio.Event()

    async def looking(envelope: Envelope, run: Run) -> Outcome:
        looks.set()
        await asyncio.Event().wait()
        return Outcome("accepted")

    bench = fused(draft=debt.drafted(), check=looking)
    held: HeldMessage = message("draft")
    stepping = asyncio.create_task(bench.step(held))
    await looks.wait()
    bench.runner.cancel("default.r1")
    await turns()
    assert held.settled == []
    debt.lets.set()
    await stepping
    assert debt.done
    assert held.settled == ["ack"]
    assert bench.notes.steps[-2:] == [("check", "cancelled"), ("audit", "recorded")]


async def test_who_stops_waiting_stops_nothing_of_it() -> None:
    debt, owed = Debt(), Owing()
    owed.add(debt.pay())
    waiting = asyncio.create_task(owed.paid())
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    debt.lets.set()
    await owed.paid()
    assert debt.done


async def test_of_several_all_have_ended_before_one_is_told_to_have_failed() -> None:
    first, second, owed = Debt(), Debt(), Owing()
    first.fails = TransportUnavailable("away")
    first.lets.set()
    owed.add(first.pay())
    owed.add(second.pay())
    asyncio.get_running_loop().call_later(0.01, second.lets.set)
    with pytest.raises(TransportUnavailable):
        await owed.paid()
    assert second.done
    await owed.paid()
