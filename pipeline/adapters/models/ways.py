"""The way of an answer to its caller while it comes: at once, where its gate opens, or once it is checked."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pipeline.adapters.models.chain import may_leave_early, may_open_early, may_stream, plan_of
from pipeline.adapters.models.gate import Gate, finishes_anyway
from pipeline.adapters.models.live import Live
from pipeline.adapters.models.purse import Bill
from pipeline.confidence.explore import explores
from pipeline.contracts import Tier
from pipeline.disclosure.return_path import ReturnPath
from pipeline.policy.models import EarlyExit, OpenEarly, Target
from pipeline.ports import Run, TokenSink

__all__ = ["SHUT", "Way", "next_rung", "way_of"]


class Way(NamedTuple):
    """How text reaches the caller while it comes.

    Attributes:
        live: takes it; None: it is held back until it was checked.
        gate: reads it first; None: it goes out as it comes, where it may go out at all.
    """

    live: Live | None = None
    gate: Gate | None = None

    @property
    def streamed(self) -> bool:
        """Whether something left."""
        return self.live is not None and bool(self.live.sent)


SHUT = Way()


def way_of(
    bill: Bill, spec: Target, back: ReturnPath | None, run: Run, may_leave: Callable[[], Awaitable[bool]]
) -> Way:
    """The way of one call. `may_leave`: whether a better answer is to be had now."""
    envelope = bill.envelope
    if run.caller is not None and may_stream(envelope, bill.tier, run.delivered):
        return Way(Live(run.caller))
    exits, opens = _rules(bill, spec, run)
    if exits is None and opens is None:
        return SHUT
    live = Live(run.caller) if run.caller is not None and opens is not None else None

    def way_out() -> TokenSink:
        if live is None:
            raise RuntimeError("a gate without a caller opened")
        return live if back is None else back.sink(live)

    def aside() -> TokenSink:
        if live is None:
            raise RuntimeError("a gate without a caller opened")
        return live.reason if back is None else back.aside(live.reason)

    signals = plan_of(envelope).signals
    draw = signals.draw if signals is not None else 1.0
    gate = Gate(
        exits,
        opens,
        may_leave=may_leave,
        way_out=way_out,
        aside=aside,
        document=True if envelope.request.response_schema is not None else None,
        finishes=exits is not None and finishes_anyway(draw, exits.explore),
    )
    return Way(live, gate)


def _rules(bill: Bill, spec: Target, run: Run) -> tuple[EarlyExit | None, OpenEarly | None]:
    """When this call is left early and when it is passed on early, as far as its route and its target allow that."""
    envelope = bill.envelope
    route = bill.policy.route(plan_of(envelope).route)
    rules = route.spec.escalation if route is not None else None
    if route is None or rules is None or (rules.early_exit is None and rules.open_early is None):
        return None, None
    if not may_leave_early(envelope, bill.tier, spec.capabilities):
        return None, None
    opens = run.caller is not None and may_open_early(envelope, run.delivered)
    if opens and bill.tier == 0 and _explored(bill, route.spec.accept.explore):
        opens = False
    return rules.early_exit if bill.stage == "draft" else None, rules.open_early if opens else None


def _explored(bill: Bill, share: float) -> bool:
    """Whether the draft is to be escalated for a label, should it be one that stays: then nobody may read it before."""
    signals = plan_of(bill.envelope).signals
    return signals is not None and explores(bill.envelope.key, signals.draw, share)


def next_rung(bill: Bill) -> Tier | None:
    """Who would be called next; None: nobody."""
    tiers = plan_of(bill.envelope).tiers
    return tiers[bill.tier + 1] if bill.tier < bill.envelope.last_tier else None
