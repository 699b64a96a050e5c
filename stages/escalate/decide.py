"""What follows from an attempt, and what follows when no tier can answer. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pipeline.contracts import Attempt, Envelope, ErrorBody, unsatisfied
from pipeline.ports import Denial, Outcome
from stages.escalate.choose import Facts

__all__ = ["after", "denied", "give_up", "serves", "stays"]


def stays(envelope: Envelope, facts: Facts) -> Outcome:
    """What there is stays, since no tier is expected to gain more than it costs."""
    return Outcome("unavailable", ("no_gain",), _served(envelope, "no_gain"), {**_last_facts(envelope), **facts})


def after(envelope: Envelope, passed_over: Sequence[str] = (), chose: Facts = MappingProxyType({})) -> Outcome | None:
    """What follows from the attempt that was just made, the last in `envelope`; None: try the next tier.

    `passed_over` are fallbacks that were not called, and why, and `chose` what the choice followed from, for the trail.
    """
    attempt = envelope.attempts[-1]
    if attempt.error is None:
        return Outcome("escalated", (), _changes(envelope), {**_facts(attempt, passed_over), **chose})
    if attempt.error.code == "cancelled":
        return _failed(envelope, "cancelled", attempt.error)
    if attempt.streamed:
        # The caller has read a part of this answer; another one must not follow it.
        return _failed(envelope, "unavailable", attempt.error)
    return None


def give_up(envelope: Envelope, *, out_of_time: bool) -> Outcome:
    """Serve the draft and mark it, where there is one and the route allows it; fail otherwise."""
    reason = _reason(envelope, out_of_time=out_of_time)
    if serves(envelope):
        return Outcome("unavailable", (reason,), _served(envelope, reason), _last_facts(envelope))
    return _failed(envelope, "unavailable", _error(envelope, reason), reason)


def denied(envelope: Envelope, denial: Denial, *, capped: bool) -> Outcome:
    """What follows where a budget or a cap forbids the call: the draft serves, where it may, or nothing does."""
    if serves(envelope) and (denial.action == "degrade" or _would_stay(envelope)):
        reason = "escalation_cap" if capped else "budget"
        return Outcome("unavailable", (reason, denial.budget), _served(envelope, reason), _last_facts(envelope))
    code = "escalation_capped" if capped else "budget_refused"
    message = f"a better answer than the draft is not to be had: {denial.reason}"
    error = ErrorBody(code=code, message=message, rule=denial.budget, retry_after_s=denial.resets_s)
    changes = {**_changes(envelope), "status": "refused", "error": error}
    return Outcome("refused", (code, denial.budget), changes, _last_facts(envelope))


def _reason(envelope: Envelope, *, out_of_time: bool) -> str:
    """Why there is no better answer, in one word of the API."""
    if out_of_time or not envelope.answers:  # without an attempt, draft had no time for one
        return "deadline"
    if any(made.stage == "escalate" for made in envelope.answers):
        return "large_unavailable"
    deepest = len(envelope.plan.tiers) - 1 if envelope.plan else -1
    return "escalation_cap" if envelope.last_tier < deepest else "no_further_tier"


def serves(envelope: Envelope) -> bool:
    """Whether there is an answer that may be served, though it is not sure enough."""
    verdict, plan = envelope.verdict, envelope.plan
    return (
        verdict is not None
        and plan is not None
        and (plan.on_exhausted == "degrade" or verdict.stays)
        and verdict.schema_state != "invalid"
        and any(made.number == verdict.attempt and made.error is None for made in envelope.attempts)
    )


def _would_stay(envelope: Envelope) -> bool:
    """Whether the answer that there is was sure enough, and only a label was wanted of the next tier."""
    return envelope.verdict is not None and envelope.verdict.stays


def _served(envelope: Envelope, reason: str) -> dict[str, object]:
    """The answer that there is, marked; but one that would have stayed anyway is what it always was."""
    marked = {} if _would_stay(envelope) else {"degraded": reason}
    return {**_changes(envelope), "status": "answered", **marked}


def _error(envelope: Envelope, reason: str) -> ErrorBody:
    failed = [made.error for made in envelope.answers if made.error is not None]
    if failed:
        return failed[-1]  # also where it took the time of all others: whose caller allows more may meet it again
    if reason == "deadline":
        return ErrorBody(code="deadline_exceeded", message="the deadline left no time to call a model: allow more time")
    if envelope.verdict is not None and envelope.verdict.schema_state == "invalid":
        return ErrorBody(code="schema_not_satisfied", message=unsatisfied(envelope.verdict.problems))
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
