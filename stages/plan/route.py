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
        UnknownModel: the caller named a route or variant that there is not.
        InvalidRequest: nothing was named and no route matches, or the tenant may not pin a variant.
    """
    chosen = _named(signals, policy) if signals.route not in (None, AUTO) else _matching(facts, policy)
    if signals.pin is None:
        return chosen
    _may_pin(signals, "pin", policy)
    if signals.pin not in policy.variants:
        raise UnknownModel(f"pin: there is no variant {signals.pin}; there is {_list(policy.variants)}", param="pin")
    return Chosen(chosen.route.model_copy(update={"tiers": (_only(signals.pin),)}), chosen.how, True, chosen.silent)


def _named(signals: Signals, policy: Policy) -> Chosen:
    name = signals.route or ""
    if route := policy.route(name):
        return Chosen(route.spec, "named")
    if name in policy.variants:
        _may_pin(signals, "route", policy)
        single = Route(name=name, tiers=(_only(name),), max_escalations=0, cache=CachePolicy(enabled=False))
        return Chosen(single, "variant", pinned=True)
    known = _list([route.spec.name for route in policy.routes] + list(policy.variants))
    raise UnknownModel(f"route: there is no route or variant {name}; there is {known}", param="route")


def _matching(facts: RequestFacts, policy: Policy) -> Chosen:
    choice = policy.route_for(facts)
    if choice.route is None:
        names = _list(route.spec.name for route in policy.routes)
        raise InvalidRequest(f"route: no route matches this request; name one of {names}", param="route")
    return Chosen(choice.route.spec, silent=choice.silent)


def _may_pin(signals: Signals, field: str, policy: Policy) -> None:
    if not policy.tenant(signals.tenant).may_pin:
        message = f"{field}: the policy does not let callers of the tenant {signals.tenant} pin a variant; name a route"
        raise InvalidRequest(message, param=field)


def _only(variant: str) -> TierSpec:
    return TierSpec(variants={variant: 1.0})


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
