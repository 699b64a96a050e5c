"""Who pays for an attempt, whether it may be made, and what it cost.

Without a ledger nothing is written and no budget is asked; the caller's own ceiling holds all the same. Where no budget
pays for a request, nothing is asked before its calls.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from pipeline.adapters.models.estimates import Size
from pipeline.adapters.models.urgency import pressing, urgency_of
from pipeline.contracts import Attempt, Cover, Envelope, MadeFor, Plan, Purpose, Rung, StageName, Tier, Usage
from pipeline.errors import Postponed
from pipeline.policy import Policy
from pipeline.policy.models import Price
from pipeline.policy.pricing import cost_usd, worst_cost
from pipeline.policy.scopes import filled
from pipeline.ports import Charge, Denial, Ledger
from pipeline.signals.conversation import Once
from pipeline.topology import POSTPONED

__all__ = ["CEILING", "Bill", "Purse", "Refused", "Unpaid", "postponed"]

CEILING = "budget.max_cost_usd"
"""Where a request says what it may cost at most; the name of that ceiling in a denial."""
CAPPED_S = 5.0
"""Seconds after which to ask again for a better answer: a cap gains with every request, and nobody knows how soon."""
LONGEST_WAIT_S = 5.0
"""Seconds between two tries to get what other requests held before."""


_LOOKS: Final[Mapping[MadeFor, Purpose]] = {
    "repair": "repair",
    "samples": "sample",
    "opinion": "opinion",
    "verify": "verify",
    "judge": "judge",
    "embedding": "embedding",
}


class _Terms(NamedTuple):
    """What a bill says."""

    envelope: Envelope
    policy: Policy
    stage: StageName
    tier: int
    place: int
    rung: Tier | Rung
    step: str
    size: Size
    price: Price | None
    delivered: int = 1
    made_for: MadeFor = "answer"


class Bill(_Terms):
    """One attempt that is to be paid: whose, of what, how large, and at which price.

    What follows from that is found out once: a bill never changes, and another one knows nothing of it.
    """

    @Once
    def purpose(self) -> Purpose:
        """What the ledger calls it."""
        if self.made_for != "answer":
            return _LOOKS[self.made_for]
        if self.envelope.request.embed is not None:
            return "embedding"
        if self.place:
            return "fallback"
        return "draft" if self.stage == "draft" else "escalate"

    @Once
    def usd(self) -> float | None:
        """What it may cost at most; None: nobody knows."""
        signals = self.envelope.plan.signals if self.envelope.plan is not None else None
        modalities = signals.modalities if signals is not None else ()
        return worst_cost(self.price, self.size.asked, self.size.answered, modalities)

    @Once
    def charge(self) -> Charge:
        """The attempt as the ledger knows it."""
        return charge_of(self, self.purpose)


class Refused(NamedTuple):
    """Why an attempt may not be made; `capped`: by a cap on escalations."""

    denial: Denial
    capped: bool = False

    @property
    def degrades(self) -> bool:
        """Whether a budget denies it that lets others answer in its place."""
        return self.denial.action == "degrade" and not self.capped and self.denial.budget != CEILING


class Unpaid(Exception):
    """A call may not be paid: it ends before anything of it is sent.

    Attributes:
        refused: why.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.denial.reason)
        self.refused = refused


