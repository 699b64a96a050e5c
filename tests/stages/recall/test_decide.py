"""When memory is asked, and when what it says is an answer."""

import pytest

from pipeline.contracts import CacheHit, Envelope, Plan, Request, Tier
from stages.recall.decide import decide, why_not

PLAN = Plan(route="chat", tiers=(Tier(variant="small", target="small", propensity=1.0),))


def envelope(plan: Plan | None = PLAN, **request: object) -> Envelope:
    return Envelope(
        id="r1",
        request=Request.model_validate({"input": "hi", **request}),
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision="rev",
        plan=plan,
    )


def hit(confidence: float | None = 0.7) -> CacheHit:
    return CacheHit(
        content="ho", variant="small", target="small", model="m", request_id="r0", stored_at=90.0, confidence=confidence
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (envelope(), None),
        (envelope(cache="off"), "cache_off"),
        (envelope(cache="refresh"), "cache_refresh"),
        (envelope(plan=None), "not_cacheable"),
        (envelope(plan=PLAN.model_copy(update={"cacheable": False})), "not_cacheable"),
    ],
)
def test_memory_is_asked_only_where_plan_and_caller_let_it(asked: Envelope, reason: str | None) -> None:
    assert why_not(asked) == reason


def test_a_hit_ends_the_request_with_the_remembered_answer() -> None:
    outcome = decide(envelope(), hit(), None, now=100.0)

    assert outcome.kind == "hit"
    assert outcome.changes == {"hit": hit(), "status": "answered"}
    assert outcome.facts == {"age_s": 10.0, "variant": "small", "from": "r0", "kind": "exact"}


def test_an_answer_from_the_future_of_another_clock_has_no_negative_age() -> None:
    assert decide(envelope(), hit(), None, now=80.0).facts["age_s"] == 0.0


def test_a_miss_changes_nothing_and_says_why() -> None:
    outcome = decide(envelope(), None, "store_away", now=100.0)

    assert (outcome.kind, outcome.reasons, outcome.changes) == ("miss", ("store_away",), {})
    assert outcome.facts == {"reason": "store_away"}


@pytest.mark.parametrize(("confidence", "kind"), [(0.7, "hit"), (0.69, "miss"), (None, "miss")])
def test_an_answer_below_the_quality_floor_is_no_answer(confidence: float | None, kind: str) -> None:
    assert decide(envelope(quality_floor=0.7), hit(confidence), None, now=100.0).kind == kind
