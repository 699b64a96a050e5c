"""Who is called at one tier, in which order, and what of an answer may reach the caller while it comes. Pure."""

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from pipeline.contracts import Attempt, Envelope, Plan, Rung, Tier
from pipeline.errors import (
    Cancelled,
    StepwellError,
    TargetOverloaded,
    TargetRejected,
    TargetTimeout,
    TargetUnavailable,
    Unreadable,
)

__all__ = [
    "Link",
    "chain_of",
    "ends_chain",
    "gives_way_s",
    "may_leave_early",
    "may_open_early",
    "may_stream",
    "of_target",
    "plan_of",
    "spares_of",
    "was_here_before",
]

_POSTPONED: Final = "postponed"
_SPARED: Final = 2.0
"""Who takes over is left its usual time so many times over."""


class Link(NamedTuple):
    """A place in the chain of a tier: 0 is the variant that was chosen, the others are its fallbacks."""

    place: int
    rung: Tier | Rung


def plan_of(envelope: Envelope) -> Plan:
    """The plan. Raises `Unreadable` where there is none."""
    if envelope.plan is None:
        raise Unreadable("an envelope reached a stage that calls models without a plan")
    return envelope.plan


def chain_of(envelope: Envelope, tier: int) -> Iterator[Link]:
    """The variant of the tier and, where the caller lets others answer, its fallbacks. Each target once."""
    chosen = plan_of(envelope).tiers[tier]
    yield Link(0, chosen)
    if not envelope.may_fall_back:
        return
    called = {chosen.target}
    for place, rung in enumerate(chosen.fallbacks, start=1):
        if rung.target not in called:
            called.add(rung.target)
            yield Link(place, rung)


def spares_of(envelope: Envelope, tier: int, denied: Link) -> Iterator[Link]:
    """Who answers in place of an attempt that a budget denied, while nobody has answered; each pays nothing more."""
    plan = plan_of(envelope)
    if all(attempt.error is not None for attempt in envelope.answers):
        for place, rung in enumerate(plan.spares, start=len(plan.tiers[tier].fallbacks) + 1):
            if rung.variant != denied.rung.variant and place > denied.place:
                yield Link(place, rung)


def gives_way_s(
    envelope: Envelope, tier: int, place: int, left_s: float, takes_calls: Callable[[str], bool]
) -> float | None:
    """Seconds after which a call without a word leaves what remains of `left_s` to who would answer in its place.

    That is twice what that one usually takes, but from a quarter to half of all, and half where it is not known. None:
    nobody would answer.
    """
    follower = next((name for name in _after(envelope, tier, place) if takes_calls(name)), None)
    if follower is None:
        return None
    snapshot = plan_of(envelope).snapshot
    standing = snapshot.targets.get(follower) if snapshot is not None else None
    usual_ms = standing.latency_ms if standing is not None else None
    if usual_ms is None:
        return left_s / 2.0
    return left_s - min(left_s / 2.0, max(left_s / 4.0, _SPARED * usual_ms / 1000.0))


def _after(envelope: Envelope, tier: int, place: int) -> Iterator[str]:
    """The targets that are called where this call fails: the fallbacks after it, and then the tiers."""
    if not envelope.may_fall_back:
        return
    tiers = plan_of(envelope).tiers
    called = tiers[tier].fallbacks[place - 1].target if 0 < place <= len(tiers[tier].fallbacks) else tiers[tier].target
    following = [rung.target for rung in tiers[tier].fallbacks[place:]]
    following += [rung.target for rung in tiers[tier + 1 : envelope.last_tier + 1]]
    yield from (target for target in following if target != called)


def of_target(error: StepwellError) -> bool:
    """Whether a call failed in a way that another target may not."""
    if isinstance(error, TargetRejected):
        return not error.elsewhere_too
    return isinstance(error, TargetUnavailable | TargetTimeout | TargetOverloaded) and not isinstance(error, Cancelled)


def ends_chain(attempt: Attempt) -> bool:
    """Whether no fallback follows: there is an answer, or a part of one was read, or all would fail alike."""
    return attempt.error is None or attempt.streamed or not attempt.of_target


def may_stream(envelope: Envelope, tier: int, delivered: int) -> bool:
    """Whether text may reach the caller before it is checked: only where nothing after can reject it.

    That is: no schema to satisfy, and either no threshold applies (the last tier there is) or a low confidence only
    marks the answer. A redelivery does not stream: the caller may have a part of an earlier answer already.
    """
    request, plan = envelope.request, plan_of(envelope)
    if not request.stream or request.response_schema is not None or delivered > 1:
        return False
    deepest = len(plan.tiers) - 1 if plan.cut is None else -1
    return tier == deepest or (tier == envelope.last_tier and plan.on_exhausted == "degrade")


def may_open_early(envelope: Envelope, delivered: int) -> bool:
    """Whether text of a draft may reach the caller before it is whole, once its beginning is sure enough.

    From then on it is the answer, so the route must be content with one that turns out to be below the threshold.
    """
    request, plan = envelope.request, plan_of(envelope)
    streams = request.stream and request.response_schema is None and delivered <= 1
    return streams and plan.on_exhausted == "degrade"


def may_leave_early(envelope: Envelope, tier: int, capabilities: Collection[str]) -> bool:
    """Whether a draft may be stopped while it comes: another tier may follow, and the target shows how sure it is."""
    return tier < envelope.last_tier and "stream" in capabilities and "logprobs" in capabilities


def was_here_before(envelope: Envelope, delivered: int) -> bool:
    """Whether calls may have been made already: by an earlier delivery, or before the request had to wait."""
    return delivered > 1 or any(step.outcome == _POSTPONED for step in envelope.trail)
