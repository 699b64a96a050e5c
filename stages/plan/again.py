"""A plan made again from what was written down of it. Pure."""

from pipeline.contracts import Classification, Finding, Residency, Signals, Snapshot
from pipeline.policy import Policy
from pipeline.policy.facts import facts_of_signals
from pipeline.policy.feasible import feasible
from pipeline.ports import Outcome
from stages.plan.decide import decide

__all__ = ["plan_again", "residency_again"]


def plan_again(signals: Signals, snapshot: Snapshot, policy: Policy) -> Outcome:
    """What this policy decides about a request of these signals, in the world of this snapshot. No model is called.

    Raises:
        UnknownModel, InvalidRequest: as `decide`.
    """
    return decide(signals, residency_again(signals, policy), snapshot, policy)


def residency_again(signals: Signals, policy: Policy) -> tuple[Residency, ...]:
    """What the policy says of each target, where what is to be hidden can be; a denial where it cannot."""
    found = _found(signals)
    actions = policy.residency_actions(facts_of_signals(signals))
    return tuple(feasible(entry, policy.targets[entry.target], found) for entry in actions)


def _found(signals: Signals) -> Classification:
    """As much of the classification as signals keep. A scan that was complete knew where everything stands."""
    return Classification(
        data_class=signals.data_class,
        findings=tuple(Finding(type=kind, count=1) for kind in signals.types),
        special=signals.special,
        origin=signals.origin,
        scan=signals.scan,
        names_scanned=signals.names_scanned,
        names_covered=signals.names_covered,
        engine="record",
        units="" if signals.scan == "complete" else None,
    )
