"""How a route gives drafts up early, passes them on early or chooses what is next: what cannot be, or is doubtful."""

from collections.abc import Iterator
from typing import Final

from pipeline.policy.calibration import Calibrator, Gate, Signal
from pipeline.policy.compiled import Policy
from pipeline.policy.models import Route
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["escalating_doubts", "never_escalating"]

_EXIT: Final = ("escalation", "early_exit")
_OPEN: Final = ("escalation", "open_early")


def never_escalating(joined: PolicySet) -> Iterator[Problem]:
    """What is refused, since it never happens or takes back what the route says elsewhere."""
    for route in joined.routes:
        yield from _never_left(route)
        yield from _never_opened(route)


def escalating_doubts(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """Warnings about `escalation`."""
    for route in joined.routes:
        compiled = policy.route(route.spec.name)
        threshold = _on_scale(route.spec, compiled.calibrator if compiled is not None else None)
        yield from _unshown(joined, route)
        yield from _exit_doubts(route, threshold)
        yield from _open_doubts(route, threshold)
        yield from _choice_doubts(route)


# ---------------------------------------------------------------- refused


def _never_left(route: Located[Route]) -> Iterator[Problem]:
    spec = route.spec
    leaves = spec.escalation.early_exit
    if leaves is None:
        return
    if len(spec.tiers) < 2:
        text = "the route has one tier, so there is no draft to give up early; leave it out, or add a tier"
        yield route.problem(text, *_EXIT)
    wanted = spec.accept.confidence
    if spec.accept.calibrator_file is None and isinstance(wanted, float) and leaves.below > wanted:
        text = f"this gives up drafts that would stay, for which {wanted:g} is enough (accept.confidence); lower it"
        yield route.problem(text, *_EXIT, "below")


def _never_opened(route: Located[Route]) -> Iterator[Problem]:
    spec = route.spec
    if spec.escalation.open_early is None:
        return
    if spec.response_schema_file is not None:
        text = "every answer of this route has a schema to satisfy (response_schema_file), so none is passed on early"
        yield route.problem(f"{text}; leave out one of the two", *_OPEN)
    if len(spec.tiers) < 2:
        text = "the answer of a route's last tier is passed on as it comes; leave it out, or add a tier"
        yield route.problem(text, *_OPEN)


# ---------------------------------------------------------------- doubtful


def _unshown(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    """Drafts whose beginnings nobody sees: their targets do not stream, or do not say how sure they are."""
    names = {name for tier in route.spec.tiers[:-1] for name in (*tier.variants, *tier.fallbacks)}
    variants = [joined.variants[name].spec.target for name in sorted(names) if name in joined.variants]
    shown = [
        {"stream", "logprobs"} <= set(joined.filled[target].capabilities)
        for target in variants
        if target in joined.filled
    ]
    if not shown or any(shown):
        return
    text = "no target of the drafts streams with log-probabilities (capabilities), so this never happens"
    if route.spec.escalation.early_exit is not None:
        yield route.problem(text, *_EXIT)
    if route.spec.escalation.open_early is not None:
        yield route.problem(text, *_OPEN)


def _exit_doubts(route: Located[Route], threshold: float | None) -> Iterator[Problem]:
    spec = route.spec
    leaves = spec.escalation.early_exit
    if leaves is None:
        return
    if spec.max_escalations == 0 and len(spec.tiers) > 1:
        yield route.problem("no draft is given up, since the route never escalates (max_escalations)", *_EXIT)
    if leaves.below == 0.0:
        yield route.problem("no confidence is below 0, so no draft is given up", *_EXIT, "below")
    if leaves.explore == 1.0:
        yield route.problem("every draft is finished all the same, so none is given up", *_EXIT, "explore")
    if spec.accept.confidence is None:
        text = "drafts are given up for want of confidence, which decides nothing on this route (accept.confidence)"
        yield route.problem(text, *_EXIT)
    if spec.accept.calibrator_file is not None and threshold is not None and leaves.below > threshold:
        text = f"this gives up drafts that would stay: by the calibrator a raw confidence of {threshold:.2g} is enough"
        yield route.problem(text, *_EXIT, "below")


def _open_doubts(route: Located[Route], threshold: float | None) -> Iterator[Problem]:
    opened = route.spec.escalation.open_early
    if opened is None:
        return
    if route.spec.on_exhausted == "fail":
        text = "the route would rather fail than degrade (on_exhausted), so no draft is passed on early"
        yield route.problem(f"{text}; leave out one of the two", *_OPEN)
    if opened.above == 1.0:
        yield route.problem("hardly any beginning is that sure, so hardly any draft is passed on", *_OPEN, "above")
    if threshold is not None and opened.above < threshold:
        text = f"this passes on drafts that would not stay, for which a raw confidence of {threshold:.2g} is asked"
        yield route.problem(f"{text}; they stay and are marked as degraded", *_OPEN, "above")
    if route.spec.accept.confidence == "promised":
        text = "what is passed on early stays whatever its whole turns out to be, so the promise does not cover it"
        yield route.problem(text, *_OPEN)


def _choice_doubts(route: Located[Route]) -> Iterator[Problem]:
    escalation, single = route.spec.escalation, len(route.spec.tiers) < 2
    if escalation.value_usd is not None and escalation.choose != "gain":
        yield route.problem("this counts with choose: gain only; say so, or leave it out", "escalation", "value_usd")
    if escalation.choose == "gain" and single:
        yield route.problem("the route has one tier, so there is nothing to choose", "escalation", "choose")
    elif escalation.choose == "gain" and route.spec.accept.calibrator_file is None:
        text = "nobody knows what the last tier gains without a gate that has learned it (accept.calibrator_file)"
        yield route.problem(f"{text}; until then it is taken in its order", "escalation", "choose")
    if single and escalation.hand_over != "nothing":
        yield route.problem("the route has one tier, so nothing is handed over", "escalation", "hand_over")


def _on_scale(route: Route, calibrator: Calibrator | None) -> float | None:
    """The raw confidence that stands for the threshold; None: there is none, or it follows from other signals too."""
    wanted = route.accept.confidence
    if wanted is None:
        return None
    if calibrator is None:
        return None if wanted == "promised" else wanted
    file = calibrator.file
    if isinstance(file, Gate) and not (isinstance(file.score, Signal) and file.score.name == "confidence"):
        return None
    asked = calibrator.threshold().value if wanted == "promised" else wanted
    if asked is None:
        return None
    steps = [step / 1000 for step in range(1001)]
    return next((step for step in steps if (calibrator.probability({}, step) or 0.0) >= asked), 1.0)
