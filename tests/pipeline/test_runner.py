"""The guarantee of one step: decide, publish, then acknowledge; and what becomes of what a stage raises."""

import asyncio
import base64
import itertools
from pathlib import Path

import pytest
from cascade import FakeClock, HeldMessage, Middle, Notes, Scripted, envelope, forever, stages
from policies_pii import policy

from pipeline.contracts import Classification, DataClass, DeadLetter, Envelope, StageName, parse_envelope
from pipeline.errors import (
    PolicyInvalid,
    ResidencyRefused,
    StoreUnavailable,
    TargetRejected,
    TransportUnavailable,
)
from pipeline.layout import MAX_DELIVERIES, MAX_FAILURES
from pipeline.policy.source import FixedPolicy, PolicySource
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner, dump_envelope
from pipeline.topology import STAGES
from pipeline.transport.memory import MemoryLink

SECRET = "the-prompt-nobody-may-see"


class Bench:
    """A runner over some stages, with everything around it in view."""

    def __init__(self, *chosen: Scripted, policies: PolicySource | None = None) -> None:
        self.link = MemoryLink()
        self.stages = {stage.name: stage for stage in chosen}
        self.clock = FakeClock()
        self.notes = Notes()
        self.published: list[tuple[StageName, Envelope, str]] = []
        self.runner = Runner(
            chosen,
            self,  # type: ignore[arg-type]
            self.link.streams,
            clock=self.clock,
            random=Middle(),
            observer=self.notes,
            worker="w1",
            policies=policies,
        )

    async def hand_over(self, lane: str, stage: StageName, body: bytes, message_id: str) -> bool:
        self.published.append((stage, parse_envelope(body), message_id))
        return True

    def caller(self, address: str, streaming: bool) -> None:
        return None

    async def step(self, message: HeldMessage) -> HeldMessage:
        await self.runner.step(message)
        return message

    async def letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(stored.body) async for stored in self.link.streams.scan("DEAD")]


def fused(**bodies: object) -> Bench:
    return Bench(*stages(**bodies))  # type: ignore[arg-type]


def message(stage: StageName = "classify", **changes: object) -> HeldMessage:
    return HeldMessage(dump_envelope(envelope()), stage, **changes)  # type: ignore[arg-type]


def raising(error: Exception):  # type: ignore[no-untyped-def]
    async def body(given: Envelope, run: Run) -> Outcome:
        raise error

    return body


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

    async def hand_over(lane: str, stage: StageName, body: bytes, message_id: str) -> bool:
        order.append(f"publish {stage} {held.settled}")
        return await Bench.hand_over(bench, lane, stage, body, message_id)

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


async def test_a_transient_error_hands_the_message_back_with_growing_pauses() -> None:
    delays = []
    for delivered in range(1, MAX_FAILURES):
        bench = fused(recall=raising(StoreUnavailable("away")))
        held = await bench.step(message(delivered=delivered))
        assert held.settled == ["retry"]
        delays.append(held.delay_s)
    assert delays == sorted(delays)
    assert delays[0] < 1 < delays[-1]


async def test_an_error_that_names_its_pause_gets_it() -> None:
    bench = fused(draft=raising(StoreUnavailable("later", retry_after_s=7.5)))
    assert (await bench.step(message())).delay_s == 7.5


async def test_a_defect_is_tried_again_and_then_becomes_a_dead_letter_with_an_answer() -> None:
    bench = fused(plan=raising(ZeroDivisionError(SECRET)))
    assert (await bench.step(message())).settled == ["retry"]
    held = await bench.step(message(delivered=MAX_FAILURES))
    assert held.settled == ["ack"]
    (letter,) = await bench.letters()
    assert (letter.stage, letter.attempts, letter.reason.code) == ("plan", MAX_FAILURES, "internal")
    assert SECRET not in letter.reason.message
    assert base64.b64decode(letter.envelope) == held.body
    ended = bench.stages["audit"].seen[-1]
    assert (ended.status, ended.provisional) == ("failed", True)


