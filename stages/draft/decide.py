"""What follows from the first tier. Pure."""

from pipeline.contracts import Attempt, Envelope, ErrorBody
from pipeline.ports import Denial, Made, Outcome

__all__ = ["decide"]


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


def _denied(denial: Denial) -> Outcome:
    message = f"the request is not paid for: {denial.reason}"
    error = ErrorBody(code="budget_refused", message=message, rule=denial.budget, retry_after_s=denial.resets_s)
    return Outcome("refused", ("budget_refused", denial.budget), {"status": "refused", "error": error})


def _facts(made: Made, attempt: Attempt) -> dict[str, str | float | int | bool | None]:
    facts: dict[str, str | float | int | bool | None] = {
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
