"""How far a recorded request would go under another threshold, other escalations or another end."""

from pathlib import Path

import pytest
from planning import policy_of
from recorded import judgement, record_of

from pipeline.contracts import AuditRecord
from pipeline.costs.again import Again, again
from pipeline.costs.replay import Replay
from pipeline.policy import Policy
from stages.plan import again as planner

TINY = 1000 * 1 / 1e6 + 500 * 2 / 1e6
NEAR = 1000 * 10 / 1e6 + 500 * 20 / 1e6


def policy(folder: Path, *, threshold: str = "0.75", more: str = "") -> Policy:
    name = folder / f"p{len(list(folder.iterdir()))}"
    name.mkdir()
    tiers = "[{variants: {tiny: 1}}, {variants: {near: 1}}]"
    return policy_of(
        name, f"  - {{name: chat, match: 'true', accept: {{confidence: {threshold}}}, {more}tiers: {tiers}}}\n"
    )


@pytest.fixture
def old(tmp_path: Path) -> Policy:
    return policy(tmp_path)


def stayed(old: Policy, confidence: float | None = 0.98, schema: str = "none", **more: object) -> AuditRecord:
    """A draft that was accepted."""
    return record_of(old, judged=judgement(0, "tiny", confidence, schema=schema), **more)  # type: ignore[arg-type]


def escalated(old: Policy, confidence: float | None = 0.6) -> AuditRecord:
    """A draft that was not, and the answer of the large model."""
    steps = (*judgement(0, "tiny", confidence, outcome="rejected"), *judgement(1, "near", 0.7))
    return record_of(old, descends=1, judged=steps)


def steps(one: Again) -> tuple[int, int]:
    return one.went.steps, one.goes.steps


def test_a_draft_that_would_no_longer_suffice_goes_on_to_the_next_tier_at_its_price(
    old: Policy, tmp_path: Path
) -> None:
    one = again(stayed(old), policy(tmp_path, threshold="1.0"), planner)

    assert (steps(one), one.goes.judged, one.moved) == ((0, 1), True, False)
    assert (one.cost_before, one.cost_after) == (pytest.approx(TINY), pytest.approx(TINY + NEAR))


def test_a_draft_that_would_now_suffice_stays(old: Policy, tmp_path: Path) -> None:
    one = again(escalated(old), policy(tmp_path, threshold="0.5"), planner)

    assert (steps(one), one.cost_after) == ((1, 0), pytest.approx(TINY))


@pytest.mark.parametrize(("confidence", "goes"), [(0.75, 0), (0.7499, 1), (None, 1)])
def test_the_threshold_is_that_of_the_check(old: Policy, tmp_path: Path, confidence: float | None, goes: int) -> None:
    assert (
        again(stayed(old, confidence), policy(tmp_path, threshold="0.75", more="regions: [r], "), planner).goes.steps
        == goes
    )


def test_without_a_threshold_the_schema_alone_decides(old: Policy, tmp_path: Path) -> None:
    none = policy(tmp_path, threshold="null")

    assert again(escalated(old, None), none, planner).goes.steps == 0
    assert again(stayed(old, 1.0, "invalid"), none, planner).goes.steps == 1


def test_the_answer_of_the_last_tier_stays_however_sure_it_is(old: Policy, tmp_path: Path) -> None:
    one = again(escalated(old), policy(tmp_path, threshold="1.0"), planner)

    assert (steps(one), one.goes.fails) == ((1, 1), False)


@pytest.mark.parametrize(("end", "fails"), [("degrade", False), ("fail", True)])
def test_where_it_may_not_go_on_the_end_is_that_of_the_route(
    old: Policy, tmp_path: Path, end: str, fails: bool
) -> None:
    closed = policy(tmp_path, threshold="1.0", more=f"max_escalations: 0, on_exhausted: {end}, ")
    one = again(stayed(old), closed, planner)

    assert (steps(one), one.goes.fails, one.cost_after) == ((0, 0), fails, pytest.approx(TINY))


def test_where_it_may_go_on_now_it_does(old: Policy, tmp_path: Path) -> None:
    closed = policy(tmp_path, more="max_escalations: 0, ")
    ended = record_of(closed, judged=judgement(0, "tiny", 0.6, outcome="exhausted"))

    assert steps(again(ended, old, planner)) == (0, 1)


def test_what_kept_it_from_going_on_would_keep_it_again(old: Policy, tmp_path: Path) -> None:
    """A cap, a budget or the deadline: the check sent it on, and no call followed."""
    held = record_of(old, judged=judgement(0, "tiny", 0.6, outcome="rejected"))

    assert steps(again(held, policy(tmp_path, threshold="0.9"), planner)) == (0, 0)


def test_calls_that_failed_fail_again(old: Policy, tmp_path: Path) -> None:
    record = record_of(old, descends=1, judged=judgement(1, "near", 0.7))
    failed = record.attempts[0].model_copy(update={"error_code": "target_timeout"})

    one = again(
        record.model_copy(update={"attempts": (failed, record.attempts[1])}), policy(tmp_path, threshold="0"), planner
    )
    assert steps(one) == (1, 1)


def test_where_nothing_was_judged_it_goes_as_far_as_it_did_and_that_is_said(old: Policy, tmp_path: Path) -> None:
    new = policy(tmp_path, threshold="1.0")
    one = again(record_of(old), new, planner)
    replay = Replay(new, planner)
    replay.add(record_of(old))

    assert (steps(one), one.goes.judged) == ((0, 0), False)
    assert replay.report()["escalations"] == {"more": 0, "less": 0, "not_judged": 1}
    assert any("no confidence was recorded" in line for line in replay.report()["assumptions"])


def test_the_report_counts_who_would_escalate_more_and_less_by_route(old: Policy, tmp_path: Path) -> None:
    replay = Replay(policy(tmp_path, threshold="0.8"), planner)
    for number, confidence in enumerate((0.76, 0.79, 0.8, 0.98)):
        replay.add(stayed(old, confidence, number=number))
    report = replay.report()

    assert report["escalations"] == {"more": 2, "less": 0, "not_judged": 0}
    assert [(row["route"], row["escalate_more"], row["escalate_less"]) for row in report["by_route"]] == [
        ("chat", 2, 0)
    ]
    assert report["cost"]["difference_usd"] == pytest.approx(2 * NEAR)
    assert report["moved"] == 0, "the stairs are the same"


def test_under_the_same_policy_nobody_moves_and_nobody_escalates_otherwise(old: Policy) -> None:
    replay = Replay(old, planner)
    held = record_of(old, judged=judgement(0, "tiny", 0.6, outcome="rejected"))
    for record in (stayed(old), escalated(old), held, record_of(old), stayed(old, 0.1)):
        replay.add(record)
    report = replay.report()

    assert (report["moved"], report["cost"]["difference_usd"]) == (0, 0)
    assert (report["escalations"]["more"], report["escalations"]["less"]) == (0, 0)
