"""A policy set in force: resolved, compiled, and named by its revision. Pure and without a clock.

The same few combinations of facts occur again and again, and a condition sees nothing but facts; so answers are
remembered by the facts that the conditions mention. The memory is bounded and changes no answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pipeline.contracts import Action, DataClass, Residency
from pipeline.policy.conditions import Activation, Condition, known
from pipeline.policy.facts import RequestFacts
from pipeline.policy.kinds import EVERY
from pipeline.policy.models import (
    REQUIRED,
    TRANSFORMS,
    Exposed,
    LimitsFile,
    ResidencyFile,
    ResidencyRule,
    Route,
    Target,
    Variant,
)

__all__ = ["SEVERITY", "CompiledRoute", "CompiledRule", "Policy", "RouteChoice", "permits", "stricter"]

SEVERITY: Final[Mapping[Action, int]] = {"allow": 0, "pseudonymise": 1, "mask": 2, "local_only": 3, "deny": 4}
_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_SHOWS: Final[Mapping[Exposed, str]] = {
    "system": "req.has_system",
    "tools": "req.has_tools",
    "tool_results": "req.has_tool_results",
    "response_schema": "req.has_schema",
    "images": "req.has_images",
}
"""The fact that says whether a request has a field; every request has messages."""
_REMEMBERED: Final = 2048
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A residency rule with its condition."""

    spec: ResidencyRule
    condition: Condition


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route with its condition."""

    spec: Route
    condition: Condition

    def matches(self, facts: RequestFacts) -> bool | None:
        """Whether the route takes a request of these facts; None when its condition has no answer."""
        return self.condition.ask(known(facts.values, targets=False))


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The first route that matches, and the routes before it whose condition had no answer."""

    route: CompiledRoute | None
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """All policies in force.

    Attributes:
        revision: the first 16 hex digits of SHA-256 over the canonical content; travels with every request.
        targets: models at endpoints, by name, with their addresses filled in from the environment.
        variants: ways of answering, by name.
        routes: in the order in which they are asked.
        residency: the residency file as written.
        residency_rules: its rules, compiled.
        limits: the limits file.
        target_facts: what conditions see of each target.
    """

    revision: str
    targets: Mapping[str, Target]
    variants: Mapping[str, Variant]
    routes: tuple[CompiledRoute, ...]
    residency: ResidencyFile
    residency_rules: tuple[CompiledRule, ...]
    limits: LimitsFile
    target_facts: Mapping[str, Mapping[str, object]]
    _routes_by_name: dict[str, CompiledRoute] = field(default_factory=dict, repr=False, compare=False)
    _route_memory: dict[tuple[object, ...], RouteChoice] = field(default_factory=dict, repr=False, compare=False)
    _residency_memory: dict[tuple[object, ...], tuple[Residency, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _route_names: tuple[str, ...] = field(default=(), repr=False, compare=False)
    _residency_names: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        self._routes_by_name.update((route.spec.name, route) for route in self.routes)
        object.__setattr__(self, "_route_names", _mentioned(route.condition for route in self.routes))
        names = {*_mentioned(rule.condition for rule in self.residency_rules), *_SHOWS.values()}
        object.__setattr__(self, "_residency_names", tuple(sorted(names)))

    @property
    def residency_facts(self) -> tuple[str, ...]:
        """The facts of a request on which residency decisions depend: those of the rules, and of visibility."""
        return self._residency_names

    def route(self, name: str) -> CompiledRoute | None:
        """The route of this name."""
        return self._routes_by_name.get(name)

    def route_for(self, facts: RequestFacts) -> RouteChoice:
        """The first route that matches. A condition without an answer does not match."""
        key = facts.key(self._route_names)
        choice = self._route_memory.get(key)
        if choice is None:
            choice = self._choose(known(facts.values, targets=False))
            _remember(self._route_memory, key, choice)
        return choice

    def residency_actions(self, facts: RequestFacts) -> tuple[Residency, ...]:
        """What may happen with this data at each target; the strictest rule that holds decides, no rule allows.

        A rule without an answer denies under its own id, since what it protects is then unknown. The types that rules
        hide are those of all rules that hold. A target whose provider may not see a field that the request cannot do
        without is denied, by the rule `visibility:<provider>`.
        """
        key = facts.key(self._residency_names)
        actions = self._residency_memory.get(key)
        if actions is None:
            actions = tuple(self._residency(name, facts) for name in self.targets)
            _remember(self._residency_memory, key, actions)
        return actions

    def class_of(self, entity: str) -> DataClass:
        """The data class of a kind of personal data: the strictest that lists it, confidential when none does."""
        for name in ("restricted", "confidential", "internal"):
            if entity in self.residency.classes.get(name, ()):
                return name
        return "confidential"

    def _choose(self, activation: Activation) -> RouteChoice:
        silent: list[str] = []
        for route in self.routes:
            answer = route.condition.ask(activation)
            if answer is True:
                return RouteChoice(route, tuple(silent))
            if answer is None:
                silent.append(route.spec.name)
        return RouteChoice(None, tuple(silent))

    def sees(self, target: str) -> tuple[Exposed, ...]:
        """The fields of a request that the provider of `target` may see."""
        return self.residency.visibility.shown_to(self.targets[target].provider)

    def sometimes_seen(self) -> frozenset[str]:
        """The fields that the provider of at least one target may see."""
        return frozenset(field for target in self.targets for field in self.sees(target))

    def _residency(self, name: str, facts: RequestFacts) -> Residency:
        activation = known({**facts.values, **self.target_facts[name]}, targets=True)
        hidden = self._hidden(name, facts)
        decided = Residency(target=name, action="allow") if hidden is None else hidden
        shields: dict[str, dict[str, None]] = {action: {} for action in TRANSFORMS}
        for rule in self.residency_rules:
            found = _verdict(name, rule, rule.condition.ask(activation))
            if found is None:
                continue
            if found.action in shields:
                shields[found.action].update(dict.fromkeys(rule.spec.types or (EVERY,)))
            if decided.rule is None or SEVERITY[found.action] > SEVERITY[decided.action]:
                decided = found
        return _shielding(decided, shields["pseudonymise"], shields["mask"])

    def _hidden(self, name: str, facts: RequestFacts) -> Residency | None:
        """The denial of a target whose provider may not see a field that the request needs."""
        shown = self.sees(name)
        missing = [field for field in REQUIRED if field not in shown and facts.values.get(_SHOWS.get(field, ""), True)]
        if not missing:
            return None
        provider = self.targets[name].provider
        reason = f"the provider {provider} may not see {', '.join(missing)} of a request"
        return Residency(target=name, action="deny", rule=f"visibility:{provider}", reason=reason)


def permits(action: Action, target: Target) -> bool:
    """Whether a residency decision lets the target serve: `local_only` lets those that are not external."""
    return action != "deny" and (action != "local_only" or not target.external)


def stricter(data_class: DataClass, other: DataClass) -> bool:
    """Whether `data_class` is above `other`."""
    return _ORDER.index(data_class) > _ORDER.index(other)


def _shielding(decided: Residency, pseudonymise: Iterable[str], mask: Iterable[str]) -> Residency:
    """The decision with the types to hide; what is masked anyway is not given a pseudonym too."""
    masked = tuple(mask)
    if not masked and not pseudonymise:
        return decided
    replaced = () if EVERY in masked else tuple(kind for kind in pseudonymise if kind not in masked)
    return decided.model_copy(update={"pseudonymise": replaced, "mask": masked})


def _verdict(target: str, rule: CompiledRule, answer: bool | None) -> Residency | None:
    if answer is False:
        return None
    if answer is None:
        return Residency(target=target, action="deny", rule=rule.spec.id, reason=f"rule {rule.spec.id} has no answer")
    return Residency(target=target, action=rule.spec.action, rule=rule.spec.id, reason=rule.spec.reason)


def _mentioned(conditions: Iterable[Condition]) -> tuple[str, ...]:
    return tuple(sorted({name for c in conditions for name in c.names if name.startswith("req.")}))


def _remember(memory: dict[tuple[object, ...], V], key: tuple[object, ...], value: V) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
