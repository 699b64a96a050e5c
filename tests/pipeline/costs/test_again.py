"""A recorded decision made again: the same under the same policy, and told where it is another one."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from planning import MODELS, RESIDENCY, policy_of
from policy_files import swap
from recorded import USAGE, any_request, record_of

from pipeline.contracts import AuditRecord, ErrorBody, Snapshot, Step, TargetStanding, parse_record
from pipeline.costs.again import NotReplayable, again, recorded
from pipeline.costs.replay import Replay
from pipeline.policy import Policy
from stages.plan import again as planner

TWO = '  - {name: chat, match: "true", tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}\n'
LARGE = '  - {name: chat, match: "true", tiers: [{variants: {near: 1}}]}\n'
MANY = """\
  - name: sums
    match: req.task == "sums"
    tiers: [{variants: {tiny: 0.5, near: 0.5}, fallbacks: [terse, far]}, {variants: {far: 1}}]
  - name: abroad
    match: req.origin == "US"
    tiers: [{variants: {far: 0.7, near: 0.3}}]
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 0.5, terse: 0.5}}]
"""
TINY = 1000 * 1 / 1e6 + 500 * 2 / 1e6
NEAR = 1000 * 10 / 1e6 + 500 * 20 / 1e6


@pytest.fixture
def two(tmp_path: Path) -> Policy:
    return policy_of(tmp_path / "two", TWO)


@pytest.fixture
def large(tmp_path: Path) -> Policy:
    return policy_of(tmp_path / "large", LARGE)


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("two", "large", "other", "many"):
        (tmp_path / name).mkdir()


def test_under_the_same_policy_every_recorded_plan_is_made_again(tmp_path: Path) -> None:
    """No request moves, no cost differs, nobody may see anything else: two thousand requests of many kinds."""
    policy = policy_of(tmp_path / "many", MANY)
    draw = random.Random(7)
    replay = Replay(policy, planner)
    for number in range(2000):
        read = parse_record(any_request(draw, policy, number).model_dump_json(exclude_defaults=True).encode())
        assert isinstance(read, AuditRecord)
        one = replay.add(read)
        assert one is not None
        assert not one.moved, (one.before, one.after)
        assert one.cost_before == one.cost_after
        assert one.residency == ()
    report = replay.report()
    assert (report["moved"], report["replayed"], report["cost"]["difference_usd"]) == (0, 2000, 0)
    assert report["refused"]["before"] == report["refused"]["after"]
    assert len(report["by_route"]) == 3


def test_the_same_stairs_under_another_revision_cost_the_same(two: Policy, tmp_path: Path) -> None:
    """Then costs are worked out anew from the recorded tokens."""
    other = policy_of(tmp_path / "other", TWO, models=swap(MODELS, "region: r2", "region: r3"))
    assert other.revision != two.revision
    for descends in (0, 1):
        one = again(record_of(two, descends=descends), other, planner)
        assert not one.moved
        assert one.cost_after == pytest.approx(one.cost_before)


def test_the_new_stairs_are_priced_by_the_recorded_tokens(two: Policy, large: Policy) -> None:
    drafted = again(record_of(two), large, planner)
    assert (drafted.before.stairs, drafted.after.stairs) == (("tiny", "near"), ("near",))
    assert drafted.cost_before == pytest.approx(TINY)
    assert drafted.cost_after == pytest.approx(NEAR)
    escalated = again(record_of(two, descends=1), large, planner)
    assert escalated.cost_before == pytest.approx(TINY + NEAR)
    assert escalated.cost_after == pytest.approx(NEAR)


def test_a_request_descends_to_the_variant_that_answered_it(two: Policy, large: Policy) -> None:
    """Whether a draft would have sufficed nobody knows; so it is paid, and the answer too."""
    one = again(record_of(large), two, planner)
    assert one.cost_before == pytest.approx(NEAR)
    assert one.cost_after == pytest.approx(TINY + NEAR)


def test_a_new_price_is_what_it_costs(two: Policy, tmp_path: Path) -> None:
    dearer = policy_of(tmp_path / "other", TWO, models=swap(MODELS, "input: 1,", "input: 3,"))
    one = again(record_of(two), dearer, planner)
    assert not one.moved
    assert one.cost_after == pytest.approx(TINY + 1000 * 2 / 1e6)


def test_what_has_no_price_has_no_cost(two: Policy, tmp_path: Path) -> None:
    far = policy_of(tmp_path / "other", '  - {name: chat, match: "true", tiers: [{variants: {far: 1}}]}\n')
    assert again(record_of(two), far, planner).cost_after is None
    assert again(record_of(far), two, planner).cost_before is None


def test_an_answer_that_was_remembered_costs_nothing_either_way(two: Policy, large: Policy) -> None:
    hit = record_of(two).model_copy(update={"cache": "hit", "attempts": (), "cost_usd": 0.0})
    one = again(hit, large, planner)
    assert (one.cost_before, one.cost_after) == (0.0, 0.0)


def test_a_fallback_that_answered_would_answer_again(two: Policy, tmp_path: Path) -> None:
    """The stairs are the same; who stepped in stands in the attempt."""
    record = record_of(two)
    fallen = record.attempts[0].model_copy(
        update={"variant": "terse", "target": "near", "fallback": 1, "cost_usd": NEAR}
    )
    other = policy_of(tmp_path / "other", TWO, models=swap(MODELS, "region: r2", "region: r3"))
    one = again(record.model_copy(update={"attempts": (fallen,), "cost_usd": NEAR}), other, planner)
    assert one.cost_after == pytest.approx(NEAR)


def test_a_tier_costs_what_its_fallback_cost_too(two: Policy, tmp_path: Path) -> None:
    record = record_of(two)
    failed = record.attempts[0].model_copy(update={"error_code": "target_timeout"})
    fallen = failed.model_copy(update={"variant": "terse", "target": "near", "fallback": 1, "error_code": None})
    other = policy_of(tmp_path / "other", TWO, models=swap(MODELS, "region: r2", "region: r3"))
    one = again(record.model_copy(update={"attempts": (failed, fallen), "cost_usd": TINY + NEAR}), other, planner)
    assert one.cost_after == pytest.approx(TINY + NEAR)


def test_a_call_that_was_never_charged_stays_free(two: Policy, tmp_path: Path) -> None:
    record = record_of(two)
    failed = record.attempts[0].model_copy(update={"usage": type(USAGE)(), "cost_usd": 0.0})
    other = policy_of(tmp_path / "other", TWO, models=swap(MODELS, "region: r2", "region: r3"))
    assert again(record.model_copy(update={"attempts": (failed,)}), other, planner).cost_after == 0.0


def test_refusals_come_and_go(two: Policy, tmp_path: Path) -> None:
    far = policy_of(tmp_path / "other", '  - {name: chat, match: "true", tiers: [{variants: {far: 1}}]}\n')
    secret = {"data_class": "restricted", "types": ("SECRET",)}
    gone = again(record_of(two, **secret), far, planner)
    assert (gone.after.refused, gone.cost_after) == ("residency_refused", 0.0)
    back = again(record_of(far, **secret), two, planner)
    assert (back.before.refused, back.after.stairs, back.cost_after) == ("residency_refused", ("tiny", "near"), None)


def test_a_route_that_is_gone_refuses_those_who_name_it(two: Policy, tmp_path: Path) -> None:
    other = policy_of(tmp_path / "other", swap(TWO, "name: chat", "name: talk"))
    one = again(record_of(two, route="chat"), other, planner)
    assert (one.after.route, one.after.refused) == (None, "model_not_found")


def test_who_may_see_the_data_is_told_by_target_and_rule(two: Policy, tmp_path: Path) -> None:
    milder = swap(
        RESIDENCY,
        "rules:\n",
        'rules:\n  - {id: eu, when: target.external && req.origin == "EU", action: deny, reason: r}\n',
    )
    strict = policy_of(tmp_path / "other", TWO, residency=milder)
    (change,) = again(record_of(two, origin="EU"), strict, planner).residency
    assert (change.target, change.before, change.after, change.rule, change.effect) == (
        "far",
        "allow",
        "deny",
        "eu",
        "denied",
    )
    (change,) = again(record_of(strict, origin="EU"), two, planner).residency
    assert (change.rule, change.effect) == ("eu", "allowed")
    assert again(record_of(two, origin="US"), strict, planner).residency == ()


def test_the_class_of_what_was_found_is_judged_by_the_new_policy(two: Policy, tmp_path: Path) -> None:
    strict = policy_of(
        tmp_path / "other",
        TWO,
        residency=swap(RESIDENCY, "[SECRET]", "[SECRET, PERSON]").replace("confidential: [PERSON]", "internal: [ORG]"),
    )
    one = again(record_of(two, data_class="confidential", types=("PERSON",)), strict, planner)
    assert [(change.target, change.effect) for change in one.residency] == [("far", "denied")]


def test_the_world_is_as_it_was(two: Policy, large: Policy) -> None:
    """A target that was out of order when the request came is out of order when it is planned again."""
    down = Snapshot(targets={"near": TargetStanding(healthy=False)})
    one = again(record_of(two, snapshot=down), large, planner)
    assert one.before.stairs == ("tiny",)
    assert one.after.refused == "target_unavailable"


def test_what_does_not_hold_what_planning_saw_is_said_to_be_so(two: Policy) -> None:
    record = record_of(two)
    for changes, said in (
        ({"trail": ()}, "before it was planned"),
        ({"signals_seen": None}, "no signals"),
        (
            {
                "trail": (Step(stage="plan", outcome="refused", facts={}, at=1, duration_ms=1, worker="w"),),
                "error": ErrorBody(code="rate_limited", message="m"),
            },
            "a rate refused it",
        ),
    ):
        with pytest.raises(NotReplayable, match=said):
            recorded(record.model_copy(update=changes))


def test_a_skipped_draft_is_a_move(two: Policy) -> None:
    one = again(record_of(two), two, planner)
    assert not one.moved
    assert replace(one, after=replace(one.after, skipped="cost")).moved
