"""Which tier is next, and what follows when none can answer. Pure."""

from collections.abc import Mapping, Sequence

from pipeline.contracts import Attempt, Envelope, ErrorBody
from pipeline.ports import Denial, Outcome

__all__ = ["after", "denied", "give_up", "next_tier"]


def next_tier(envelope: Envelope) -> int | None:
    """The tier after the last one that was tried; None: there is none that may be.

    The plan or the caller's budget may permit no further one; or the last one failed, and the caller wants no other to
    answer in its place.
    """
    last = envelope.attempts[-1] if envelope.attempts else None
    if last is not None and last.error is not None and not last.left_early and not envelope.may_fall_back:
        return None
    tried = last.tier if last is not None else 0
    following = tried + 1
    return following if following <= envelope.last_tier else None


def after(envelope: Envelope, passed_over: Sequence[str] = ()) -> Outcome | None:
    """What follows from the attempt that was just made, the last in `envelope`; None: try the next tier.

    `passed_over` are fallbacks that were not called, and why, for the trail.
    """
    attempt = envelope.attempts[-1]
    if attempt.error is None:
        return Outcome("escalated", (), _changes(envelope), _facts(attempt, passed_over))
    if attempt.error.code == "cancelled":
        return _failed(envelope, "cancelled", attempt.error)
    if attempt.streamed:
        # The caller has read a part of this answer; another one must not follow it.
        return _failed(envelope, "unavailable", attempt.error)
    return None


def give_up(envelope: Envelope, *, out_of_time: bool) -> Outcome:
    """Serve the draft and mark it, where there is one and the route allows it; fail otherwise."""
    reason = _reason(envelope, out_of_time=out_of_time)
    if _draft_serves(envelope):
        changes = {**_changes(envelope), "status": "answered", "degraded": reason}
        return Outcome("unavailable", (reason,), changes, _last_facts(envelope))
    return _failed(envelope, "unavailable", _error(envelope, reason), reason)


def denied(envelope: Envelope, denial: Denial, *, capped: bool) -> Outcome:
    """What follows where a budget or a cap forbids the call: the draft serves, where it may, or nothing does."""
    if denial.action == "degrade" and _draft_serves(envelope):
        reason = "escalation_cap" if capped else "budget"
        changes = {**_changes(envelope), "status": "answered", "degraded": reason}
        return Outcome("unavailable", (reason, denial.budget), changes, _last_facts(envelope))
    code = "escalation_capped" if capped else "budget_refused"
    message = f"a better answer than the draft is not to be had: {denial.reason}"
    error = ErrorBody(code=code, message=message, rule=denial.budget, retry_after_s=denial.resets_s)
    changes = {**_changes(envelope), "status": "refused", "error": error}
    return Outcome("refused", (code, denial.budget), changes, _last_facts(envelope))


def _reason(envelope: Envelope, *, out_of_time: bool) -> str:
    """Why there is no better answer, in one word of the API."""
    if out_of_time or not envelope.attempts:  # without an attempt, draft had no time for one
        return "deadline"
    if envelope.attempts[-1].stage == "escalate":
        return "large_unavailable"
    deepest = len(envelope.plan.tiers) - 1 if envelope.plan else -1
    return "escalation_cap" if envelope.last_tier < deepest else "no_further_tier"


def _draft_serves(envelope: Envelope) -> bool:
    verdict, plan = envelope.verdict, envelope.plan
    return (
        verdict is not None
        and plan is not None
        and plan.on_exhausted == "degrade"
        and verdict.schema_state != "invalid"
        and any(made.number == verdict.attempt and made.error is None for made in envelope.attempts)
    )


def _error(envelope: Envelope, reason: str) -> ErrorBody:
    if reason == "deadline":
        return ErrorBody(code="deadline_exceeded", message="the deadline left no time to call a model: allow more time")
    failed = [made.error for made in envelope.attempts if made.error is not None]
    if failed:
        return failed[-1]
    if envelope.verdict is not None and envelope.verdict.schema_state == "invalid":
        message = "no tier gave an answer that satisfies the response schema: simplify it, or allow an escalation"
        return ErrorBody(code="schema_not_satisfied", message=message)
    message = "no permitted tier gave an answer that is sure enough, and the route would rather fail than degrade"
    return ErrorBody(code="quality_not_reached", message=message)


def _failed(envelope: Envelope, kind: str, error: ErrorBody, reason: str | None = None) -> Outcome:
    reasons = (error.code,) if reason is None or reason == error.code else (reason, error.code)
    changes = {**_changes(envelope), "status": "failed", "error": error}
    return Outcome(kind, reasons, changes, _last_facts(envelope))


def _changes(envelope: Envelope) -> dict[str, object]:
    changes: dict[str, object] = {"attempts": envelope.attempts}
    if envelope.attempts and envelope.attempts[-1].streamed:
        changes["streamed"] = True
    return changes


def _last_facts(envelope: Envelope) -> Mapping[str, str | float | int | bool | None]:
    made = envelope.attempts[-1] if envelope.attempts else None
    return _facts(made) if made is not None and made.stage == "escalate" else {}


def _facts(attempt: Attempt, passed_over: Sequence[str] = ()) -> Mapping[str, str | float | int | bool | None]:
    facts: dict[str, str | float | int | bool | None] = {
        "variant": attempt.variant,
        "target": attempt.target,
        "tier": attempt.tier,
        "calls": attempt.calls,
        "cost_usd": attempt.cost_usd,
    }
    if attempt.replayed:
        facts["replayed"] = True
    if attempt.fallback:
        facts["fallback"] = attempt.fallback
    if passed_over:
        facts["passed_over"] = " ".join(passed_over)
    return facts
