"""What follows from the first tier, and from a further call about its answer. Pure."""

from collections.abc import Sequence

from pipeline.confidence.signals import agrees
from pipeline.contracts import Attempt, Envelope, ErrorBody, Plan
from pipeline.ports import Denial, Made, Outcome

__all__ = ["decide", "looked", "may_look", "settled"]

Facts = dict[str, str | float | int | bool | None]


def decide(envelope: Envelope, made: Made) -> Outcome:
    """Go on to check with a draft, to escalate without one, or refuse what a budget does not cover.

    Args:
        envelope: the request as it reached the stage.
        made: the attempts, the last of which counts; none where no time was left, or nobody would have paid.
    """
    attempt = made.last
    if attempt is None:
        return Outcome("unavailable", ("deadline",)) if made.denial is None else _denied(made.denial)
    changes: dict[str, object] = {"attempts": (*envelope.attempts, *made.attempts)}
    if attempt.streamed:
        changes["streamed"] = True
    if attempt.error is None:
        return Outcome("drafted", (), changes, _facts(made, attempt))
    if attempt.error.code == "cancelled":
        ended = {"status": "failed", "error": attempt.error}
        return Outcome("cancelled", (attempt.error.code,), changes | ended, _facts(made, attempt))
    if attempt.streamed:
        # The caller has read a part of this answer; another one must not follow it.
        ended = {"status": "failed", "error": attempt.error}
        return Outcome("failed", (attempt.error.code,), changes | ended, _facts(made, attempt))
    return Outcome("unavailable", (attempt.error.code,), changes, _facts(made, attempt))


# ------------------------------------------------------------ a further call


def may_look(left_s: float, candidate: Attempt, plan: Plan) -> bool:
    """Whether there is time for a further call and, after it, for an escalation.

    By how long the answer took, and how long the route's last tier takes where that is known.
    """
    snapshot = plan.snapshot
    last_ms = snapshot.last_ms if snapshot is not None else None
    return left_s * 1000 > candidate.latency_ms + (last_ms or 0.0)


def settled(answer: str, samples: Sequence[str], count: int) -> bool:
    """Whether further samples, up to `count`, can no longer change on which side of an answer the majority is."""
    for_it = sum(agrees(answer, sample) >= 0.5 for sample in samples)
    return for_it * 2 > count or (len(samples) - for_it) * 2 > count or len(samples) >= count


def looked(envelope: Envelope, kind: str, made: Sequence[Made]) -> Outcome:
    """Go back to check with what further calls brought, be it nothing: the answer is there all the same."""
    attempts = tuple(attempt for each in made for attempt in each.attempts)
    changes: dict[str, object] = {"attempts": (*envelope.attempts, *attempts)} if attempts else {}
    facts: Facts = {"made_for": kind, "made": len(attempts), "calls": sum(attempt.calls for attempt in attempts)}
    costs = [attempt.cost_usd for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    if attempts:
        facts |= {"variant": attempts[-1].variant, "target": attempts[-1].target}
        facts["cost_usd"] = sum(known) if len(known) == len(costs) else None
    stopped = next((made for made in attempts if made.error is not None and made.error.code == "cancelled"), None)
    if stopped is not None:
        ended = {"status": "failed", "error": stopped.error}
        return Outcome("cancelled", ("cancelled",), changes | ended, facts)
    return Outcome("drafted", _why_not(made), changes, facts)


def _why_not(made: Sequence[Made]) -> tuple[str, ...]:
    """Why calls were not made, or brought nothing."""
    reasons: list[str] = []
    for each in made:
        if each.denial is not None:
            reasons.append(f"not paid for: {each.denial.budget}")
        if each.out_of_time:
            reasons.append("no time for a further call")
        reasons += [f"not permitted: {passed}" for passed in each.passed_over]
        reasons += [f"failed: {attempt.error.code}" for attempt in each.attempts if attempt.error is not None]
    return tuple(dict.fromkeys(reasons))


def _denied(denial: Denial) -> Outcome:
    message = f"the request is not paid for: {denial.reason}"
    error = ErrorBody(code="budget_refused", message=message, rule=denial.budget, retry_after_s=denial.resets_s)
    return Outcome("refused", ("budget_refused", denial.budget), {"status": "refused", "error": error})


def _facts(made: Made, attempt: Attempt) -> Facts:
    facts: Facts = {
        "variant": attempt.variant,
        "target": attempt.target,
        "calls": attempt.calls,
        "cost_usd": attempt.cost_usd,
    }
    if attempt.replayed:
        facts["replayed"] = True
    if attempt.fallback:
        facts["fallback"] = attempt.fallback
    if made.passed_over:
        facts["passed_over"] = " ".join(made.passed_over)
    return facts
