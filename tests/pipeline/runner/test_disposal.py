"""What becomes of what a stage raises."""

import base64

from runner_bench import SECRET, fused, message, raising

from pipeline.errors import PolicyInvalid, Postponed, ResidencyRefused, StoreUnavailable, TargetRejected
from pipeline.layout import MAX_FAILURES


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
