"""Which tier is called next, or none: the next in order, or the one that is expected to gain most for its cost. Pure.

A tier is worth its call where V · (p_next - p_now) > c: V is what a right answer is worth, p_now how probably the
answer that there is suffices, p_next how probably the tier's would, and c what its call is expected to cost. See
J. Dekoninck et al., "A Unified Approach to Routing and Cascading for LLMs" (2025).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.contracts import Envelope, Plan

__all__ = ["Choice", "Option", "by_gain", "candidates", "in_time"]

Facts = Mapping[str, str | float | int | bool | None]


class Option(NamedTuple):
    """A tier that may be next: how probably its answer suffices and what it costs in US dollars; None: not known."""

    tier: int
    right: float | None = None
    usd: float | None = None


class Choice(NamedTuple):
    """The tier that is next, or None: what there is stays; and for the trail what that followed from."""

    tier: int | None
    facts: Facts


def candidates(envelope: Envelope, *, skips: bool) -> tuple[int, ...]:
    """The tiers that may be next, in their order: after the last one tried, as far as plan and caller permit.

    With `skips` a tier may be passed over, which takes no escalation: as many as are permitted count, not the depth.
    Where the last call failed, and the caller wants no other to answer in its place, there are none.
    """
    plan, last = envelope.plan, next((made for made in reversed(envelope.attempts) if made.made_for == "answer"), None)
    if plan is None:
        return ()
    if last is not None and last.error is not None and not last.left_early and not envelope.may_fall_back:
        return ()
    following = (last.tier if last is not None else 0) + 1
    if not skips:
        return tuple(range(following, envelope.last_tier + 1))
    climbed = len({made.tier for made in envelope.attempts if made.stage == "escalate"})
    return tuple(range(following, len(plan.tiers))) if climbed < envelope.last_tier else ()


def in_time(tiers: Sequence[int], plan: Plan, left_s: float) -> tuple[int, ...]:
    """Those whose targets usually answer before the deadline, as planning knew them; an unmeasured one does."""
    standings = plan.snapshot.targets if plan.snapshot is not None else {}
    slow = {name for name, standing in standings.items() if not standing.ends_within(left_s)}
    return tuple(tier for tier in tiers if plan.tiers[tier].target not in slow)


def by_gain(now: float | None, options: Sequence[Option], value_usd: float) -> Choice:
    """The option with the highest expected gain less its cost; none, where an answer is there and none is worth it.

    Args:
        now: how probably the answer that there is suffices; None: there is none that could be served.
        options: in the order of the tiers. What is not known of one is not guessed: it is taken in its order, where of
            none enough is known, or where those that are known are not worth it and nothing could be served.
        value_usd: what a right answer is worth.
    """
    base = 0.0 if now is None else now
    facts: dict[str, str | float | int | bool | None] = {"p_now": now, "value_usd": value_usd}
    worths: list[tuple[float, int]] = []
    for option in options:
        facts |= {f"p_{option.tier}": option.right, f"usd_{option.tier}": option.usd}
        if option.right is not None and option.usd is not None:
            worths.append((value_usd * (option.right - base) - option.usd, -option.tier))
    if not options:
        return Choice(None, facts)
    if not worths:
        return Choice(options[0].tier, facts)
    worth, place = max(worths)
    if worth <= 0.0 and now is not None:
        return Choice(None, facts)
    return Choice(-place, facts)
