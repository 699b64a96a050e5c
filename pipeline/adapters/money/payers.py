"""Which budgets pay for an attempt, what they answer, and the line that says so. Pure."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from pipeline.adapters.money.counters import Claim, Held, Slot, Total, nano
from pipeline.adapters.money.windows import frame_at
from pipeline.contracts import Cover, LedgerEntry, Usage
from pipeline.contracts.trusted import trusted
from pipeline.policy import Policy
from pipeline.policy.models import Allowance, BudgetSpec
from pipeline.policy.scopes import filled
from pipeline.ports import Charge, Denial

__all__ = ["HELD_S", "Payer", "away", "charge_of", "denial", "line", "payers_of", "resets_s", "unpriced", "used"]

_SEVERITY: Final = {"refuse": 2, "queue": 1, "degrade": 0}
_NOBODY_COUNTS_S: Final = 1.0
HELD_S: Final = 1.0
"""Seconds after which to ask again where attempts that run hold what is left: about as long as one of them takes."""


class Payer(NamedTuple):
    """A budget that pays for an attempt, and its counter."""

    spec: BudgetSpec
    claim: Claim

    @property
    def slot(self) -> Slot:
        """The counter."""
        return self.claim.slot


def payers_of(charge: Charge, policy: Policy, now: float) -> tuple[Payer, ...]:
    """The budgets that pay for this attempt: those of its covers that are in force and count its stage."""
    found = []
    for cover in charge.covers:
        spec = policy.budget(cover.budget)
        if spec is None or (spec.stages == "escalate" and charge.stage != "escalate"):
            continue
        scope = filled(cover.scope, variant=charge.variant, target=charge.target)
        limit, free = spec.limit, spec.name in charge.free
        usd = None if limit.usd is None else nano(limit.usd)
        slot = Slot(spec.name, scope, frame_at(spec.per, now))
        found.append(Payer(spec, Claim(slot, usd, limit.tokens, limit.requests, free)))
    return tuple(found)


def line(
    kind: Literal["reserve", "settle", "release"],
    charge: Charge,
    payers: Sequence[Payer],
    now: float,
    *,
    usd: float | None = None,
    usage: Usage | None = None,
    estimated: bool = False,
    opens: tuple[str, ...] = (),
) -> LedgerEntry:
    """The line for what happens to an attempt at the time `now`."""
    spent = Usage() if usage is None else usage
    settles = kind == "settle"
    slots = [payer.claim.slot for payer in payers]
    fields = {
        "kind": kind,
        "attempt": charge.attempt,
        "at": now,
        "tenant": charge.tenant,
        "request_id": charge.request_id,
        "lane": charge.lane,
        "stage": charge.stage,
        "purpose": charge.purpose,
        "route": charge.route,
        "variant": charge.variant,
        "target": charge.target,
        "usd": usd if settles else charge.usd,
        "usage": spent,
        "tokens": spent.input_tokens + spent.output_tokens if settles else charge.tokens,
        "estimated": estimated,
        "covers": tuple([trusted(Cover, {"budget": slot.budget, "scope": slot.scope}) for slot in slots]),
        "windows": tuple([slot.frame.name for slot in slots]),
        "opens": opens,
    }
    return trusted(LedgerEntry, fields)


def charge_of(entry: LedgerEntry, lost: str) -> Charge:
    """The attempt as the line says for which money was set aside; `lost` as in `Charge`."""
    return Charge(
        attempt=entry.attempt,
        tenant=entry.tenant,
        request_id=entry.request_id,
        lane=entry.lane,
        stage=entry.stage,
        purpose=entry.purpose,
        route=entry.route,
        variant=entry.variant,
        target=entry.target,
        usd=entry.usd,
        tokens=entry.tokens,
        covers=entry.covers,
        lost=lost,
    )


def unpriced(charge: Charge, payers: Sequence[Payer]) -> Denial | None:
    """The denial of an attempt whose price nobody knows, by a budget in money: it could cost anything."""
    if charge.usd is not None:
        return None
    blocked = next((payer for payer in payers if payer.claim.nano is not None and not payer.claim.free), None)
    if blocked is None:
        return None
    name = blocked.spec.name
    return Denial(name, "refuse", f"target {charge.target} has no known price, and budget {name} is in money")


def denial(payers: Sequence[Payer], held: Held, now: float) -> Denial:
    """The strictest of the budgets that deny; of several the one that lasts longest.

    What is only held by other attempts lasts shortest: it is free again as soon as they cost less than they might.
    """

    def rank(place: int) -> tuple[int, float]:
        payer = payers[place]
        seconds = HELD_S if place in held.waits else resets_s(payer.slot, now)
        return _SEVERITY[payer.spec.action], float("inf") if seconds is None else seconds

    place = max(held.denied, key=rank)
    payer = payers[place]
    spec = payer.spec
    if place in held.waits:
        reason = f"what is left of budget {spec.name} is held by requests on their way"
        return Denial(spec.name, spec.action, reason, HELD_S, held=True)
    window = "for good" if spec.per == "total" else f"for this {spec.per}"
    return Denial(spec.name, spec.action, f"budget {spec.name} is used up {window}", resets_s(payer.slot, now))


def away(payers: Sequence[Payer]) -> Denial | None:
    """The denial by a budget that wants nothing spent while nobody counts."""
    refusing = next((p for p in payers if p.spec.when_away == "refuse" and not p.claim.free), None)
    if refusing is None:
        return None
    name = refusing.spec.name
    return Denial(name, "refuse", f"nobody can count now what is left of budget {name}", _NOBODY_COUNTS_S)


def resets_s(slot: Slot, now: float) -> float | None:
    """Seconds until the window of a counter ends; None: never."""
    return None if slot.frame.ends is None else max(0.0, slot.frame.ends - now)


def used(total: Total, limit: Allowance) -> float:
    """The share of a limit that is used, of the kind of which most is."""
    limits = (None if limit.usd is None else nano(limit.usd), limit.tokens, limit.requests)
    shares = (
        stands / allowed if allowed else 1.0
        for stands, allowed in zip(total, limits, strict=True)
        if allowed is not None
    )
    return max(shares, default=0.0)
