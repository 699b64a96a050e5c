"""Looks for what is right in itself and does nothing: keys without effect, and lists that leave nobody."""

from collections.abc import Iterator, Sequence

from pipeline.policy.compile import Written
from pipeline.policy.expression import Fact, tree, walk
from pipeline.policy.models import ExperimentSpec, Route, TenantSpec, TierSpec
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import PolicySet

__all__ = ["idle", "pointless"]

_DIFFICULTY = Fact("req.difficulty")


def pointless(joined: PolicySet) -> Iterator[Problem]:
    """What is refused, since it cannot do what it says."""
    for route in joined.routes:
        if route.spec.skip_draft.when != "never" and len(route.spec.tiers) == 1:
            text = "the route has one tier, so there is no draft to skip; leave it out, or add a tier"
            yield route.problem(text, "skip_draft")
    yield from _experiments(joined)
    for tenant in joined.tenants.values():
        left = [route for route in joined.routes if _served(joined, tenant.spec, route.spec)]
        if not left and _lists(tenant.spec):
            text = f"no route has a target left for {tenant.path[-1]}: its lists leave out every one of them"
            yield tenant.problem(f"{text}; name fewer", *_lists(tenant.spec))
    for file in joined.limits:
        if file.spec.retry.base > file.spec.retry.cap:
            text = f"the first delay is longer than the longest one, which is {file.spec.retry.cap:g} s; raise the cap"
            yield file.problem(text, "retry", "base")
        if file.spec.breaker.open > file.spec.breaker.open_cap:
            text = f"this is longer than open_cap, which is {file.spec.breaker.open_cap:g} s; raise open_cap"
            yield file.problem(text, "breaker", "open")


def idle(joined: PolicySet, written: Sequence[Written]) -> Iterator[Problem]:
    """Warnings: what has no effect as things are, or another one than its words."""
    yield from _scores(joined)
    yield from _difficulty(joined, written)
    yield from _namesakes(joined)
    for target in joined.targets.values():
        spec = target.spec
        if spec.max_output_tokens >= spec.context_window:
            text = (
                f"the window holds question and answer, and an answer may have {spec.max_output_tokens} tokens "
                "(max_output_tokens), so that nothing is left for a question; mend one of the two"
            )
            yield target.problem(text, "context_window")
    for tenant in joined.tenants.values():
        for route in joined.routes:
            if _lists(tenant.spec) and not _served(joined, tenant.spec, route.spec):
                text = f"the route {route.spec.name} has no target left for {tenant.path[-1]}, and refuses its requests"
                yield tenant.problem(text, *_lists(tenant.spec))


def _experiments(joined: PolicySet) -> Iterator[Problem]:
    """An experiment gives weights, and only a tier that chooses by weights looks at them."""
    for experiment in joined.experiments:
        tier = _tier(joined, experiment.spec)
        if tier is not None and experiment.spec.running and tier.choose != "weights":
            text = (
                f"tier {experiment.spec.tier} of {experiment.spec.route} chooses by {tier.choose}, so the shares of "
                "this experiment have no effect; let the tier choose by weights, or stop it (running: false)"
            )
            yield experiment.problem(text, "tier")


def _tier(joined: PolicySet, spec: ExperimentSpec) -> TierSpec | None:
    for route in joined.routes:
        if route.spec.name == spec.route and spec.tier < len(route.spec.tiers):
            return route.spec.tiers[spec.tier]
    return None


def _scores(joined: PolicySet) -> Iterator[Problem]:
    file = joined.route_files[0]
    if file.spec.choose == "scored" and all(route.spec.score is None for route in joined.routes):
        text = "no route has a score, so the first that matches takes a request all the same; give the routes scores"
        yield file.problem(text, "choose")


def _difficulty(joined: PolicySet, written: Sequence[Written]) -> Iterator[Problem]:
    if any(file.spec.difficulty_file is not None for file in joined.route_files):
        return
    for entry in written:
        if _DIFFICULTY in walk(tree(entry.source, targets=entry.targets)):
            text = "req.difficulty is null for every request, since no file of routes names a difficulty_file"
            yield entry.problem(f"{text}; make one with stepwell difficulty train")


def _namesakes(joined: PolicySet) -> Iterator[Problem]:
    for route in joined.routes:
        name = route.spec.name
        if name in joined.variants:
            text = f"a variant is called {name} too, and a caller who asks for the model {name} gets the route"
            yield route.problem(f"{text}; give one of them another name", "name")


def _lists(spec: TenantSpec) -> tuple[str, ...]:
    """The key of the list that leaves targets out; empty where there is none."""
    return ("ignore",) if spec.ignore else ("only",) if spec.only is not None else ()


def _served(joined: PolicySet, tenant: TenantSpec, route: Route) -> bool:
    """Whether a target is left once the lists of both have been looked at."""
    names = {name for tier in route.tiers for name in (*tier.variants, *tier.fallbacks)}
    names |= {
        name
        for part in joined.experiments
        if part.spec.running and part.spec.route == route.name
        for name in part.spec.variants
    }
    own = {tenant.variants.get(name, name) for name in names}
    return any(
        _taken(_servers(joined, name), tenant.only, tenant.ignore)
        and _taken(_servers(joined, name), route.only, route.ignore)
        for name in own
    )


def _servers(joined: PolicySet, variant: str) -> set[str]:
    target = joined.variants[variant].spec.target
    return {target, joined.filled[target].provider}


def _taken(servers: set[str], only: tuple[str, ...] | None, ignore: tuple[str, ...]) -> bool:
    return (only is None or not servers.isdisjoint(only)) and servers.isdisjoint(ignore)