class Purse:
    """Asks the ledger before calls and tells it after them.

    What can be said without the ledger is said before a call waits for anything. Money is set aside once it has a slot
    of its target, so that a worker that dies leaves none aside for calls that only waited.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger

    def forbids(self, bill: Bill) -> Refused | None:
        """Why the attempt is not made, whatever the ledger would say; None: it may say so."""
        if bill.envelope.request.budget.max_cost_usd is not None:
            above = above_ceiling(bill, bill.usd)
            if above is not None:
                return Refused(above)
        plan = bill.envelope.plan
        if bill.purpose != "escalate" or self._ledger is None or plan is None or not plan.covers:
            return None
        paced = pressing(bill.envelope, bill.policy)
        if paced is None:
            return None
        why = f"the money of {paced} goes faster than its window, so that more urgent ones go first"
        return _capped(Denial(paced, plan.on_capped, why), plan)

    async def opens(self, bill: Bill) -> None:
        """Set aside what the attempt may cost, for it is made now.

        Raises:
            Unpaid: it may not be made.
            TransportUnavailable: what is set aside could not be written down.
        """
        ledger, plan = self._ledger, bill.envelope.plan
        if ledger is None or plan is None or not plan.covers:
            return
        charge, lost = bill.charge, _lost(bill.envelope, bill.delivered)
        denial = await _reserved(ledger, replace(charge, lost=lost) if lost else charge, bill)
        if denial is not None:
            raise Unpaid(Refused(denial))
        if bill.purpose == "escalate":
            denial = await ledger.may_escalate(charge.attempt, charge.covers, urgency_of(bill.envelope))
            if denial is not None:
                await ledger.release(charge)
                raise Unpaid(_capped(denial, plan))

    async def buries(self, envelope: Envelope, step: str, delivered: int) -> None:
        """Count the call of this step that an earlier delivery may have made before it died, and the one beside it.

        Raises `TransportUnavailable`.
        """
        lost, plan = _lost(envelope, delivered), envelope.plan
        if lost and self._ledger is not None and plan is not None and plan.covers:
            attempt = f"{envelope.key}.{step}"
            await self._ledger.lost((attempt, attempt + _BESIDE), lost)

    async def forsakes(self, envelope: Envelope, delivered: int) -> None:
        """Count every call that earlier deliveries of the request may have made before they died; as `buries`."""
        lost, plan = _lost(envelope, delivered), envelope.plan
        if lost and self._ledger is not None and plan is not None and plan.covers:
            await self._ledger.forsaken(envelope.key, lost)

    async def may_leave(self, bill: Bill) -> bool:
        """Whether the caps let an escalation follow this attempt. It is taken now, and not again when it is made."""
        ledger, plan = self._ledger, bill.envelope.plan
        if ledger is None or plan is None or not plan.covers:
            return True
        covers = tuple(_cover(cover, bill) for cover in plan.covers)
        following = f"{bill.envelope.key}.escalate-{len(bill.envelope.attempts) + 2}"
        return await ledger.may_escalate(following, covers) is None

    def may_hedge(self, bill: Bill) -> bool:
        """Whether the caller's ceiling lets the attempt be made a second time beside itself."""
        return above_ceiling(bill, None if bill.usd is None else 2 * bill.usd) is None

    async def hedges(self, bill: Bill) -> None:
        """Set aside what the attempt may cost a second time. Raises as `opens`."""
        ledger, plan = self._ledger, bill.envelope.plan
        if ledger is None or plan is None or not plan.covers:
            return
        denial = await ledger.reserve(charge_of(bill, "hedge"))
        if denial is not None:
            raise Unpaid(Refused(denial))

    async def closes(self, bill: Bill, attempt: Attempt) -> None:
        """Tell what the attempt cost: with a line of its own for what was made beside it. Idempotent."""
        if self._ledger is None:
            return
        charge = bill.charge
        if attempt.hedge_usage is None:
            await self._settle(self._ledger, charge, attempt, attempt.usage, attempt.cost_usd)
            return
        beside = cost_usd(attempt.hedge_usage, bill.price)
        rest = None if attempt.cost_usd is None or beside is None else max(0.0, attempt.cost_usd - beside)
        await self._settle(self._ledger, charge, attempt, _without(attempt.usage, attempt.hedge_usage), rest)
        await self._settle(self._ledger, charge_of(bill, "hedge"), attempt, attempt.hedge_usage, beside)

    @staticmethod
    async def _settle(ledger: Ledger, charge: Charge, attempt: Attempt, usage: Usage, usd: float | None) -> None:
        if attempt.error is not None and usd == 0.0 and usage == _NOTHING:
            await ledger.release(charge)
        else:
            await ledger.settle(charge, usd, usage, estimated=attempt.estimated)

    async def drops(self, bill: Bill) -> None:
        """The attempt is not made after all."""
        if self._ledger is not None:
            await self._ledger.release(bill.charge)


_NOTHING = Usage()
_BESIDE: Final = "-hedge"
"""What the name of a call ends with that is made beside another one."""


async def _reserved(ledger: Ledger, charge: Charge, bill: Bill) -> Denial | None:
    """Why nothing is set aside for the attempt. Beside a draft its request is counted, in the same round trip."""
    if bill.purpose != "draft":
        return await ledger.reserve(charge)
    counted = asyncio.ensure_future(ledger.asked(bill.envelope.key, charge.covers))
    try:
        return await ledger.reserve(charge)
    finally:
        await counted


