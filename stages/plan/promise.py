"""How sure a draft has to be: the number of the route, or the threshold that its calibrator promises. Pure."""

from typing import Final, NamedTuple

from pipeline.contracts import Signals
from pipeline.policy import Policy
from pipeline.policy.models import Route

__all__ = ["UNREACHED", "Asked", "asked_of"]

UNREACHED: Final = 1.0
"""A threshold that no probability of a gate reaches: everything escalates."""


class Asked(NamedTuple):
    """The threshold, null where the schema alone decides; and, where it follows from a promise, that in words."""

    threshold: float | None
    sentence: str | None = None


def asked_of(route: Route, signals: Signals, policy: Policy, fallen: str | None = None) -> Asked:
    """What is asked of the drafts of a request: the stricter of what the route and the caller want.

    `fallen`: why nothing of the route may stay, where its promise was seen to be broken.
    """
    if fallen is not None:
        return Asked(UNREACHED, fallen)
    asked = _of_route(route, signals, policy)
    floor = signals.quality_floor
    if floor is None or (asked.threshold is not None and asked.threshold >= floor):
        return asked
    return asked._replace(threshold=floor)


def _of_route(route: Route, signals: Signals, policy: Policy) -> Asked:
    wanted = route.accept.confidence
    if wanted != "promised":
        return Asked(wanted)
    compiled = policy.route(route.name)
    if compiled is None or compiled.calibrator is None:
        return Asked(UNREACHED, "everything escalates: the route has no calibrator that promises a threshold")
    threshold = compiled.calibrator.threshold(signals.task, signals.tenant)
    return Asked(UNREACHED if threshold.value is None else threshold.value, threshold.sentence)
