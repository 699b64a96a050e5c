"""The guarantee of one step: decide, publish, then acknowledge; and what becomes of what a stage raises."""

import asyncio
import base64
import itertools
from pathlib import Path

import orjson
import pytest
from cascade import FakeClock, HeldMessage, Middle, Notes, Scripted, envelope, forever, stages
from policies_pii import policy

from pipeline.contracts import Classification, DataClass, DeadLetter, Envelope, Request, StageName, parse_envelope
from pipeline.errors import (
    PolicyInvalid,
    Postponed,
    ResidencyRefused,
    StoreUnavailable,
    TargetRejected,
    TransportUnavailable,
)
from pipeline.layout import MAX_DELIVERIES, MAX_FAILURES
from pipeline.policy.source import FixedPolicy, PolicySource
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner, dump_envelope
from pipeline.schemas import ROOT
from pipeline.topology import STAGES
from pipeline.transport.memory import MemoryLink

EXAMPLES = sorted((ROOT / "schemas/examples/envelope/1.0/accepted").glob("*.json"))
SECRET = "the-prompt-nobody-may-see"


class Bench:
    """A runner over some stages, with everything around it in view."""

    def __init__(self, *chosen: Scripted, policies: PolicySource | None = None) -> None:
        self.link = MemoryLink()
        self.stages = {stage.name: stage for stage in chosen}
        self.clock = FakeClock()
        self.notes = Notes()
        self.published: list[tuple[StageName, Envelope, str]] = []
        self.postponed: list[tuple[StageName, Envelope, str, float]] = []
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

    async def hand_over(self, lane: str, stage: StageName, body: bytes, message_id: str, row: int = 0) -> bool:
        self.published.append((stage, parse_envelope(body), message_id))
        return True

    async def postpone(
        self, lane: str, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        self.postponed.append((stage, parse_envelope(body), message_id, delay_s))
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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_travels_is_what_was_sent_and_says_its_version(path: Path) -> None:
    """Defaults are left out, and nothing else: also what a newer version knows is handed on."""
    sent = parse_envelope(path.read_bytes())
    body = dump_envelope(sent)
    assert parse_envelope(body) == sent
    assert orjson.loads(body)["version"] == sent.version
    assert len(body) <= len(sent.model_dump_json(exclude_none=True))


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


def waiting(pause_s: float | None = 30.0) -> Bench:
    """A worker whose draft finds its budget used up."""
    return fused(draft=raising(Postponed("used up", rule="team", retry_after_s=pause_s)))


async def test_a_postponed_request_is_stored_for_later_in_front_of_its_stage_before_the_ack() -> None:
    bench, held = waiting(), message()
    order: list[str] = []

    async def postpone(*arguments: object) -> bool:
        order.append(f"postpone {held.settled}")
        return await Bench.postpone(bench, *arguments)  # type: ignore[arg-type]

    bench.postpone = postpone  # type: ignore[method-assign, assignment]
    await bench.step(held)
    assert order == ["postpone []"]
    assert held.settled == ["ack"]
    ((stage, envelope_, message_id, delay),) = bench.postponed
    assert (stage, message_id) == ("draft", "default.r1.4.1")
    assert 30.0 <= delay <= 31.0
    assert bench.published == []
    assert await bench.letters() == []
    step = envelope_.trail[-1]
    assert (step.stage, step.outcome, step.reasons) == ("draft", "postponed", ("postponed", "team"))
    assert step.facts == {"times": 1, "until": bench.clock.time + delay}


async def test_what_cannot_be_stored_for_later_stays_with_the_queue() -> None:
    bench = waiting()

    async def postpone(*_: object) -> bool:
        raise TransportUnavailable("away")

    bench.postpone = postpone  # type: ignore[method-assign, assignment]
    assert (await bench.step(message())).settled == []


async def test_however_often_a_request_waits_it_is_no_failure_and_its_trail_does_not_grow() -> None:
    bench = waiting(pause_s=0.2)
    body, ids, lengths = message().body, set(), set()
    for times in range(1, 4 * MAX_DELIVERIES):
        held = await bench.step(HeldMessage(body, "draft"))
        assert held.settled == ["ack"]
        _, envelope_, message_id, _ = bench.postponed[-1]
        body = dump_envelope(envelope_)
        ids.add(message_id)
        lengths.add(len(envelope_.trail))
        assert envelope_.trail[-1].facts["times"] == times
        bench.clock.time += 0.3
    assert len(ids) == len(bench.postponed)
    assert lengths == {1}
    assert envelope_.trail[-1].at == 1_000_000.0
    assert await bench.letters() == []


async def test_a_redelivery_of_what_was_postponed_is_postponed_under_the_same_id() -> None:
    """The worker died between storing for later and the acknowledgement: the transport knows the id."""
    bench = waiting()
    for delivered in (1, 2):
        await bench.step(message(delivered=delivered))
    assert len({message_id for _, _, message_id, _ in bench.postponed}) == 1


async def test_a_request_waits_no_longer_than_to_its_deadline_and_then_expires() -> None:
    bench = waiting(pause_s=3600.0)
    await bench.step(message())
    ((_, envelope_, _, delay),) = bench.postponed
    assert delay == 60.0
    bench.clock.time += delay
    await bench.step(HeldMessage(dump_envelope(envelope_), "draft"))
    ended = bench.stages["audit"].seen[0]
    assert ended.error is not None
    assert ended.error.code == "deadline_exceeded"
    assert [(step.stage, step.outcome) for step in ended.trail][-2:] == [("draft", "postponed"), ("draft", "expired")]


async def test_after_waiting_the_request_goes_on_and_its_next_step_has_an_id_of_its_own() -> None:
    bench = Bench(Scripted("draft", raising(Postponed("used up", retry_after_s=1.0))))
    await bench.step(message("draft"))
    ((_, envelope_, first, _),) = bench.postponed
    on = Bench(Scripted("draft"))
    await on.step(HeldMessage(dump_envelope(envelope_), "draft"))
    ((stage, passed_on, second),) = on.published
    assert stage == "check"
    assert [step.outcome for step in passed_on.trail] == ["postponed", "drafted"]
    assert first != second


async def test_an_unnamed_pause_is_short_and_none_spins() -> None:
    for named, least, most in ((None, 1.0, 2.0), (0.0, 0.1, 0.2), (-5.0, 0.1, 0.2), (600.0, 60.0, 60.0)):
        bench = waiting(named)
        await bench.step(message())
        assert least <= bench.postponed[0][3] <= most


async def test_a_stage_that_may_let_nothing_wait_is_tried_again_and_becomes_a_dead_letter() -> None:
    bench = fused(check=raising(Postponed("not mine")), audit=raising(Postponed("not mine")))
    assert (await bench.step(message())).settled == ["retry"]
    await bench.step(message(delivered=MAX_FAILURES))
    assert {letter.stage for letter in await bench.letters()} == {"check", "audit"}
    assert bench.postponed == []


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


async def test_a_message_too_large_for_a_dead_letter_leaves_one_that_says_so() -> None:
    """Written whole it would be more than NATS takes, and the request would never be settled."""
    bench = fused(plan=raising(ZeroDivisionError(SECRET)))
    body = dump_envelope(envelope(request=Request(input="x" * 800_000)))
    held = await bench.step(HeldMessage(body, delivered=MAX_FAILURES))
    assert held.settled == ["ack"]
    (letter,) = await bench.letters()
    assert letter.envelope == ""
    assert letter.withheld is not None
    assert "bytes" in letter.withheld


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
