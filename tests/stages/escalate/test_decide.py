"""Which tier is next, and what becomes of a request that none can answer."""

import pytest
from fakes_stages import attempt, envelope, plan, verdict
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Budget, Envelope, ErrorBody, Request
from pipeline.ports import Denial
from pipeline.topology import outcomes_of
from stages.escalate.choose import candidates
from stages.escalate.decide import after, denied, give_up, stays

DOWN = ErrorBody(code="target_unavailable", message="target large cannot be reached at its endpoint")
DRAFT = attempt(1, text="about 20 m")


def next_tier(before: Envelope) -> int | None:
    """The first of those that may be next."""
    return next(iter(candidates(before, skips=False)), None)


def capped(limit: int) -> Request:
    return Request(input="x", budget=Budget(max_escalations=limit))


@pytest.mark.parametrize(
    ("before", "tier"),
    [
        (envelope(DRAFT), 1),
        (envelope(), 1),
        (envelope(DRAFT, attempt(2, error=DOWN)), None),
        (envelope(DRAFT, attempt(2, error=DOWN), tiers=plan(3)), 2),
        (envelope(DRAFT, tiers=plan(1)), None),
        (envelope(DRAFT, tiers=plan(3, max_escalations=0)), None),
        (envelope(DRAFT, attempt(2, error=DOWN), tiers=plan(3, max_escalations=1)), None),
        (envelope(DRAFT, request=capped(0)), None),
        (envelope(DRAFT, attempt(2), request=capped(1), tiers=plan(3)), None),
        (envelope(DRAFT, request=capped(9)), 1),
    ],
)
def test_the_next_tier_is_one_further_within_both_limits(before: Envelope, tier: int | None) -> None:
    assert next_tier(before) == tier


@given(st.integers(1, 3), st.integers(0, 4), st.one_of(st.none(), st.integers(0, 4)), st.integers(1, 3))
def test_no_limit_is_ever_passed(tiers: int, allowed: int, asked: int | None, tried: int) -> None:
    request = Request(input="x", budget=Budget(max_escalations=asked))
    made = [attempt(number) for number in range(1, min(tried, tiers) + 1)]
    tier = next_tier(envelope(*made, tiers=plan(tiers, max_escalations=allowed), request=request))
    if tier is not None:
        assert tier == len(made)
        assert tier < tiers
        assert tier <= allowed
        assert asked is None or tier <= asked


def test_an_answer_goes_on_to_check() -> None:
    made = attempt(2, text="21 m")
    outcome = after(envelope(DRAFT, made))
    assert outcome is not None
    assert outcome.kind == "escalated"
    assert outcome.changes == {"attempts": (DRAFT, made)}
    assert outcome.facts["tier"] == 1


def test_a_failed_tier_lets_the_next_one_try() -> None:
    assert after(envelope(DRAFT, attempt(2, error=DOWN), tiers=plan(3))) is None


def test_after_a_part_was_read_no_other_answer_follows() -> None:
    outcome = after(envelope(DRAFT, attempt(2, error=DOWN, streamed=True), verdict=verdict(), tiers=plan(3)))
    assert outcome is not None
    assert (outcome.kind, outcome.changes["status"], outcome.changes["error"]) == ("unavailable", "failed", DOWN)
    assert outcome.changes["streamed"] is True


def test_a_caller_who_went_away_ends_the_request() -> None:
    gone = ErrorBody(code="cancelled", message="the caller is gone")
    outcome = after(envelope(DRAFT, attempt(2, error=gone, streamed=True)))
    assert outcome is not None
    assert (outcome.kind, outcome.changes["status"]) == ("cancelled", "failed")


@pytest.mark.parametrize(
    ("before", "out_of_time", "reason"),
    [
        (envelope(DRAFT, attempt(2, error=DOWN), verdict=verdict()), False, "large_unavailable"),
        (envelope(DRAFT, attempt(2, error=DOWN), verdict=verdict()), True, "deadline"),
        (envelope(DRAFT, verdict=verdict()), True, "deadline"),
        (envelope(DRAFT, verdict=verdict(), request=capped(0)), False, "escalation_cap"),
        (envelope(DRAFT, verdict=verdict(), tiers=plan(1)), False, "no_further_tier"),
    ],
)
def test_the_draft_is_served_and_marked_with_the_reason(before: Envelope, out_of_time: bool, reason: str) -> None:
    outcome = give_up(before, out_of_time=out_of_time)
    assert (outcome.kind, outcome.reasons) == ("unavailable", (reason,))
    assert outcome.changes["status"] == "answered"
    assert outcome.changes["degraded"] == reason
    assert outcome.changes["attempts"] == before.attempts
    assert "error" not in outcome.changes


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (envelope(attempt(1, error=DOWN), tiers=plan(1)), "target_unavailable"),
        (envelope(DRAFT, attempt(2, error=DOWN), verdict=verdict(), tiers=plan(on_exhausted="fail")), DOWN.code),
        (envelope(DRAFT, attempt(2, error=DOWN), verdict=verdict(schema_state="invalid")), DOWN.code),
        (envelope(DRAFT, verdict=verdict(schema_state="invalid"), tiers=plan(1)), "schema_not_satisfied"),
        (envelope(DRAFT, verdict=verdict(), tiers=plan(1, on_exhausted="fail")), "quality_not_reached"),
        (envelope(), "deadline_exceeded"),
        (envelope(tiers=plan(1)), "deadline_exceeded"),
    ],
    ids=[
        "no draft at all",
        "the route would rather fail",
        "the draft broke its schema",
        "it broke its schema and there is no further tier",
        "not sure enough and the route would rather fail",
        "draft had no time",
        "draft had no time and there is no further tier",
    ],
)
def test_without_a_draft_that_may_serve_the_request_fails_with_the_true_reason(before: Envelope, code: str) -> None:
    outcome = give_up(before, out_of_time=False)
    assert outcome.kind == "unavailable"
    assert outcome.changes["status"] == "failed"
    assert outcome.changes["error"].code == code
    assert "degraded" not in outcome.changes


