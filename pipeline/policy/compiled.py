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
from pipeline.policy.models import LimitsFile, ResidencyFile, ResidencyRule, Route, Target, Variant

__all__ = ["CompiledRoute", "CompiledRule", "Policy", "RouteChoice", "permits"]

_SEVERITY: Final[Mapping[Action, int]] = {"allow": 0, "local_only": 1, "deny": 2}
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
        object.__setattr__(self, "_residency_names", _mentioned(rule.condition for rule in self.residency_rules))

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

        A rule without an answer denies under its own id, since what it protects is then unknown.
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

    def _residency(self, name: str, facts: RequestFacts) -> Residency:
        activation = known({**facts.values, **self.target_facts[name]}, targets=True)
        decided = Residency(target=name, action="allow")
        for rule in self.residency_rules:
            found = _verdict(name, rule, rule.condition.ask(activation))
            if found is not None and (decided.rule is None or _SEVERITY[found.action] > _SEVERITY[decided.action]):
                decided = found
        return decided


def permits(action: Action, target: Target) -> bool:
    """Whether a residency decision lets the target serve: `local_only` lets those that are not external."""
    return action == "allow" or (action == "local_only" and not target.external)


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
