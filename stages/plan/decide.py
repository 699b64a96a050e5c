"""The plan of a request. Pure: the same request, policy, weights and health give the same plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.contracts import Envelope, ErrorBody, Exclusion, Plan, Request, Tier
from pipeline.errors import InvalidRequest, NoEligibleTarget, ResidencyRefused, UnknownModel
from pipeline.experiments.assignment import choose, shares
from pipeline.policy import Policy, RequestFacts
from pipeline.policy.models import CachePolicy, Route, TierSpec
from pipeline.ports import Outcome, Weights
from stages.plan.eligible import Judge

__all__ = ["AUTO", "Chosen", "Facts", "choose_route", "decide"]

AUTO = "auto"
"""The route name with which a caller leaves the choice to the policy."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The route that serves the request; `silent` are routes whose condition had no answer."""

    route: Route
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stage found out: the route, the weights in force for it, and the targets that take no calls now."""

    chosen: Chosen
    weights: Weights | None = None
    unhealthy: frozenset[str] = frozenset()


def choose_route(request: Request, facts: RequestFacts, policy: Policy) -> Chosen:
    """The route the caller named, or the first that matches; a pin leaves one tier of it.

    Raises:
        UnknownModel: the caller named a route or variant that there is not.
        InvalidRequest: nothing was named, and no route matches.
    """
    chosen = _named(request.route, policy) if request.route not in (None, AUTO) else _matching(facts, policy)
    if request.pin is None:
        return chosen
    if request.pin not in policy.variants:
        raise UnknownModel(f"pin: there is no variant {request.pin}; there is {_list(policy.variants)}", param="pin")
    return Chosen(chosen.route.model_copy(update={"tiers": (_only(request.pin),)}), chosen.silent)


def decide(envelope: Envelope, facts: Facts, policy: Policy) -> Outcome:
    """Plan the stairs, or refuse when no target may or can serve."""
    route = facts.chosen.route
    judge = Judge(envelope, facts.unhealthy, policy)
    tiers = _stairs(envelope, facts, judge, policy)
    affordable = judge.affordable(tiers)
    if not affordable:
        return _refuse(route, judge)
    return _planned(envelope, facts, affordable, judge.excluded)


# ---------------------------------------------------------------- the route


def _named(name: str | None, policy: Policy) -> Chosen:
    if name is not None and (route := policy.route(name)):
        return Chosen(route.spec)
    if name is not None and name in policy.variants:
        single = Route(name=name, tiers=(_only(name),), max_escalations=0, cache=CachePolicy(enabled=False))
        return Chosen(single)
    known = _list([route.spec.name for route in policy.routes] + list(policy.variants))
    raise UnknownModel(f"route: there is no route or variant {name}; there is {known}", param="route")


def _matching(facts: RequestFacts, policy: Policy) -> Chosen:
    choice = policy.route_for(facts)
    if choice.route is None:
        names = _list(route.spec.name for route in policy.routes)
        raise InvalidRequest(f"route: no route matches this request; name one of {names}", param="route")
    return Chosen(choice.route.spec, choice.silent)


def _only(variant: str) -> TierSpec:
    return TierSpec(variants={variant: 1.0})


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


# ---------------------------------------------------------------- the stairs


def _stairs(envelope: Envelope, facts: Facts, judge: Judge, policy: Policy) -> list[Tier]:
    """One variant for each tier that has an eligible one. Chances are those among the eligible."""
    route = facts.chosen.route
    key = _sticky_key(envelope)
    tiers: list[Tier] = []
    for index, (weights, version) in enumerate(_weights(route, facts.weights)):
        eligible = {name: weight for name, weight in weights.items() if judge.takes(name)}
        chances = shares(eligible)
        if chances:
            name = choose(key, f"{route.name}/{index}", eligible)
            target = policy.variants[name].target
            tiers.append(Tier(variant=name, target=target, propensity=chances[name], weights_version=version))
    return tiers


def _weights(route: Route, published: Weights | None) -> list[tuple[Mapping[str, float], int]]:
    """The weights of each tier with their version. Published ones that speak of other variants are out of date."""
    tiers: list[tuple[Mapping[str, float], int]] = [(tier.variants, 0) for tier in route.tiers]
    if published is None or len(published.tiers) != len(tiers):
        return tiers
    return [
        (newer, published.version) if newer.keys() == own.keys() else (own, version)
        for newer, (own, version) in zip(published.tiers, tiers, strict=True)
    ]


def _sticky_key(envelope: Envelope) -> str:
    """Whose assignment it is: the session's, so that a conversation keeps its voice; else the user's; else its own."""
    request = envelope.request
    return f"{request.tenant}/{request.session or request.user or envelope.id}"


def _planned(envelope: Envelope, facts: Facts, tiers: tuple[Tier, ...], excluded: tuple[Exclusion, ...]) -> Outcome:
    route, request = facts.chosen.route, envelope.request
    plan = Plan(
        route=route.name,
        tiers=tiers,
        threshold=_stricter(route.accept.confidence, request.quality_floor),
        max_escalations=_fewest(route.max_escalations, request.budget.max_escalations, len(tiers) - 1),
        on_exhausted=route.on_exhausted,
        cacheable=route.cache.enabled and request.cache != "off",
        excluded=excluded,
    )
    return Outcome("planned", _reasons(route.name, excluded), {"plan": plan}, _log(facts, tiers))


def _stricter(one: float | None, other: float | None) -> float | None:
    given = [threshold for threshold in (one, other) if threshold is not None]
    return max(given, default=None)


def _fewest(*numbers: int | None) -> int:
    return min(number for number in numbers if number is not None)


def _reasons(route: str, excluded: Iterable[Exclusion]) -> tuple[str, ...]:
    return (f"route {route}", *(f"{e.target} excluded by {e.condition}: {e.reason}" for e in excluded))


def _log(facts: Facts, tiers: Sequence[Tier]) -> dict[str, str | float | int | bool | None]:
    silent = facts.chosen.silent
    return {
        "route": facts.chosen.route.name,
        "tiers": ",".join(tier.variant for tier in tiers),
        "propensities": ",".join(f"{tier.propensity:.6g}" for tier in tiers),
        "weights_version": max((tier.weights_version for tier in tiers), default=0),
        **({"routes_without_answer": ",".join(silent)} if silent else {}),
    }


def _refuse(route: Route, judge: Judge) -> Outcome:
    excluded = judge.excluded
    forbidden = bool(excluded) and all(exclusion.condition == "residency" for exclusion in excluded)
    details = "; ".join(f"{e.target} ({e.condition}: {e.reason})" for e in excluded)
    if forbidden:
        code, start = ResidencyRefused.code, f"no target of the route {route.name} may see this data"
    else:
        code, start = NoEligibleTarget.code, f"no target of the route {route.name} is eligible"
    rule = judge.rule()
    body = ErrorBody(code=code, message=f"{start}: {details or 'all weights are 0'}", rule=rule)
    changes = {"status": "refused", "error": body}
    return Outcome("refused", _reasons(route.name, excluded), changes, {"route": route.name, "rule": rule})
