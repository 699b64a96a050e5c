"""What follows from a first attempt."""

import pytest
from fakes_stages import attempt, envelope

from pipeline.contracts import Attempt, Envelope, ErrorBody
from pipeline.ports import Denial, Made, Outcome
from pipeline.topology import outcomes_of
from stages.draft.decide import decide as decide_made


def decide(envelope: Envelope, attempt: Attempt | None) -> Outcome:
    return decide_made(envelope, Made(() if attempt is None else (attempt,), out_of_time=attempt is None))


def error(code: str) -> ErrorBody:
    return ErrorBody(code=code, message="it went wrong")


def test_a_text_is_a_draft() -> None:
    made = attempt(1, text="42")
    outcome = decide(envelope(), made)
    assert outcome.kind == "drafted"
    assert outcome.changes == {"attempts": (made,)}
    assert outcome.facts["variant"] == "small"


def test_a_failed_call_hands_over_to_the_next_tier_and_stays_in_the_record() -> None:
    made = attempt(1, error=error("target_timeout"))
    outcome = decide(envelope(), made)
    assert (outcome.kind, outcome.reasons) == ("unavailable", ("target_timeout",))
    assert outcome.changes == {"attempts": (made,)}


def test_without_time_there_is_no_draft_and_no_attempt() -> None:
    outcome = decide(envelope(), None)
    assert (outcome.kind, outcome.reasons, dict(outcome.changes)) == ("unavailable", ("deadline",), {})


def test_a_caller_who_went_away_ends_the_request() -> None:
    made = attempt(1, error=error("cancelled"), streamed=True)
    outcome = decide(envelope(), made)
    assert outcome.kind == "cancelled"
    assert outcome.changes["status"] == "failed"
    assert outcome.changes["error"] == made.error
    assert outcome.changes["attempts"] == (made,)


def test_what_the_caller_has_read_already_is_noted() -> None:
    assert decide(envelope(), attempt(1, text="x", streamed=True)).changes["streamed"] is True


def test_a_replay_is_told_in_the_trail() -> None:
    assert decide(envelope(), attempt(1, text="x", replayed=True)).facts["replayed"] is True


def test_every_outcome_is_one_of_the_table() -> None:
    kinds = {
        decide(envelope(), made).kind
        for made in (None, attempt(1), attempt(1, error=error("x")), attempt(1, error=error("cancelled")))
    }
    assert kinds <= set(outcomes_of("draft"))


@pytest.mark.parametrize("action", ["refuse", "degrade"])
def test_what_a_budget_does_not_cover_is_refused_with_the_time_to_come_back(action: str) -> None:
    outcome = decide_made(envelope(), Made(denial=Denial("team", action, "it is used up", 60.0)))  # type: ignore[arg-type]
    assert (outcome.kind, outcome.reasons) == ("refused", ("budget_refused", "team"))
    refusal = outcome.changes["error"]
    assert isinstance(refusal, ErrorBody)
    assert (refusal.code, refusal.rule, refusal.retry_after_s) == ("budget_refused", "team", 60.0)
    assert outcome.changes["status"] == "refused"
    assert outcome.kind in outcomes_of("draft")


def test_a_fallback_that_nobody_pays_for_leaves_it_to_the_next_tier() -> None:
    failed = attempt(1, error=error("target_unavailable"))
    outcome = decide_made(envelope(), Made((failed,), Denial("team", "refuse", "it is used up")))
    assert outcome.kind == "unavailable"
    assert outcome.changes["attempts"] == (failed,)


def test_the_attempts_of_fallbacks_are_all_kept_and_the_last_counts() -> None:
    failed, spare = attempt(1, error=error("target_unavailable")), attempt(2, text="x", stage="draft", fallback=1)
    outcome = decide_made(envelope(), Made((failed, spare), passed_over=("far:residency_refused",)))
    assert outcome.kind == "drafted"
    assert outcome.changes["attempts"] == (failed, spare)
    assert outcome.facts["fallback"] == 1
    assert outcome.facts["passed_over"] == "far:residency_refused"


def test_after_a_part_was_read_a_failed_draft_is_the_end() -> None:
    outcome = decide(envelope(), attempt(1, error=error("target_unavailable"), streamed=True))
    assert (outcome.kind, outcome.changes["status"]) == ("failed", "failed")
    assert outcome.changes["streamed"] is True