def test_a_call_that_took_all_the_time_is_what_the_caller_is_told() -> None:
    outcome = give_up(envelope(attempt(1, error=DOWN)), out_of_time=True)
    assert outcome.reasons == ("deadline", DOWN.code)
    assert outcome.changes["error"] == DOWN


@given(
    st.booleans(),
    st.sampled_from(["degrade", "fail"]),
    st.sampled_from(["none", "valid", "repaired", "invalid"]),
    st.booleans(),
)
def test_it_never_serves_what_may_not_be_served(late: bool, exhausted: str, state: str, checked: bool) -> None:
    before = envelope(
        DRAFT,
        attempt(2, error=DOWN),
        tiers=plan(on_exhausted=exhausted),
        verdict=verdict(schema_state=state) if checked else None,
    )
    outcome = give_up(before, out_of_time=late)
    served = outcome.changes["status"] == "answered"
    assert served == (checked and exhausted == "degrade" and state != "invalid")
    assert served == ("degraded" in outcome.changes)
    assert served != ("error" in outcome.changes)
    assert outcome.kind in outcomes_of("escalate")


NO_MONEY = Denial("team", "degrade", "it is used up", 60.0)


@pytest.mark.parametrize(("capped", "reason"), [(False, "budget"), (True, "escalation_cap")])
def test_where_nobody_pays_for_a_better_answer_the_draft_is_served_and_marked(capped: bool, reason: str) -> None:
    outcome = denied(envelope(DRAFT, verdict=verdict()), NO_MONEY, capped=capped)
    assert (outcome.kind, outcome.changes["status"], outcome.changes["degraded"]) == ("unavailable", "answered", reason)
    assert outcome.reasons == (reason, "team")


@pytest.mark.parametrize(("capped", "code"), [(False, "budget_refused"), (True, "escalation_capped")])
@pytest.mark.parametrize(
    ("before", "action"),
    [
        (envelope(DRAFT, verdict=verdict()), "refuse"),
        (envelope(DRAFT, verdict=verdict(schema_state="invalid")), "degrade"),
        (envelope(attempt(1, error=DOWN)), "degrade"),
    ],
    ids=["the policy refuses", "the draft broke its schema", "there is no draft"],
)
def test_where_the_draft_may_not_serve_it_is_refused(before: Envelope, action: str, capped: bool, code: str) -> None:
    outcome = denied(before, Denial("team", action, "it is used up", 60.0), capped=capped)  # type: ignore[arg-type]
    assert (outcome.kind, outcome.changes["status"]) == ("refused", "refused")
    assert outcome.changes["attempts"] == before.attempts, "what was paid until then stays in the record"
    assert (outcome.changes["error"].code, outcome.changes["error"].retry_after_s) == (code, 60.0)
    assert outcome.kind in outcomes_of("escalate")


@pytest.mark.parametrize("forbids", [{"disable_fallbacks": True}, {"provider": {"allow_fallbacks": False}}])
def test_who_wants_no_other_to_answer_gets_no_further_tier_after_a_failure(forbids: dict[str, object]) -> None:
    request = Request.model_validate({"input": "x", **forbids})
    assert next_tier(envelope(attempt(1, error=DOWN), request=request)) is None
    assert next_tier(envelope(DRAFT, attempt(2, error=DOWN), tiers=plan(3), request=request)) is None
    assert next_tier(envelope(DRAFT, request=request)) == 1, "a draft that does not suffice is no failure"


def test_a_fallback_counts_as_the_tier_it_stands_in_for() -> None:
    spare = attempt(2, stage="draft", tier=0, fallback=1, text="x")
    assert next_tier(envelope(attempt(1, error=DOWN), spare)) == 1


def test_a_draft_that_was_left_early_is_no_failure_of_it() -> None:
    left = attempt(1, error=ErrorBody(code="early_exit", message="too unsure"), left_early=True)
    assert next_tier(envelope(left, request=Request(input="x", disable_fallbacks=True))) == 1


def test_a_further_look_that_failed_is_no_failure_of_the_draft() -> None:
    look = attempt(2, stage="draft", tier=0, made_for="judge", error=DOWN)
    assert next_tier(envelope(DRAFT, look, request=Request(input="x", disable_fallbacks=True))) == 1


@pytest.mark.parametrize("ends", ["down", "late", "capped", "no gain"])
def test_an_answer_that_would_have_stayed_is_served_as_such_where_no_other_is_to_be_had(ends: str) -> None:
    """Its escalation was to give a label; that there is none is not the caller's loss."""
    before = envelope(DRAFT, tiers=plan(2, on_exhausted="fail"), verdict=verdict(explored=0.1, stays=True))
    outcome = {
        "down": lambda: give_up(before, out_of_time=False),
        "late": lambda: give_up(before, out_of_time=True),
        "capped": lambda: denied(before, Denial("cap", "refuse", "it is used up"), capped=True),
        "no gain": lambda: stays(before, {}),
    }[ends]()
    assert outcome.kind == "unavailable"
    assert outcome.changes["status"] == "answered"
    assert "degraded" not in outcome.changes


def test_what_is_not_worth_its_cost_leaves_what_there_is_and_says_so() -> None:
    outcome = stays(envelope(DRAFT, verdict=verdict()), {"p_1": 0.9})
    assert outcome.changes["degraded"] == "no_gain"
    assert outcome.facts["p_1"] == 0.9
    assert outcome.kind in outcomes_of("escalate")
