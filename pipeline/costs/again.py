"""One recorded decision, made again under another policy, and what it would have cost. Pure; no model is called."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.contracts import AttemptRecord, AuditRecord, Finding, Plan, Residency, Signals, Snapshot, Tier, Usage
from pipeline.costs.descent import Descent, deep, went
from pipeline.errors import StepwellError
from pipeline.policy import Policy, permits
from pipeline.policy.findings import class_and_special
from pipeline.policy.pricing import cost_usd
from pipeline.ports import Outcome

__all__ = ["Again", "Change", "NotReplayable", "Planned", "Planner", "again", "recorded"]

_CLOSE: Final = 1e-12


class Planner(Protocol):
    """Makes plans again; the composition root knows who does."""

    def plan_again(self, signals: Signals, snapshot: Snapshot, policy: Policy, /) -> Outcome:
        """The plan of a request of these signals. Raises `UnknownModel` or `InvalidRequest` as planning does."""
        ...

    def residency_again(self, signals: Signals, policy: Policy, /) -> tuple[Residency, ...]:
        """What may happen with its data at each target."""
        ...


class NotReplayable(Exception):
    """A record that does not hold what planning saw: why."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How a request was to be served: the variants of its stairs, or the code under which nobody could."""

    route: str | None
    stairs: tuple[str, ...] = ()
    skipped: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What may happen with the data of a request at a target, before and after, and by which rule."""

    target: str
    before: str
    after: str
    rule: str | None
    effect: str


@dataclass(frozen=True, slots=True)
class Again:
    """A decision and its second making. Costs in US dollars; None where a price, or what would be said, is unknown."""

    tenant: str
    before: Planned
    after: Planned
    cost_before: float | None
    cost_after: float | None
    residency: tuple[Change, ...]
    went: Descent
    goes: Descent

    @property
    def moved(self) -> bool:
        """Whether the request would be served, or refused, in another way."""
        return self.before != self.after


def recorded(record: AuditRecord) -> Planned:
    """The plan as the record tells it.

    Raises:
        NotReplayable: it was never planned, or by a version that did not write down what planning saw.
    """
    step = next((step for step in reversed(record.trail) if step.stage == "plan" and step.outcome in _PLANNED), None)
    if step is None:
        raise NotReplayable("it ended before it was planned")
    if record.signals_seen is None or record.snapshot is None:
        raise NotReplayable("its record has no signals: an older version wrote it")
    if step.outcome != "planned":
        code = record.error.code if record.error is not None else step.outcome
        if code == "rate_limited":
            raise NotReplayable("a rate refused it before it was planned")
        return Planned(_text(step.facts.get("route")), refused=code)
    stairs = _text(step.facts.get("tiers")) or ""
    return Planned(_text(step.facts.get("route")), tuple(filter(None, stairs.split(","))), record.skipped)


_PLANNED: Final = ("planned", "refused", "failed")


def again(record: AuditRecord, policy: Policy, planner: Planner) -> Again:
    """Make the decision again under `policy`, in the world that was recorded.

    Raises:
        NotReplayable: the record does not hold what planning saw.
    """
    before = recorded(record)
    assert record.signals_seen is not None
    assert record.snapshot is not None
    same = record.policy_revision == policy.revision
    signals = record.signals_seen if same else _classified(record.signals_seen, policy)
    after, plan = _planned(signals, record.snapshot, policy, planner)
    unchanged = same and before == after
    descent = went(record)
    goes = descent if unchanged or plan is None or not record.answers else deep(record, before.stairs, plan)
    return Again(
        tenant=record.tenant,
        before=before,
        after=after,
        cost_before=record.cost_usd,
        cost_after=record.cost_usd if unchanged else _cost(record, before, plan, goes.steps, policy),
        residency=tuple(_changes(record.residency, planner.residency_again(signals, policy), policy)),
        went=descent,
        goes=goes,
    )


def _classified(signals: Signals, policy: Policy) -> Signals:
    """The signals with the class that this policy gives to what was found. What was not scanned stays restricted."""
    if signals.scan == "failed":
        return signals
    found = [Finding(type=kind, count=1) for kind in signals.types]
    data_class, special = class_and_special(found, policy)
    return signals.model_copy(update={"data_class": data_class, "special": special})


def _planned(signals: Signals, snapshot: Snapshot, policy: Policy, planner: Planner) -> tuple[Planned, Plan | None]:
    """How the request is served now, and the plan of it; None where it is refused."""
    try:
        outcome = planner.plan_again(signals, snapshot, policy)
    except StepwellError as error:
        return Planned(None, refused=error.code), None
    plan = outcome.changes.get("plan")
    assert isinstance(plan, Plan)
    if outcome.kind != "planned":
        error_body = outcome.changes.get("error")
        return Planned(plan.route, refused=getattr(error_body, "code", outcome.kind)), None
    return Planned(plan.route, tuple(tier.variant for tier in plan.tiers), plan.skipped), plan


# ---------------------------------------------------------------- what it would cost


def _cost(record: AuditRecord, before: Planned, plan: Plan | None, steps: int, policy: Policy) -> float | None:
    """The recorded tokens at the prices of the new stairs, as far down as the request would go."""
    if record.cache == "hit":
        return record.cost_usd
    if plan is None:
        return 0.0
    if before.refused is not None or not record.answers:
        return None
    return _sum(_cost_of_tier(record, before, tier, at, policy) for at, tier in enumerate(plan.tiers[: steps + 1]))


def _cost_of_tier(record: AuditRecord, before: Planned, tier: Tier, at: int, policy: Policy) -> float | None:
    """The attempts of the same step or variant, else those of the step in its place, else one like the last."""
    kept = [one for one in record.answers if one.variant == tier.variant]
    if before.stairs[at : at + 1] == (tier.variant,):
        kept = [one for one in record.attempts if one.tier == at] or kept  # where fallbacks took over, they would again
    if kept:
        return _sum(_priced(one, one.target, policy) for one in kept)
    like = [one for one in record.answers if one.tier == at] or [record.answers[-1]]
    return _sum(_priced(one, tier.target, policy) for one in like)


def _priced(attempt: AttemptRecord, target: str, policy: Policy) -> float | None:
    spec = policy.targets.get(target)
    if attempt.usage == Usage() and attempt.cost_usd is not None and abs(attempt.cost_usd) < _CLOSE:
        return 0.0  # it was never charged
    return cost_usd(attempt.usage, spec.price if spec is not None else None)


def _sum(costs: Iterator[float | None]) -> float | None:
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


# ---------------------------------------------------------------- who may see it


def _changes(before: Sequence[Residency], after: Sequence[Residency], policy: Policy) -> Iterator[Change]:
    """What changes at targets that both policies know."""
    known: Mapping[str, Residency] = {entry.target: entry for entry in before}
    for entry in after:
        old = known.get(entry.target)
        if old is None or (old.action, old.pseudonymise, old.mask) == (entry.action, entry.pseudonymise, entry.mask):
            continue
        target = policy.targets[entry.target]
        was, now = permits(old.action, target), permits(entry.action, target)
        effect = "allowed" if now and not was else "denied" if was and not now else "shown otherwise"
        rule = entry.rule or old.rule
        yield Change(entry.target, old.action, entry.action, rule, effect)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
