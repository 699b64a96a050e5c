"""Of a message that nobody tries again a dead letter is kept, with the message where it may be."""

from pathlib import Path

import pytest
from cascade import HeldMessage, Scripted, envelope, stages
from policies_pii import policy
from runner_bench import SECRET, Bench, fused, message, raising

from pipeline.contracts import Classification, DataClass, Request
from pipeline.errors import PolicyInvalid
from pipeline.layout import MAX_DELIVERIES, MAX_FAILURES
from pipeline.policy.source import FixedPolicy
from pipeline.runner import dump_envelope


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
