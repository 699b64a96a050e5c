"""How much a request needs the next tier, and how much of that a budget for escalations asks for now. Pure."""

from typing import Final

from pipeline.contracts import BudgetStanding, Envelope
from pipeline.policy import Policy
from pipeline.policy.models import Window

__all__ = ["pressing", "pressure", "urgency_of"]

_SECONDS: Final[dict[Window, float]] = {
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "month": 2_629_800.0,
}


def urgency_of(envelope: Envelope) -> float:
    """How far below its threshold the draft is, from 0 (it would stay) to 1 (there is none that could be served)."""
    verdict, plan = envelope.verdict, envelope.plan
    if verdict is None or plan is None or verdict.schema_state == "invalid":
        return 1.0
    if verdict.stays:
        return 0.0
    if verdict.confidence is None or not plan.threshold:
        return 1.0
    return min(1.0, max(0.0, 1.0 - verdict.confidence / plan.threshold))


def pressure(standing: BudgetStanding, per: Window) -> float:
    """The urgency that a budget asks for: 0 while as much money is left as time, 1 once nothing is."""
    length = _SECONDS.get(per)
    if length is None or standing.resets_s is None or standing.resets_s <= 0.0:
        return 0.0
    time_left = min(1.0, standing.resets_s / length)
    return min(1.0, max(0.0, 1.0 - standing.left / time_left))


def pressing(envelope: Envelope, policy: Policy) -> str | None:
    """The first paced budget that would rather keep its money for more urgent escalations; None: none would."""
    snapshot = envelope.plan.snapshot if envelope.plan is not None else None
    if snapshot is None:
        return None
    urgency = urgency_of(envelope)
    for standing in snapshot.budgets:
        spec = policy.budget(standing.name)
        if spec is not None and spec.pace and urgency < pressure(standing, spec.per):
            return standing.name
    return None
