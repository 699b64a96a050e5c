"""Looks whether prices, ceilings and budgets fit together: what nobody can pay for, and what nobody can count."""

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.policy.compiled import Policy
from pipeline.policy.models import BudgetSpec, Route
from pipeline.policy.pricing import too_dear
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["spending_doubts", "unaffordable", "unpriced"]

_NOT_NAMED: Final = "only does not name it"
_IGNORED: Final = "ignore names it"


def unaffordable(joined: PolicySet) -> Iterator[Problem]:
    """Routes none of whose targets is ever taken, by their ceilings and lists."""
    for route in joined.routes:
        targets = _targets_of(joined, route.spec)
        if targets and all(_left_out(joined, route.spec, name) is not None for name in targets):
            name = next((one for one in targets if too_dear(route.spec, joined.filled[one].price)), targets[0])
            why = _left_out(joined, route.spec, name)
            text = f"no target can ever serve this route: {name} is left out since {why}"
            yield route.problem(text, _blamed(route.spec, why))


def unpriced(joined: PolicySet) -> Iterator[Problem]:
    """Budgets in money where nothing has a price, so that they would refuse everything they cover."""
    if any(target.price is not None for target in joined.filled.values()):
        return
    for budget in joined.budgets:
        if budget.spec.limit.usd is not None:
            text = "no target has a price, so this budget would stop every request; give targets a price (models)"
            yield budget.problem(text, "limit", "usd")


def spending_doubts(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """Warnings."""
    yield from _tiers(joined)
    for budget in joined.budgets:
        if budget.spec.limit.usd is not None:
            yield from _money(joined, budget)
        yield from _degraded(joined, budget)
        yield from _escalations(policy, budget)


def _tiers(joined: PolicySet) -> Iterator[Problem]:
    """Tiers of which no target is ever taken, in routes that can serve by another one."""
    for route in joined.routes:
        for index, tier in enumerate(route.spec.tiers):
            names = [joined.variants[name].spec.target for name in (*tier.variants, *tier.fallbacks)]
            reasons = [_left_out(joined, route.spec, name) for name in names]
            if reasons and all(reasons):
                text = f"this tier can never serve: {names[0]} is left out since {reasons[0]}"
                yield route.problem(text, "tiers", index)


def _money(joined: PolicySet, budget: Located[BudgetSpec]) -> Iterator[Problem]:
    missing = sorted(name for name, target in joined.filled.items() if target.price is None)
    if missing:
        text = (
            f"without a price nobody knows what {_list(missing)} cost{'s' if len(missing) == 1 else ''}: what this "
            "budget covers is refused there; give a price, 0 if nothing is paid"
        )
        yield budget.problem(text, "limit", "usd")
    prices = [target.price for target in joined.filled.values()]
    if all(price is not None and price.input == price.output == 0 for price in prices) and budget.spec.limit.usd:
        yield budget.problem("every target costs nothing, so this limit is never reached", "limit", "usd")


def _degraded(joined: PolicySet, budget: Located[BudgetSpec]) -> Iterator[Problem]:
    served = {
        name for route in joined.routes for tier in route.spec.tiers for name in (*tier.variants, *tier.fallbacks)
    }
    served |= {name for part in joined.experiments for name in part.spec.variants}
    served |= {name for tenant in joined.tenants.values() for name in tenant.spec.variants.values()}
    for index, name in enumerate(budget.spec.degrade_to):
        if name not in served:
            text = f"no tier of a route has {name}, so nothing is served by it; name a variant of a tier"
            yield budget.problem(text, "degrade_to", index)
        elif budget.spec.limit.usd is not None and joined.filled[joined.variants[name].spec.target].price is None:
            text = f"{name} has no price: what it serves once the money is spent is counted nowhere; give it a price"
            yield budget.problem(text, "degrade_to", index)


def _escalations(policy: Policy, budget: Located[BudgetSpec]) -> Iterator[Problem]:
    stairs = [min(route.spec.max_escalations, len(route.spec.tiers) - 1) for route in policy.routes]
    if budget.spec.stages == "escalate" and not any(stairs):
        yield budget.problem("no route ever escalates, so this limit is never reached", "stages")


def _targets_of(joined: PolicySet, route: Route) -> list[str]:
    """Every target that may ever serve the route: of its tiers, fallbacks, experiments, and in their place."""
    names = [name for tier in route.tiers for name in (*tier.variants, *tier.fallbacks)]
    names += [name for part in joined.experiments if part.spec.route == route.name for name in part.spec.variants]
    names += [
        other for tenant in joined.tenants.values() for name, other in tenant.spec.variants.items() if name in names
    ]
    return list(dict.fromkeys(joined.variants[name].spec.target for name in names))


def _blamed(route: Route, why: str | None) -> str:
    """The key that leaves a target out for this reason."""
    if why in (_NOT_NAMED, _IGNORED):
        return "only" if why == _NOT_NAMED else "ignore"
    return "max_price" if route.max_price else "max_cost_per_token"


def _left_out(joined: PolicySet, route: Route, name: str) -> str | None:
    target = joined.filled[name]
    own = {name, target.provider}
    if route.only is not None and own.isdisjoint(route.only):
        return _NOT_NAMED
    if not own.isdisjoint(route.ignore):
        return _IGNORED
    return too_dear(route, target.price)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