async def test_a_refusal_ends_the_request_as_refused_and_a_failure_as_failed() -> None:
    for error, status in ((ResidencyRefused("no", rule="r7"), "refused"), (TargetRejected("bad"), "failed")):
        bench = fused(plan=raising(error))
        held = await bench.step(message())
        ended = bench.stages["audit"].seen[0]
        assert (ended.status, ended.error.code if ended.error else None) == (status, error.code)
        assert held.settled == ["ack"]
        assert await bench.letters() == []


async def test_a_refusal_keeps_the_rule_that_decided() -> None:
    bench = fused(plan=raising(ResidencyRefused("no", rule="r7")))
    await bench.step(message())
    error = bench.stages["audit"].seen[0].error
    assert error is not None
    assert error.rule == "r7"


async def test_an_error_of_set_up_is_a_dead_letter_at_once() -> None:
    bench = fused(plan=raising(PolicyInvalid("broken")))
    await bench.step(message())
    assert [letter.reason.code for letter in await bench.letters()] == ["policy_invalid"]


async def test_bytes_that_are_no_envelope_become_a_dead_letter_and_do_not_come_back() -> None:
    bench = fused()
    held = await bench.step(HeldMessage(b'{"not": "an envelope", "' + SECRET.encode()))
    (letter,) = await bench.letters()
    assert letter.reason.code == "unreadable"
    assert SECRET not in letter.reason.message
    assert held.settled == ["ack"]


@pytest.mark.parametrize(
    ("data_class", "kept"), [("public", True), ("internal", True), ("confidential", False), (None, False)]
)
async def test_of_a_message_above_the_ceiling_of_the_policy_only_what_happened_is_kept(
    tmp_path: Path, data_class: DataClass | None, kept: bool
) -> None:
    ceiling = policy(tmp_path, more="visibility: {sinks: {dead_letters: {up_to: internal}}}")
    chosen = stages(draft=raising(PolicyInvalid("broken")))
    bench = Bench(*chosen, policies=FixedPolicy(ceiling))
    found = data_class and Classification(data_class=data_class, scan="complete", engine="e")
    await bench.step(HeldMessage(dump_envelope(envelope(classification=found)), "draft"))
    (letter,) = await bench.letters()
    assert (letter.reason.code, letter.request_id) == ("policy_invalid", "r1")
    assert bool(letter.envelope) is (letter.withheld is None) is kept


async def test_bytes_that_nobody_can_read_are_kept_only_where_everything_is(tmp_path: Path) -> None:
    ceiling = policy(tmp_path, more="visibility: {sinks: {dead_letters: {up_to: confidential}}}")
    bench = Bench(*stages(), policies=FixedPolicy(ceiling))
    await bench.step(HeldMessage(b"no envelope"))
    (letter,) = await bench.letters()
    assert (letter.envelope, letter.withheld) == ("", "data that nobody classified is not kept here")


async def test_a_message_that_killed_its_workers_is_buried_unopened_and_answered() -> None:
    bench = fused()
    held = await bench.step(message(delivered=MAX_DELIVERIES + 1))
    assert [stage for stage, _ in bench.notes.steps] == ["audit"]
    assert len(await bench.letters()) == 1
    assert bench.stages["audit"].seen[0].provisional
    assert held.settled == ["ack"]


async def test_a_worker_without_the_last_stage_buries_and_hands_the_answer_over() -> None:
    bench = Bench(Scripted("draft"))
    held = await bench.step(message("draft", delivered=MAX_DELIVERIES + 1))
    assert [stage for stage, _, _ in bench.published] == ["audit"]
    assert held.settled == ["ack"]


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


async def test_an_outcome_that_the_table_does_not_know_leaves_the_message_with_the_queue() -> None:
    async def wrong(given: Envelope, run: Run) -> Outcome:
        return Outcome("surprised")

    held = await fused(plan=wrong).step(message())
    assert held.settled == []
