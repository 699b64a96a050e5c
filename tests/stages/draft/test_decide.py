"""What follows from a first attempt."""

from fakes_stages import attempt, envelope

from pipeline.contracts import Attempt, Envelope, ErrorBody
from pipeline.ports import Made, Outcome
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
