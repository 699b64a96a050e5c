"""What a policy decides about a request, told: its route, who was excluded and why, the stairs, and who pays."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.cli.show import console, print_rows
from pipeline.contracts import ErrorBody, Exclusion, Plan, Signals, Snapshot, Tier
from pipeline.costs.again import Planner
from pipeline.errors import StepwellError, TargetUnavailable
from pipeline.policy import Policy
from pipeline.policy.conditions import known
from pipeline.policy.facts import RequestFacts, facts_of_signals
from pipeline.policy.observed import budget_left

__all__ = ["excluded", "print_plan", "rules_of", "stairs_of", "told_plan"]


def told_plan(signals: Signals, snapshot: Snapshot, policy: Policy, planner: Planner) -> dict[str, Any]:
    """The plan of a request of these signals, as JSON values."""
    facts = facts_of_signals(signals, budget_left(snapshot))
    try:
        outcome = planner.plan_again(signals, snapshot, policy)
    except StepwellError as error:
        refused = {"code": error.code, "message": error.message}
        return {**_route(None, facts, policy), "refused": refused, "tiers": [], "excluded": [], **_paid({}, policy)}
    plan = outcome.changes["plan"]
    assert isinstance(plan, Plan)
    error_body = outcome.changes.get("error")
    refusal = error_body.model_dump(mode="json", exclude_none=True) if isinstance(error_body, ErrorBody) else None
    return {
        **_route(plan.route, facts, policy),
        "refused": refusal,
        "tiers": stairs_of(plan.tiers, plan.chose),
        "threshold": plan.threshold,
        "promise": _promise(signals, plan, policy),
        "max_escalations": plan.max_escalations,
        "skipped": plan.skipped,
        "excluded": excluded(plan.excluded),
        **_paid(_charges(signals, plan.route, policy), policy),
    }


def _promise(signals: Signals, plan: Plan, policy: Policy) -> str | None:
    """What the threshold of a draft promises, or why everything escalates; None: it follows from no promise."""
    route = policy.route(plan.route)
    if route is None or route.calibrator is None or route.spec.accept.confidence != "promised" or len(plan.tiers) < 2:
        return None
    return route.calibrator.threshold(signals.task, signals.tenant).sentence


def _route(name: str | None, facts: RequestFacts, policy: Policy) -> dict[str, Any]:
    choice = policy.route_for(facts)
    matching = [
        route.spec.name
        for route in policy.routes
        if (route.spec.kind == "embedding") == facts.embeds
        and route.condition.ask(known(facts.some(route.condition.names), targets=False)) is True
    ]
    spec = policy.route(name) if name is not None else None
    return {
        "route": name,
        "match": spec.spec.match if spec is not None else None,
        "matching": matching,
        "silent": choice.silent,
    }


def stairs_of(tiers: Sequence[Tier], chose: Sequence[str]) -> list[dict[str, Any]]:
    """The tiers with who was chosen, by what, and who takes over."""
    how = [*chose, *[None] * len(tiers)]
    return [
        {
            "variant": tier.variant,
            "target": tier.target,
            "chosen_by": how[at],
            "propensity": tier.propensity,
            "fallbacks": [rung.variant for rung in tier.fallbacks],
        }
        for at, tier in enumerate(tiers)
    ]


def excluded(exclusions: Sequence[Exclusion]) -> list[dict[str, Any]]:
    """Who was left out, under which condition, and why."""
    return [{"target": one.target, "condition": one.condition, "reason": one.reason} for one in exclusions]


def rules_of(signals: Signals, target: str, policy: Policy) -> list[str]:
    """Every residency rule that holds for the request at a target, and those without an answer; one of them decides."""
    facts = facts_of_signals(signals)
    there = policy.target_facts[target]
    held = []
    for rule in policy.residency_rules:
        answer = rule.condition.ask(known({**facts.some(rule.condition.names), **there}, targets=True))
        if answer is not False:
            held.append(rule.spec.id if answer else f"{rule.spec.id} (no answer)")
    return held


def _charges(signals: Signals, route: str, policy: Policy) -> dict[str, Any]:
    facts = facts_of_signals(signals)
    scope = {"tenant": signals.tenant, "lane": signals.lane, "route": route}
    tokens = signals.tokens + (signals.max_tokens or 0)
    return {"covers": policy.covers(facts, scope), "rates": policy.rate_checks(facts, scope, tokens)}


def _paid(charges: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """The budgets, caps and rates that a request moves. Users, keys and tags of it are not known here."""
    rows = []
    for cover in charges.get("covers", ()):
        budget, cap = policy.budget(cover.budget), policy.cap(cover.budget)
        if budget is not None:
            limit = {name: value for name, value in budget.limit.model_dump().items() if value is not None}
            rows.append({"budget": budget.name, "scope": cover.scope, "per": budget.per, "limit": limit,
                         "action": budget.action})  # fmt: skip
        elif cap is not None:
            rows.append({"budget": cap.name, "scope": cover.scope, "per": None, "limit": {"share": cap.share},
                         "action": "escalations"})  # fmt: skip
    rates = [{"rate": hit.rate, "scope": hit.scope, "tokens": hit.tokens} for hit in charges.get("rates", ())]
    return {"budgets": rows, "rates": rates}


# ---------------------------------------------------------------- for people


def print_plan(told: Mapping[str, Any]) -> None:
    """Tell a plan in words."""
    for name in told["silent"]:
        console.print(f"route {name} was passed over: its condition has no answer", highlight=False, markup=False)
    others = [name for name in told["matching"] if name != told["route"]]
    if others:
        console.print(f"matching too: {', '.join(others)}", highlight=False, markup=False)
    for one in told["excluded"]:
        sentence = f"{one['target']} is excluded by {one['condition']}: {one['reason']}"
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    if told["refused"]:
        word = "failed" if told["refused"]["code"] == TargetUnavailable.code else "refused"
        sentence = f"{word} ({told['refused']['code']}): {told['refused']['message']}"
        console.print(sentence, style="bold", highlight=False, markup=False, soft_wrap=True)
    _print_stairs(told)
    if told.get("promise"):
        console.print(told["promise"], highlight=False, markup=False, soft_wrap=True)
    for one in told["budgets"]:
        limit = ", ".join(f"{value:g} {what}" for what, value in one["limit"].items())
        per = f" per {one['per']}" if one["per"] else ""
        sentence = f"{one['budget']} pays: {limit}{per} for {one['scope']}, then {one['action']}"
        console.print(sentence, highlight=False, markup=False)
    for one in told["rates"]:
        console.print(f"{one['rate']} counts it: {one['scope']}", highlight=False, markup=False)


def _print_stairs(told: Mapping[str, Any]) -> None:
    if told.get("skipped"):
        console.print(f"the draft is skipped, by {told['skipped']}", highlight=False, markup=False)
    rows = [
        {**tier, "tier": at, "chance": f"{tier['propensity']:g}", "fallbacks": ", ".join(tier["fallbacks"])}
        for at, tier in enumerate(told["tiers"], 1)
    ]
    if rows:
        columns = ("tier", "variant", "target", "chosen_by", "chance", "fallbacks")
        print_rows(rows, columns, as_json=False, title="Stairs")
