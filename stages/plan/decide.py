"""The plan of a request. Pure: the same signals, residency decisions, snapshot and policy give the same plan.

All four are written down with the decision, so that it can be made again: under the same policy, to prove what was
decided and why, or under another one, to see what would change (`again`).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from pipeline.contracts import Exclusion, Plan, Residency, Signals, Snapshot
from pipeline.contracts.trusted import trusted
from pipeline.errors import TargetUnavailable
from pipeline.policy import Policy
from pipeline.policy.facts import facts_of_signals
from pipeline.policy.observed import budget_left
from pipeline.ports import Outcome
from stages.plan.budgets import Degrade, degrading
from stages.plan.eligible import Judge
from stages.plan.promise import Asked, asked_of
from stages.plan.refuse import refusal, unsupported_by
from stages.plan.route import Chosen, choose_route
from stages.plan.skip import Skip, skip_draft
from stages.plan.stairs import Builder, Stair, affordable
from stages.plan.usual import Usual
from stages.plan.wishes import wishes_of

__all__ = ["decide", "plan_in"]


def decide(
    signals: Signals,
    residency: Sequence[Residency],
    snapshot: Snapshot,
    policy: Policy,
    chosen: Chosen | None = None,
    carried: Mapping[str, object] = MappingProxyType({}),
    usual: Usual | None = None,
) -> Outcome:
    """Plan the stairs, or refuse when no target may or can serve.

    Args:
        signals: what is known of the request.
        residency: what may happen with its data at each target; a target that it does not name is not called.
        snapshot: what is known of the world.
        policy: the policy in force.
        chosen: the route, where the caller of this function knows it already; else it is chosen here.
        carried: what the plan carries for others and nothing here depends on: who pays, what is left of the rates.
        usual: remembers plans under this policy; the same is planned without it.

    Raises:
        UnknownModel: the caller named a route or variant that there is not.
        InvalidRequest: no route matches, or the caller wishes what the policy does not let callers wish.
    """
    if chosen is None:
        chosen = choose_route(signals, facts_of_signals(signals, budget_left(snapshot)), policy)
    if usual is not None:
        make = partial(_decided, residency=residency, policy=policy, chosen=chosen, carried=carried)
        known = usual.outcome(signals, residency, snapshot, policy, chosen, carried, make)
        if known is not None:
            return known
    return _decided(signals, snapshot, residency, policy, chosen, carried)


def _decided(
    signals: Signals,
    snapshot: Snapshot,
    residency: Sequence[Residency],
    policy: Policy,
    chosen: Chosen,
    carried: Mapping[str, object],
) -> Outcome:
    route = chosen.route
    wishes = wishes_of(signals, route, policy.targets, pinned=chosen.pinned)
    degrade = degrading(snapshot, policy)
    judge = Judge(signals, residency, snapshot, policy, route, wishes, degrade)
    builder = Builder(signals, snapshot, policy, route, wishes, judge)
    stairs, skip = _stairs(builder, chosen, signals, snapshot, judge, degrade)
    kept = affordable(stairs, judge, signals.max_cost_usd)
    if not kept:
        return _refused(signals, snapshot, chosen, judge, degrade, policy, carried)
    excluded, told = judge.excluded, _money(builder, kept, chosen, degrade)
    told.update(carried)
    lookers = builder.lookers(drafts=len(kept) > 1)
    if lookers:
        told["lookers"] = lookers
    asked = Asked(None) if signals.embeds else asked_of(chosen.route, signals, policy, snapshot.fallen)
    return _planned(signals, snapshot, chosen, excluded, kept, skip, told, asked)


def plan_in(outcome: Outcome) -> Plan | None:
    """The plan that an outcome of this stage holds; one without tiers where the request was refused."""
    plan = outcome.changes.get("plan")
    return plan if isinstance(plan, Plan) else None


# ---------------------------------------------------------------- the stairs


def _stairs(
    builder: Builder, chosen: Chosen, signals: Signals, snapshot: Snapshot, judge: Judge, degrade: Degrade
) -> tuple[list[Stair], Skip | None]:
    """The stairs before anybody counts money, and why their first one is left out, where it is."""
    if not chosen.pinned and (loop := builder.loop()):
        return loop, None
    stairs = builder.stairs(pinned=chosen.pinned)
    if not stairs and not chosen.pinned:
        need = any(exclusion.condition == "budget" for exclusion in judge.excluded)
        return builder.in_need(degrade.order) if need else [], None
    if len(stairs) < 2 or _climbs(chosen, signals, stairs) < 1:
        return stairs, None
    skip = skip_draft(signals, snapshot, chosen.route)
    return (stairs[1:] if skip else stairs), skip


def _money(builder: Builder, kept: Sequence[Stair], chosen: Chosen, degrade: Degrade) -> dict[str, object]:
    """What money does to the plan: what it cut off, and who answers where an attempt is denied all the same."""
    cut, relieved = builder.cut(kept), builder.relieved()
    told: dict[str, object] = {"cut": cut} if cut else {}
    if relieved:
        told["relieved"] = True
    elif degrade.order and not chosen.pinned:
        told["spares"] = tuple(rung for rung in builder.spares(degrade.order) if rung.variant != kept[0].tier.variant)
    return told


def _climbs(chosen: Chosen, signals: Signals, stairs: Sequence[Stair]) -> int:
    """How many escalations there may be."""
    asked = signals.max_escalations
    allowed = min(chosen.route.max_escalations, len(stairs) - 1)
    return allowed if asked is None else min(allowed, asked)


# ---------------------------------------------------------------- the outcome


def _planned(
    signals: Signals,
    snapshot: Snapshot,
    chosen: Chosen,
    excluded: Sequence[Exclusion],
    stairs: Sequence[Stair],
    skip: Skip | None,
    told: Mapping[str, object],
    asked: Asked,
) -> Outcome:
    route = chosen.route
    cut = bool(excluded) and any(exclusion.condition == "budget" for exclusion in excluded)
    plan = trusted(
        Plan,
        {
            "route": route.name,
            "tiers": tuple([stair.tier for stair in stairs]),
            "threshold": asked.threshold,
            "max_escalations": _climbs(chosen, signals, stairs),
            "on_exhausted": route.on_exhausted,
            "cacheable": not signals.embeds
            and route.cache.enabled
            and (signals.cache != "off" or "no-store" not in route.cache.callers_may),
            "excluded": tuple(excluded),
            "skipped": "budget" if cut else skip.why if skip else None,
            "on_capped": route.on_capped,
            "signals": signals,
            "snapshot": snapshot,
            "chose": tuple([stair.how for stair in stairs]),
            **told,
        },
    )
    # To the last tier no threshold applies, so where there is one tier there is nothing to promise.
    promise = asked.sentence if len(stairs) > 1 else None
    return Outcome("planned", _reasons(plan, skip, promise), {"plan": plan}, _log(plan, chosen))


def _refused(
    signals: Signals,
    snapshot: Snapshot,
    chosen: Chosen,
    judge: Judge,
    degrade: Degrade,
    policy: Policy,
    carried: Mapping[str, object],
) -> Outcome:
    rule = judge.rule()
    fields = {
        "route": chosen.route.name,
        "tiers": (),
        "cacheable": False,
        "excluded": judge.excluded,
        "signals": signals,
        "snapshot": snapshot,
    }
    plan = trusted(Plan, {**fields, **carried})
    ceiling = "max_cost" in judge.by_money.values()
    error = unsupported_by(plan.route, plan.excluded, signals, policy) or refusal(
        plan.route, plan.excluded, rule, degrade.resets_s, snapshot.targets, policy, ceiling=ceiling
    )
    kind = "failed" if error.code == TargetUnavailable.code else "refused"  # the policy let somebody; nobody was up
    changes = {"plan": plan, "status": kind, "error": error}
    return Outcome(kind, _reasons(plan, None), changes, {"route": plan.route, "rule": rule})


def _reasons(plan: Plan, skip: Skip | None, promise: str | None = None) -> tuple[str, ...]:
    excluded = [f"{e.target} excluded by {e.condition}: {e.reason}" for e in plan.excluded]
    return (f"route {plan.route}", *excluded, *((skip.reason,) if skip else ()), *((promise,) if promise else ()))


def _log(plan: Plan, chosen: Chosen) -> dict[str, str | float | int | bool | None]:
    facts: dict[str, str | float | int | bool | None] = {
        "route": plan.route,
        "tiers": ",".join([tier.variant for tier in plan.tiers]),
        "chose": ",".join(plan.chose),
        "propensities": ",".join([f"{tier.propensity:.6g}" for tier in plan.tiers]),
        "weights_version": max([tier.weights_version for tier in plan.tiers], default=0),
    }
    if plan.skipped:
        facts["skipped"] = plan.skipped
    if chosen.silent:
        facts["routes_without_answer"] = ",".join(chosen.silent)
    return facts
