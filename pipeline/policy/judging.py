"""Routes whose drafts cannot be judged as they say: no signal to go by, looks that nobody takes, labels of nothing."""

from collections.abc import Iterator

from pipeline.policy.models import Route
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["judging_doubts"]


def judging_doubts(joined: PolicySet) -> Iterator[Problem]:
    """Warnings about `accept`."""
    for route in joined.routes:
        yield from _unheard(joined, route)
        yield from _pointless(route)


def _unheard(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    """Drafts of a target without log-probabilities have no confidence, and where nothing else is heard none stays."""
    accept = route.spec.accept
    if accept.confidence is None or accept.looks or accept.calibrator_file is not None:
        return
    for index, tier in enumerate(route.spec.tiers[:-1]):
        for name in tier.variants:
            variant = joined.variants.get(name)
            target = joined.filled.get(variant.spec.target) if variant is not None else None
            if target is not None and "logprobs" not in target.capabilities:
                text = (
                    f"{name} gives no log-probabilities, so none of its drafts can reach accept.confidence and all are "
                    "escalated; add accept.looks, a calibrator_file that does without, or let the schema decide alone "
                    "(confidence: null)"
                )
                yield route.problem(text, "tiers", index, "variants", name)


def _pointless(route: Located[Route]) -> Iterator[Problem]:
    accept = route.spec.accept
    if accept.looks and accept.confidence is None:
        text = "nobody takes these looks, since there is no threshold to be near to; give accept.confidence"
        yield route.problem(text, "accept", "looks")
    if accept.explore > 0 and (len(route.spec.tiers) < 2 or route.spec.max_escalations == 0):
        yield route.problem("nothing is escalated for a label, since the route never escalates", "accept", "explore")
