"""Routes whose drafts cannot be judged as they say: no signal to go by, looks that nobody takes, labels of nothing."""

from collections.abc import Iterator
from typing import Final

from pipeline.confidence.score import signals_of
from pipeline.confidence.signals import NAMES, RAW
from pipeline.policy.calibration import Curve, Gate, Signal
from pipeline.policy.compiled import Policy
from pipeline.policy.models import Route
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["judging_doubts", "never_judged"]

_MUCH: Final = 0.5
_KNOWN: Final = frozenset({*NAMES, *RAW, "confidence"})


def never_judged(joined: PolicySet) -> Iterator[Problem]:
    """What is refused: a look that nobody can take."""
    for route in joined.routes:
        drafts = {name for tier in route.spec.tiers[:-1] for name in (*tier.variants, *tier.fallbacks)}
        for index, look in enumerate(route.spec.accept.looks):
            if drafts == {look.variant}:
                text = f"{look.variant} makes the drafts, and is not asked about its own; name another variant"
                yield route.problem(text, "accept", "looks", index, "variant")


def judging_doubts(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """Warnings about `accept`."""
    for route in joined.routes:
        yield from _unheard(joined, route)
        yield from _pointless(route)
        yield from _unlooked(route)
        compiled = policy.route(route.spec.name)
        if compiled is not None and compiled.calibrator is not None:
            yield from _gate_doubts(route, compiled.calibrator.file)


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
    elif accept.explore > _MUCH:
        text = f"{accept.explore:.0%} of the drafts that would stay are escalated all the same, and save nothing"
        yield route.problem(f"{text}; some hundredths are enough for labels", "accept", "explore")


def _unlooked(route: Located[Route]) -> Iterator[Problem]:
    """Looks that are hardly ever taken, and what says something of looks where there are none."""
    accept = route.spec.accept
    if accept.looks and len(route.spec.tiers) < 2:
        text = "nobody takes these looks, since the answer of the last tier is held against no threshold"
        yield route.problem(text, "accept", "looks")
    elif accept.looks and accept.grey == 0.0:
        text = "only drafts without a confidence, or exactly at the threshold, are looked at; widen the zone"
        yield route.problem(text, "accept", "grey")
    if not accept.looks and "grey" in accept.model_fields_set:
        text = "the zone is where further looks are taken, and there are none; add accept.looks, or leave it out"
        yield route.problem(text, "accept", "grey")
    seen: list[tuple[str, str | None]] = []
    for index, look in enumerate(accept.looks):
        if (look.kind, look.variant) in seen:
            text = f"this look is taken before already ({look.kind}), and will say the same"
            yield route.problem(text, "accept", "looks", index)
        seen.append((look.kind, look.variant))
        for key in sorted({"count", "temperature"} & look.model_fields_set if look.kind != "samples" else ()):
            yield route.problem(f"this counts for samples only, not for {look.kind}", "accept", "looks", index, key)


def _gate_doubts(route: Located[Route], file: Curve | Gate) -> Iterator[Problem]:
    """Files that promise nothing to anybody, or whose score asks for signals that nobody gives."""
    if not isinstance(file, Gate):
        return
    asked = {file.score.name} if isinstance(file.score, Signal) else set(signals_of(file.score))
    unknown = sorted(asked - _KNOWN)
    if unknown:
        text = f"its score asks for signals that there are not: {', '.join(unknown)}; calibrate anew"
        yield route.problem(text, "accept", "calibrator_file")
    tasks = list(file.segments.values())
    segments = [file, *tasks, *(each for task in tasks for each in task.tenants.values())]
    if route.spec.accept.confidence == "promised" and all(each.threshold is None for each in segments):
        text = "it promises nothing for any request, so that everything escalates; stepwell confidence show says why"
        yield route.problem(text, "accept", "calibrator_file")
