"""What follows from the first attempt. Pure."""

from pipeline.contracts import Attempt, Envelope
from pipeline.ports import Outcome

__all__ = ["decide"]


def decide(envelope: Envelope, attempt: Attempt | None) -> Outcome:
    """Go on to check with a draft, or to escalate without one.

    Args:
        envelope: the request as it reached the stage.
        attempt: the attempt that counts; None: no time was left to call a model.
    """
    if attempt is None:
        return Outcome("unavailable", ("deadline",))
    changes: dict[str, object] = {"attempts": (*envelope.attempts, attempt)}
    if attempt.streamed:
        changes["streamed"] = True
    if attempt.error is None:
        return Outcome("drafted", (), changes, _facts(attempt))
    if attempt.error.code == "cancelled":
        ended = {"status": "failed", "error": attempt.error}
        return Outcome("cancelled", (attempt.error.code,), changes | ended, _facts(attempt))
    return Outcome("unavailable", (attempt.error.code,), changes, _facts(attempt))


def _facts(attempt: Attempt) -> dict[str, str | float | int | bool | None]:
    facts: dict[str, str | float | int | bool | None] = {
        "variant": attempt.variant,
        "target": attempt.target,
        "calls": attempt.calls,
        "cost_usd": attempt.cost_usd,
    }
    if attempt.replayed:
        facts["replayed"] = True
    return facts
