"""Which route serves a request: the one that its caller named, or the one that the policy finds. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Signals
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.policy import Policy, RequestFacts
from pipeline.policy.models import CachePolicy, Route, TierSpec

__all__ = ["AUTO", "Chosen", "choose_route"]

AUTO: Final = "auto"
"""The route name with which a caller leaves the choice to the policy."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The route that serves the request, and how it came to that.

    `how`: the policy found it, the caller named it, or the caller named a variant in its place. With `pinned` its one
    tier holds the one variant that may answer. `silent` are routes whose condition had no answer.
    """

    route: Route
    how: Literal["matched", "named", "variant"] = "matched"
    pinned: bool = False
    silent: tuple[str, ...] = ()


def choose_route(signals: Signals, facts: RequestFacts, policy: Policy) -> Chosen:
    """The route the caller named, or the one the policy finds; a pin leaves one tier of it.

    Args:
        signals: what the caller asked for.
        facts: the same as conditions see it.
        policy: the policy in force.

    Raises:
        UnknownModel: the caller named a route or variant that there is not, or not for this tenant.
        InvalidRequest: nothing was named and no route matches, the tenant may not pin a variant, what was named does
            not hold the pinned one, or vectors are asked of who answers, or an answer of who makes vectors.
    """
    chosen = _named(signals, policy) if signals.route not in (None, AUTO) else _matching(signals, facts, policy)
    if signals.pin is None:
        return chosen
    _may_pin(signals, "pin", policy)
    there = policy.variants_of(signals.tenant)
    if signals.pin not in there:
        raise UnknownModel(f"pin: there is no variant {signals.pin}; GET /v1/models names those there are", param="pin")
    pinned = _own(signals.pin, signals, policy)
    _makes(pinned, signals, policy, "pin")
    if signals.route not in (None, AUTO) and pinned not in _held(chosen.route, signals, policy):
        message = f"pin: {signals.route} is named too and does not hold {signals.pin}; name one of them, or {AUTO}"
        raise InvalidRequest(message, param="pin")
    return Chosen(chosen.route.model_copy(update={"tiers": (_only(pinned),)}), chosen.how, True, chosen.silent)


def _named(signals: Signals, policy: Policy) -> Chosen:
    name = signals.route or ""
    if route := policy.route(name):
        if (route.spec.kind == "embedding") != signals.embeds:
            raise InvalidRequest(f"route: {name} {_other(signals)}; name {_of_kind(signals, policy)}", param="route")
        return Chosen(route.spec, "named")
    there = policy.variants_of(signals.tenant)
    if name in there:
        _may_pin(signals, "route", policy)
        own = _own(name, signals, policy)
        _makes(own, signals, policy, "route")
        single = Route(name=name, tiers=(_only(own),), max_escalations=0, cache=CachePolicy(enabled=False))
        return Chosen(single, "variant", pinned=True)
    # None is listed here: which of them this caller may name, its key says, and the door knows that.
    text = f"route: there is no route or variant {name}; name {AUTO}, or one that GET /v1/models names"
    raise UnknownModel(text, param="route")


def _matching(signals: Signals, facts: RequestFacts, policy: Policy) -> Chosen:
    choice = policy.route_for(facts)
    if choice.route is None:
        text = f"route: no route matches this request; name {_of_kind(signals, policy)}"
        raise InvalidRequest(text, param="route")
    return Chosen(choice.route.spec, silent=choice.silent)


def _makes(variant: str, signals: Signals, policy: Policy, field: str) -> None:
    """Refuse a variant that was named for what it does not make."""
    able = policy.targets[policy.variants[variant].target].capabilities
    if "embedding" not in able if signals.embeds else able == {"embedding"}:
        raise InvalidRequest(f"{field}: {variant} {_other(signals)}; name {_of_kind(signals, policy)}", param=field)


def _other(signals: Signals) -> str:
    return "answers and makes no vectors" if signals.embeds else "makes vectors and does not answer"


def _of_kind(signals: Signals, policy: Policy) -> str:
    """The routes that a request like this one may name."""
    kind = "embedding" if signals.embeds else "chat"
    names = _list(route.spec.name for route in policy.routes if route.spec.kind == kind)
    return f"one of {names}" if names else f"a route of the kind {kind}, which this policy has none of"


def _may_pin(signals: Signals, field: str, policy: Policy) -> None:
    if not policy.tenant(signals.tenant).may_pin:
        message = f"{field}: the policy does not let callers of the tenant {signals.tenant} pin a variant; name a route"
        raise InvalidRequest(message, param=field)


def _own(name: str, signals: Signals, policy: Policy) -> str:
    """The variant that takes its place for this tenant, such as an adapter of its own."""
    return policy.tenant(signals.tenant).variants.get(name, name)


def _held(route: Route, signals: Signals, policy: Policy) -> set[str]:
    """The variants of a route as this tenant meets them."""
    names = (name for tier in route.tiers for name in (*tier.variants, *tier.fallbacks))
    return {held for name in names for held in (name, _own(name, signals, policy))}


def _only(variant: str) -> TierSpec:
    return TierSpec(variants={variant: 1.0})


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
