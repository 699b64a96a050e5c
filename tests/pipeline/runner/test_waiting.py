"""A request that waits for its turn is stored for later, and no other message waits for it."""

from cascade import HeldMessage, Scripted
from runner_bench import Bench, fused, message, raising

from pipeline.errors import Postponed, TransportUnavailable
from pipeline.layout import MAX_DELIVERIES
from pipeline.runner import dump_envelope


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
