"""How a request will be served: the stairs that are its own, who was left out and why, and who pays."""

from typing import Literal

from pipeline.contracts.base import Name, OpenContract, Share, Whole
from pipeline.contracts.planning import Cover, Metered, RateState, Rung, Signals, Snapshot

__all__ = ["Exclusion", "Plan", "Tier"]


class Exclusion(OpenContract):
    """Why a target was not eligible."""

    target: Name
    condition: Literal[
        "residency", "capability", "context", "price", "health", "pin", "quality", "preference", "list", "budget"
    ]
    reason: str


class Tier(OpenContract):
    """One step of the stairs: the variant assigned to this request, and the probability with which it was chosen.

    `fallbacks` are called in their order where the target fails before the first byte of an answer.
    """

    variant: Name
    target: Name
    propensity: Share
    weights_version: Whole = 0
    fallbacks: tuple[Rung, ...] = ()


class Plan(OpenContract):
    """How the request will be served: tiers from the cheapest to the best, all of them eligible.

    Attributes:
        skipped: why the draft is left out, where it would not pay.
        cut: whose money took deeper tiers away, a budget's or the caller's; the last one left is judged too.
        relieved: a budget has too little left, and its `degrade_to` answers in place of the first tier.
        spares: who answers where a budget that degrades denies the first attempt after all.
        on_capped: what happens when an escalation is due and its cap or a budget does not allow it.
        lookers: who may give a second opinion or a judgement on a draft, or on a remembered question, all eligible.
        covers: the budgets that pay for the attempts.
        rates: what is left of the rate limits, for the headers of the reply.
        metered: the rates of tokens, at which what was really used is counted in the end.
        signals: what was seen of the request.
        snapshot: what was known of the world.
        chose: for each tier, by what the variant was chosen among the eligible.
    """

    route: Name
    tiers: tuple[Tier, ...]
    threshold: Share | None = None
    max_escalations: Whole = 1
    on_exhausted: Literal["degrade", "fail"] = "degrade"
    cacheable: bool = True
    excluded: tuple[Exclusion, ...] = ()
    skipped: Literal["cost", "latency", "budget"] | None = None
    cut: Literal["budget", "max_cost"] | None = None
    relieved: bool = False
    spares: tuple[Rung, ...] = ()
    on_capped: Literal["degrade", "queue", "refuse"] = "degrade"
    lookers: tuple[Rung, ...] = ()
    covers: tuple[Cover, ...] = ()
    rates: tuple[RateState, ...] = ()
    metered: tuple[Metered, ...] = ()
    signals: Signals | None = None
    snapshot: Snapshot | None = None
    chose: tuple[str, ...] = ()

    def stands_in(self, tier: int, fallback: int) -> bool:
        """Whether the attempt at this place of its tier was made by one of those that a budget degrades to."""
        return self.relieved or (tier < len(self.tiers) and fallback > len(self.tiers[tier].fallbacks))
