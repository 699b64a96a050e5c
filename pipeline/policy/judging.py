"""Routes whose drafts cannot be judged as they say: no signal to go by, looks that nobody takes, labels of nothing."""

from collections.abc import Iterator
from typing import Final

from pipeline.confidence.score import signals_of
from pipeline.confidence.signals import NAMES, RAW
from pipeline.confidence.signals.calls import NAMES as OF_CALLS
from pipeline.confidence.signals.tokens import NAMES as OF_TOKENS
from pipeline.policy.calibration import Curve, Gate, Signal
from pipeline.policy.compiled import Policy
from pipeline.policy.models import Route
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["judging_doubts", "never_judged"]

_MUCH: Final = 0.5
_OF_TOKENS: Final = frozenset({*OF_TOKENS, *RAW, "confidence"}) - {"characters"}
_KNOWN: Final = frozenset({*NAMES, *OF_CALLS, *RAW, "confidence"})


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
        file = compiled.calibrator.file if compiled is not None and compiled.calibrator is not None else None
        yield from _calls(joined, route, file)
        if file is not None:
            yield from _gate_doubts(route, file)


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


def _calls(joined: PolicySet, route: Located[Route], file: Curve | Gate | None) -> Iterator[Problem]:
    """Calls of tools have no log-probabilities, so that under a threshold somebody has to say how they are judged."""
    accept = route.spec.accept
    if accept.calls == "valid":
        if accept.confidence is None:
            text = "without a threshold calls of tools stay by their schema anyway; leave it out"
            yield route.problem(text, "accept", "calls")
        elif accept.confidence == "promised":
            text = "calls of tools stay without being judged, and the promise does not speak of them"
            yield route.problem(text, "accept", "calls")
        return
    silent = "calls" in accept.model_fields_set or accept.confidence is None
    asked = _asked(file)
    if silent or not _drafts_call(joined, route) or not asked.isdisjoint(OF_CALLS):
        return
    text = "calls of tools have no log-probabilities, so drafts that call one always escalate here"
    if not asked <= _OF_TOKENS:
        text = "drafts that call a tool are judged by a score that learned nothing of calls"
    yield route.problem(
        f"{text}; write calls: valid to let the schemas of the tools decide, or name a calibrator_file that learned "
        "the signals of calls (call_…); calls: judged says that it is meant",
        "accept",
    )


def _drafts_call(joined: PolicySet, route: Located[Route]) -> bool:
    """Whether a target of the drafts is given tools."""
    names = {name for tier in route.spec.tiers[:-1] for name in (*tier.variants, *tier.fallbacks)}
    variants = (joined.variants[name].spec.target for name in names if name in joined.variants)
    return any("tools" in joined.filled[target].capabilities for target in variants if target in joined.filled)


def _asked(file: Curve | Gate | None) -> set[str]:
    """The signals that decide."""
    if not isinstance(file, Gate):
        return {"confidence"}
    return {file.score.name} if isinstance(file.score, Signal) else set(signals_of(file.score))


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
    unknown = sorted(_asked(file) - _KNOWN)
    if unknown:
        text = f"its score asks for signals that there are not: {', '.join(unknown)}; calibrate anew"
        yield route.problem(text, "accept", "calibrator_file")
    tasks = list(file.segments.values())
    segments = [file, *tasks, *(each for task in tasks for each in task.tenants.values())]
    if route.spec.accept.confidence == "promised" and all(each.threshold is None for each in segments):
        text = "it promises nothing for any request, so that everything escalates; stepwell confidence show says why"
        yield route.problem(text, "accept", "calibrator_file")
