"""Whether the draft is left out because it would not pay, by the route's own record. Pure."""

from typing import Literal, NamedTuple

from pipeline.contracts import Signals, Snapshot
from pipeline.policy.models import Route

__all__ = ["Skip", "skip_draft"]

Why = Literal["cost", "latency"]


class Skip(NamedTuple):
    """Why the draft is left out, in a word and in a sentence."""

    why: Why
    reason: str


def skip_draft(signals: Signals, snapshot: Snapshot, route: Route) -> Skip | None:
    """Leave the draft out where the stairs cost (or take) more than their last step alone would.

    With p, the share of drafts that sufficed, the stairs cost draft + (1 - p) * last: more than last as soon as the
    draft costs more than p * last. What was not measured, or fewer than `minimum` times, decides nothing. A share
    `explore` of the requests is drafted all the same; without them p would stay as it is for ever.
    """
    rule = route.skip_draft
    if rule.when == "never" or snapshot.route != route.name:
        return None
    if snapshot.accepted is None or snapshot.drafts < rule.minimum or signals.draw < rule.explore:
        return None
    dear = _worse("cost", snapshot.accepted, snapshot.draft_usd, snapshot.last_usd, "USD")
    slow = _worse("latency", snapshot.accepted, snapshot.draft_ms, snapshot.last_ms, "ms")
    if rule.when == "both":
        return dear if dear and slow else None
    return (dear if rule.when != "latency" else None) or (slow if rule.when != "cost" else None)


def _worse(why: Why, accepted: float, draft: float | None, last: float | None, unit: str) -> Skip | None:
    if draft is None or last is None:
        return None
    stairs = draft + (1.0 - accepted) * last
    if stairs <= last:
        return None
    stairs_make = f"the stairs make {stairs:.3g} {unit} and the last tier alone {last:.3g} {unit}"
    return Skip(why, f"draft skipped by {why}: {accepted:.0%} of drafts suffice, so that {stairs_make}")
