"""A deadline and a cancellation stop the stage that works, and the request is recorded."""

import asyncio
import time

from cascade import forever
from runner_bench import fused, message

from pipeline.adapters.patience import Patience
from pipeline.contracts import Envelope
from pipeline.layout import MAX_DELIVERIES
from pipeline.ports import Outcome, Run


async def test_a_request_past_its_deadline_reaches_no_stage_but_the_last() -> None:
    bench = fused()
    bench.clock.time += 61
    await bench.step(message())
    assert bench.notes.steps == [("classify", "expired"), ("audit", "recorded")]
    ended = bench.stages["audit"].seen[0]
    assert ended.error is not None
    assert ended.error.code == "deadline_exceeded"


async def test_a_stage_that_overruns_the_deadline_is_stopped() -> None:
    async def slow(given: Envelope, run: Run) -> Outcome:
        await forever()
        return Outcome("drafted")

    bench = fused(draft=slow)
    bench.clock.time += 59.95
    await bench.step(message())
    assert ("draft", "expired") in bench.notes.steps


async def test_a_cancelled_request_stops_the_stage_that_works_on_it_and_is_recorded() -> None:
    stopped = asyncio.Event()
    started = asyncio.Event()

    async def slow(given: Envelope, run: Run) -> Outcome:
        started.set()
        try:
            await forever()
        finally:
            stopped.set()
        return Outcome("drafted")

    bench = fused(draft=slow)
    running = asyncio.create_task(bench.step(message()))
    await started.wait()
    bench.runner.cancel("default.r1")
    held = await running
    assert stopped.is_set()
    assert ("draft", "cancelled") in bench.notes.steps
    assert bench.notes.steps[-1] == ("audit", "recorded")
    assert held.settled == ["ack"]


async def test_a_request_cancelled_before_its_turn_does_no_work() -> None:
    bench = fused()
    bench.runner.cancel("default.r1")
    await bench.step(message())
    assert bench.notes.steps == [("classify", "cancelled"), ("audit", "recorded")]


async def test_a_cancellation_of_another_tenants_request_with_the_same_id_does_nothing() -> None:
    bench = fused()
    bench.runner.cancel("other.r1")
    await bench.step(message())
    assert ("draft", "drafted") in bench.notes.steps


async def test_of_a_request_that_comes_again_and_ends_without_its_stage_somebody_hears() -> None:
    """An earlier delivery may have paid for calls; of one that reaches its stage that stage counts them."""
    ends = {"first": fused(), "again": fused(), "taken back": fused(), "in time": fused(), "worn": fused()}
    for name in ("first", "again"):
        ends[name].clock.time += 61
    ends["taken back"].runner.cancel("default.r1")
    delivered = {"first": 1, "again": 2, "taken back": 3, "in time": 2, "worn": MAX_DELIVERIES + 1}
    for name, bench in ends.items():
        await bench.step(message("draft", delivered=delivered[name]))
    told = {name: bench.forsaken for name, bench in ends.items() if bench.forsaken}
    again = {name: [("default.r1", delivered[name])] for name in ("again", "taken back", "worn")}
    assert told == again


async def test_a_limit_that_rings_with_the_deadline_ends_what_it_is_for_and_then_the_deadline_is_told() -> None:
    """Of two cancellations in one turn of the loop a task hears the first alone, and not why the second came."""
    heard: list[tuple[object, ...]] = []

    async def slow(given: Envelope, run: Run) -> Outcome:
        now = asyncio.get_running_loop().time()
        try:
            with Patience(now + 0.02):
                await asyncio.sleep(0)
                asyncio.get_running_loop().call_soon(time.sleep, 0.08)
                await forever()
        except TimeoutError:
            heard.append(("late",))
        try:
            await forever()
        except asyncio.CancelledError as stopped:
            heard.append(stopped.args)
            raise
        return Outcome("drafted")

    bench = fused(draft=slow)
    bench.clock.time += 59.95
    await bench.step(message())
    assert ("draft", "expired") in bench.notes.steps
    assert heard == [("late",), ("expired",)]
