"""How far down its stairs a recorded request would go under other terms: thresholds, escalations, ends. Pure.

What was judged then is judged again: the recorded confidence and schema state of an answer against the new threshold.
What was not asked then is not known; `deep` says what is assumed of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.contracts import AuditRecord, Plan, Tier

__all__ = ["Descent", "deep", "went"]

_UNSURE: Final = frozenset({"quality_not_reached", "schema_not_satisfied"})
"""Errors of requests that had answers, none of them good enough."""


@dataclass(frozen=True, slots=True)
class Descent:
    """`steps`: escalations; `fails`: it ends without an answer that suffices; `judged`: whether that was recorded."""

    steps: int
    fails: bool = False
    judged: bool = True


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was recorded of a tier: that its calls failed, or how its answer was judged."""

    failed: bool = False
    schema: str = "none"
    empty: bool = False
    confidence: float | None = None

    def suffices(self, threshold: float | None, *, last: bool) -> bool:
        """As the stage check decides: an answer of the last tier of the plan is only held against the schema."""
        if self.failed or self.schema == "invalid":
            return False
        if last:
            return True
        return not self.empty and (threshold is None or (self.confidence is not None and self.confidence >= threshold))


def went(record: AuditRecord) -> Descent:
    """How far the request went."""
    code = record.error.code if record.error is not None else None
    return Descent(record.answers[-1].tier if record.answers else 0, code in _UNSURE)


def deep(record: AuditRecord, before: Sequence[str], plan: Plan) -> Descent:
    """How far it would go down the stairs of this plan.

    An answer that was judged stays or goes by its recorded confidence and schema state. Where nothing was recorded the
    variant that answered answers again, if it is among the tiers, and else as many steps are taken as before. Where a
    budget, a cap or the deadline kept the request from going on, it would again.

    Args:
        record: the request.
        before: the variants of the recorded stairs.
        plan: what is planned now.
    """
    tiers = plan.tiers
    deepest = min(len(tiers) - 1, plan.max_escalations)
    seen, assumed, halted = _seen(record, before), _assumed(record, tiers), _halted(record, before)
    judged = True
    for at, tier in enumerate(tiers[: deepest + 1]):
        known = seen.get(tier.variant)
        if known is None:
            judged = judged and (at > assumed or at == len(tiers) - 1)
            if at >= min(assumed, deepest):
                return Descent(at, judged=judged)
        elif known.suffices(plan.threshold, last=at == len(tiers) - 1) or tier.variant in halted:
            return Descent(at, judged=judged)
    return Descent(deepest, _fails(seen, tiers[: deepest + 1], plan), judged)


def _fails(seen: Mapping[str, _Seen], asked: Sequence[Tier], plan: Plan) -> bool:
    """Whether nothing is served where no answer sufficed; calls that fail are another matter, and no less so here."""
    answers = [seen[tier.variant] for tier in asked if tier.variant in seen and not seen[tier.variant].failed]
    if not answers:
        return False
    return plan.on_exhausted != "degrade" or all(answer.schema == "invalid" for answer in answers)


def _assumed(record: AuditRecord, tiers: Sequence[Tier]) -> int:
    """Down to the variant that answered, where it is among the tiers; else as many steps as there were."""
    if not record.answers:
        return 0
    last, names = record.answers[-1], [tier.variant for tier in tiers]
    return names.index(last.variant) if last.variant in names else min(last.tier, len(tiers) - 1)


def _halted(record: AuditRecord, before: Sequence[str]) -> set[str]:
    """The tier after which the request should have gone on and did not: nobody paid, or no time was left."""
    judged = [step for step in record.trail if step.stage == "check"]
    if not judged or judged[-1].outcome != "rejected" or not record.answers:
        return set()
    last = record.answers[-1]
    return {last.variant, *before[last.tier : last.tier + 1]} if _judged_last(record) == last.tier else set()


def _judged_last(record: AuditRecord) -> int | None:
    """The tier of the last answer that was judged."""
    tier, judged = 0, None
    for step in record.trail:
        if step.stage == "escalate":
            tier = _whole(step.facts.get("tier"), tier)
        elif step.stage == "check":
            judged = tier
    return judged


def _seen(record: AuditRecord, before: Sequence[str]) -> dict[str, _Seen]:
    """What was recorded of each tier, by the variant that was planned for it and by the one that answered."""
    found: dict[str, _Seen] = {}
    for tier in {one.tier for one in record.answers}:
        made = [one for one in record.answers if one.tier == tier]
        if all(one.error_code is not None for one in made):
            names = {*before[tier : tier + 1], *(one.variant for one in made)}
            found |= dict.fromkeys(names, _Seen(failed=True))
    tier, variant = 0, None
    for step in record.trail:
        if "made_for" in step.facts:
            continue  # a further call about an answer is none
        if step.stage in ("draft", "escalate"):
            tier = _whole(step.facts.get("tier"), 0)
            variant = step.facts.get("variant")
        elif step.stage == "check" and "schema" in step.facts:
            names = {*before[tier : tier + 1], *((variant,) if isinstance(variant, str) else ())}
            found |= dict.fromkeys(names, _of_check(step.facts, step.reasons))
    return found


def _of_check(facts: Mapping[str, object], reasons: Sequence[str]) -> _Seen:
    confidence = facts.get("confidence")
    return _Seen(
        schema=str(facts.get("schema")),
        empty="empty" in reasons,
        confidence=float(confidence) if isinstance(confidence, int | float) else None,
    )


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
