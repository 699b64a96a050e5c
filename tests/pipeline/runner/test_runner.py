"""The guarantee of one step: decide, publish, then acknowledge."""

import asyncio
import itertools

import pytest
from cascade import Scripted
from runner_bench import Bench, fused, message, raising

from pipeline.contracts import Envelope, StageName
from pipeline.errors import TransportUnavailable
from pipeline.ports import Outcome, Run
from pipeline.topology import STAGES


async def test_a_fused_worker_takes_a_request_from_the_first_stage_to_the_last_in_memory() -> None:
    bench = fused()
    held = await bench.step(message())
    assert [stage for stage, _ in bench.notes.steps] == ["classify", "plan", "recall", "draft", "check", "audit"]
    assert held.settled == ["ack"]
    assert bench.published == []


async def test_where_the_own_set_ends_the_envelope_goes_through_the_durable_queue_before_the_ack() -> None:
    order: list[str] = []
    bench = Bench(Scripted("classify"), Scripted("plan"))
    held = message()

    async def hand_over(lane: str, stage: StageName, body: bytes, message_id: str, row: int) -> bool:
        order.append(f"publish {stage} {held.settled}")
        return await Bench.hand_over(bench, lane, stage, body, message_id, row)

    bench.hand_over = hand_over  # type: ignore[method-assign]
    await bench.step(held)
    assert order == ["publish recall []"]
    assert held.settled == ["ack"]
    _, passed_on, message_id = bench.published[0]
    assert [step.outcome for step in passed_on.trail] == ["classified", "planned"]
    assert message_id == "default.r1.2"


async def test_a_failed_publish_leaves_the_message_with_the_queue() -> None:
    bench = Bench(Scripted("classify"))

    async def hand_over(*_: object) -> bool:
        raise TransportUnavailable("away")

    bench.hand_over = hand_over  # type: ignore[method-assign, assignment]
    held = await bench.step(message())
    assert held.settled == []
    assert bench.runner.held == 0


@pytest.mark.parametrize("split", list(itertools.combinations(STAGES, 3)))
async def test_any_set_of_stages_hands_over_exactly_at_its_border(split: tuple[StageName, ...]) -> None:
    bench = Bench(*(Scripted(name) for name in split))
    await bench.step(message(split[0]))
    for stage, _, _ in bench.published:
        assert stage not in split
    assert len(bench.published) == (0 if bench.notes.steps[-1][0] == "audit" else 1)


async def test_the_last_stage_is_tried_again_and_never_answered_without_its_record() -> None:
    bench = fused(audit=raising(TransportUnavailable("away")))
    assert (await bench.step(message())).settled == ["retry"]


async def test_held_messages_are_kept_alive_while_a_stage_works() -> None:
    release = asyncio.Event()

    async def slow(given: Envelope, run: Run) -> Outcome:
        await release.wait()
        return Outcome("drafted")

    bench = fused(draft=slow)
    held = message()
    running = asyncio.create_task(bench.step(held))
    await asyncio.sleep(0)
    bench.clock.time += 5
    alive = asyncio.create_task(bench.runner.keep_alive(0.01))
    await asyncio.sleep(0.05)
    release.set()
    await running
    worked = held.worked
    await asyncio.sleep(0.03)
    alive.cancel()
    assert worked >= 2
    assert held.worked == worked


async def test_a_message_that_comes_again_while_it_is_in_hand_is_worked_on_once_and_settled_once() -> None:
    """A worker that gets no processor time says too late that its work goes on, and is given the same again."""
    release, calls = asyncio.Event(), 0

    async def slow(given: Envelope, run: Run) -> Outcome:
        nonlocal calls
        calls += 1
        await release.wait()
        return Outcome("drafted")

    bench = fused(draft=slow)
    first, again, later = message(), message(delivered=2), message(delivered=3)
    running = asyncio.create_task(bench.step(first))
    await asyncio.sleep(0)
    await bench.step(again)
    release.set()
    await running
    assert (calls, first.settled, again.settled) == (1, ["ack"], [])
    await bench.step(later)
    assert (calls, later.settled) == (2, ["ack"])


async def test_an_outcome_that_the_table_does_not_know_leaves_the_message_with_the_queue() -> None:
    async def wrong(given: Envelope, run: Run) -> Outcome:
        return Outcome("surprised")

    held = await fused(plan=wrong).step(message())
    assert held.settled == []
