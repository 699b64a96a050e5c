"""Looks whether every name in a policy set points at something."""

from collections.abc import Iterable, Iterator

from pipeline.policy.models import Route, TenantSpec
from pipeline.policy.problems import Path, Problem, did_you_mean
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["dangling"]


def dangling(joined: PolicySet) -> Iterator[Problem]:
    """A problem for every name that points nowhere, with the nearest one that there is."""
    yield from _models(joined)
    for route in joined.routes:
        yield from _route(joined, route)
    yield from _providers(joined)
    yield from _examples(joined)
    yield from _budgets(joined)
    yield from _experiments(joined)
    for tenant in joined.tenants.values():
        yield from _tenant(joined, tenant)


def _models(joined: PolicySet) -> Iterator[Problem]:
    for variant in joined.variants.values():
        if variant.spec.target not in joined.targets:
            yield variant.problem(_no_such("target", variant.spec.target, joined.targets), "target")
    for target in joined.targets.values():
        base = target.spec.adapter_of
        if base is not None and base not in joined.targets:
            yield target.problem(_no_such("target", base, joined.targets), "adapter_of")


def _route(joined: PolicySet, route: Located[Route]) -> Iterator[Problem]:
    for index, tier in enumerate(route.spec.tiers):
        yield from _keys(route, tier.variants, joined.variants, "variant", "tiers", index, "variants")
        yield from _items(route, tier.fallbacks, joined.variants, "variant", "tiers", index, "fallbacks")
    for index, look in enumerate(route.spec.accept.looks):
        if look.variant is not None and look.variant not in joined.variants:
            said = _no_such("variant", look.variant, joined.variants)
            yield route.problem(said, "accept", "looks", index, "variant")
    yield from _lists(joined, route)


def _lists(joined: PolicySet, part: Located[Route] | Located[TenantSpec]) -> Iterator[Problem]:
    """Allow and deny lists, and regions."""
    servers = {name for target in joined.targets.values() for name in (target.path[-1], target.spec.provider)}
    regions = {target.spec.region for target in joined.targets.values()}
    known = {str(name) for name in servers}
    yield from _items(part, part.spec.only or (), known, "target or provider", "only")
    yield from _items(part, part.spec.ignore, known, "target or provider", "ignore")
    for index, region in enumerate(part.spec.regions):
        if region not in regions:
            yield part.problem(f"no target is in the region {region}{did_you_mean(region, regions)}", "regions", index)


def _providers(joined: PolicySet) -> Iterator[Problem]:
    """Providers whose visibility is set, but that no target has."""
    known = {target.spec.provider for target in joined.targets.values()} | {"default"}
    for file in joined.residency:
        yield from _keys(file, file.spec.visibility.providers, known, "provider", "visibility", "providers")


def _examples(joined: PolicySet) -> Iterator[Problem]:
    routes = {route.spec.name for route in joined.routes}
    for routes_file in joined.route_files:
        for index, expected in enumerate(routes_file.spec.examples):
            if expected.expect not in routes:
                yield routes_file.problem(_no_such("route", expected.expect, routes), "examples", index, "expect")
    for residency in joined.residency:
        for index, example in enumerate(residency.spec.examples):
            if example.target not in joined.targets:
                yield residency.problem(_no_such("target", example.target, joined.targets), "examples", index, "target")
    budgets = {budget.spec.name for budget in joined.budgets}
    for budget_file in joined.budget_files:
        for index, paid in enumerate(budget_file.spec.examples):
            yield from _items(budget_file, paid.expect, budgets, "budget", "examples", index, "expect")


def _budgets(joined: PolicySet) -> Iterator[Problem]:
    for budget in joined.budgets:
        yield from _items(budget, budget.spec.degrade_to, joined.variants, "variant", "degrade_to")


def _experiments(joined: PolicySet) -> Iterator[Problem]:
    routes = {route.spec.name: route.spec for route in joined.routes}
    for experiment in joined.experiments:
        spec = experiment.spec
        yield from _keys(experiment, spec.variants, joined.variants, "variant", "variants")
        route = routes.get(spec.route)
        if route is None:
            yield experiment.problem(_no_such("route", spec.route, routes), "route")
        elif spec.tier >= len(route.tiers):
            last = len(route.tiers) - 1
            text = (
                f"the route {spec.route} has no tier {spec.tier}; its tiers are 0 to {last}"
                if last
                else (f"the route {spec.route} has one tier, number 0")
            )
            yield experiment.problem(text, "tier")


def _tenant(joined: PolicySet, tenant: Located[TenantSpec]) -> Iterator[Problem]:
    yield from _keys(tenant, tenant.spec.variants, joined.variants, "variant", "variants")
    for name, other in tenant.spec.variants.items():
        if other not in joined.variants:
            yield tenant.problem(_no_such("variant", other, joined.variants), "variants", name)
    yield from _lists(joined, tenant)


def _keys(
    part: Located[object], names: Iterable[str], known: Iterable[str], what: str, *below: str | int
) -> Iterator[Problem]:
    there = set(known)
    for name in names:
        if name not in there:
            place: Path = (*part.path, *below, name)
            yield part.source.problem(place, _no_such(what, name, there), key=True)


def _items(
    part: Located[object], names: Iterable[str], known: Iterable[str], what: str, *below: str | int
) -> Iterator[Problem]:
    there = set(known)
    for index, name in enumerate(names):
        if name not in there:
            yield part.problem(_no_such(what, name, there), *below, index)


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    return f"no such {what}: {name}{did_you_mean(name, known)}"