def _capped(denial: Denial, plan: Plan) -> Refused:
    """What the route does where no escalation is to be had."""
    wait_s = CAPPED_S if plan.on_capped == "refuse" and denial.resets_s is None else denial.resets_s
    return Refused(Denial(denial.budget, plan.on_capped, denial.reason, wait_s), capped=True)


def postponed(denial: Denial, envelope: Envelope) -> Postponed:
    """The request waits until its budget's window ends; for what others hold, a while that grows with every try."""
    message = f"the request waits: {denial.reason}"
    return Postponed(message, rule=denial.budget, retry_after_s=_wait_s(denial, envelope))


def _wait_s(denial: Denial, envelope: Envelope) -> float | None:
    if not denial.held or denial.resets_s is None:
        return denial.resets_s
    return float(min(denial.resets_s * 1.5 ** _waits(envelope), LONGEST_WAIT_S))


def _waits(envelope: Envelope) -> int:
    """How often the request waited in front of this stage."""
    last = envelope.trail[-1] if envelope.trail else None
    times = last.facts.get("times") if last is not None and last.outcome == POSTPONED else None
    return int(times) if isinstance(times, int | float) else 0


def _lost(envelope: Envelope, delivered: int) -> str:
    """The name of the delivery before this one; a request that waited is delivered for the first time again."""
    if delivered <= 1:
        return ""
    waits = _waits(envelope)
    return f"lost-{delivered - 1}" if not waits else f"lost-{waits}-{delivered - 1}"


def above_ceiling(bill: Bill, usd: float | None) -> Denial | None:
    """Why a call that may cost `usd` is too much for the caller, with the calls before it; None: it is not."""
    ceiling = bill.envelope.request.budget.max_cost_usd
    if ceiling is None:
        return None
    spent = [attempt.cost_usd for attempt in bill.envelope.attempts]
    known = [cost for cost in spent if cost is not None]
    if usd is None or len(known) < len(spent):
        return Denial(CEILING, "degrade", "what it costs is not known, and the request has a ceiling")
    total = sum(known) + usd
    if total <= ceiling:
        return None
    reason = f"up to {total:.6f} USD with the calls before it is above the ceiling of {ceiling:g}"
    return Denial(CEILING, "degrade", reason)


def charge_of(bill: Bill, purpose: Purpose) -> Charge:
    """The attempt as the ledger knows it."""
    envelope, rung, plan = bill.envelope, bill.rung, bill.envelope.plan
    covers = tuple(_cover(cover, bill) for cover in plan.covers) if plan is not None else ()
    return Charge(
        attempt=f"{envelope.key}.{bill.step}{_BESIDE if purpose == 'hedge' else ''}",
        tenant=envelope.tenant,
        request_id=envelope.id,
        lane=envelope.lane,
        stage=bill.stage,
        purpose=purpose,
        route=plan.route if plan is not None else rung.variant,
        variant=rung.variant,
        target=rung.target,
        usd=bill.usd,
        tokens=bill.size.tokens,
        covers=covers,
        free=frozenset(_free(covers, rung.variant, bill.policy)),
    )


def _cover(cover: Cover, bill: Bill) -> Cover:
    if "{" not in cover.scope:
        return cover
    variant, target = bill.rung.variant, bill.rung.target
    scope = filled(cover.scope, variant=variant, target=target, experiment=_experiment(bill))
    return Cover(budget=cover.budget, scope=scope)


def _experiment(bill: Bill) -> str:
    """The experiment that chose the variant, if one did."""
    plan = bill.envelope.plan
    route = bill.policy.route(plan.route) if plan is not None else None
    if route is None:
        return ""
    for tier, experiment in zip(route.spec.tiers, route.experiments, strict=False):
        if experiment is not None and bill.rung.variant in tier.variants:
            return experiment
    return ""


def _free(covers: Iterable[Cover], variant: str, policy: Policy) -> Iterable[str]:
    """Budgets that degrade to this variant: they count it and never stop it."""
    for cover in covers:
        spec = policy.budget(cover.budget)
        if spec is not None and spec.action == "degrade" and variant in spec.degrade_to:
            yield cover.budget


def _without(usage: Usage, part: Usage) -> Usage:
    names = Usage.model_fields
    return Usage(**{name: max(0, getattr(usage, name) - getattr(part, name)) for name in names})
