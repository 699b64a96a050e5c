"""A policy set in force: resolved, compiled, and named by its revision. Pure and without a clock.

The same few combinations of facts occur again and again, and a condition sees nothing but facts; so answers are
remembered by the facts that the conditions mention (see `questions`). The memory is bounded and changes no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from pipeline.contracts import Cover, DataClass, Residency
from pipeline.policy.charging import CoverBook, RateBook
from pipeline.policy.compiled_parts import CompiledCover, CompiledRate, CompiledRoute, CompiledRule, RouteChoice
from pipeline.policy.facts import RequestFacts
from pipeline.policy.models import (
    BudgetSpec,
    EscalationCap,
    ExperimentSpec,
    Exposed,
    LimitsFile,
    Rate,
    ResidencyFile,
    Target,
    TenantSpec,
    Variant,
)
from pipeline.policy.pairs import Pairs
from pipeline.policy.routing import RouteBook
from pipeline.policy.scopes import RateHit
from pipeline.policy.verdicts import SEVERITY, ResidencyBook, permits, stricter

__all__ = ["SEVERITY", "CompiledRoute", "CompiledRule", "Policy", "RouteChoice", "permits", "stricter"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Policy:
    """All policies in force.

    Attributes:
        revision: the first 16 hex digits of SHA-256 over the canonical content; travels with every request.
        targets: models at endpoints, by name, with their addresses filled in from the environment.
        variants: ways of answering, by name; `system` holds the text also where that stands in a file of its own.
        routes: in the order in which they are asked; tiers on which an experiment runs have its variants.
        residency: the residency file as written.
        residency_rules: its rules, compiled.
        limits: the limits file.
        target_facts: what conditions see of each target.
        choose: whether the first route that matches takes a request, or the one with the highest score.
        record_metadata: keys of a request's metadata that a record may keep, besides task and language.
        covering: the budgets, and then the caps on escalations.
        metered: the rates.
        tenants: what is different for whom.
        experiments: all of them, also those that do not run.
        attached: prompts, schemas, tokenizers and the like, by their path in the folder.
        difficulty_file: which of `attached` holds the learned difficulty, if any does.
    """

    revision: str
    targets: Mapping[str, Target]
    variants: Mapping[str, Variant]
    routes: tuple[CompiledRoute, ...]
    residency: ResidencyFile
    residency_rules: tuple[CompiledRule, ...]
    limits: LimitsFile
    target_facts: Mapping[str, Mapping[str, object]]
    choose: Literal["first", "scored"] = "first"
    record_metadata: tuple[str, ...] = ()
    covering: tuple[CompiledCover, ...] = ()
    metered: tuple[CompiledRate, ...] = ()
    tenants: Mapping[str, TenantSpec] = field(default_factory=lambda: _NOTHING)
    experiments: Mapping[str, ExperimentSpec] = field(default_factory=lambda: _NOTHING)
    attached: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING, repr=False)
    difficulty_file: str | None = None

    # ------------------------------------------------------------ routes

    def route(self, name: str) -> CompiledRoute | None:
        """The route of this name."""
        return self._routes_by_name.get(name)

    def route_for(self, facts: RequestFacts) -> RouteChoice:
        """The first route that matches, or the best one. A condition or score without an answer does not match."""
        return self._route_book.choose(facts)

    def scores(self, facts: RequestFacts) -> dict[str, float | None]:
        """With `choose: scored`, the score of each route that matches."""
        return self._route_book.scores(facts)

    # ------------------------------------------------------------ residency

    @property
    def residency_facts(self) -> tuple[str, ...]:
        """The facts of a request on which residency decisions depend: those of the rules, and of visibility."""
        return self._residency_book.names

    def residency_actions(self, facts: RequestFacts) -> tuple[Residency, ...]:
        """What may happen with this data at each target; the strictest rule that holds decides, no rule allows.

        A rule without an answer denies under its own id, since what it protects is then unknown. The types that rules
        hide are those of all rules that hold. A target whose provider may not see a field that the request cannot do
        without is denied, by the rule `visibility:<provider>`.
        """
        return self._residency_book.actions(facts)

    def class_of(self, entity: str) -> DataClass:
        """The data class of a kind of personal data: the strictest that lists it, confidential when none does."""
        for name in ("restricted", "confidential", "internal"):
            if entity in self.residency.classes.get(name, ()):
                return name
        return "confidential"

    def sees(self, target: str) -> tuple[Exposed, ...]:
        """The fields of a request that the provider of `target` may see."""
        return self.residency.visibility.shown_to(self.targets[target].provider)

    def sometimes_seen(self) -> frozenset[str]:
        """The fields that the provider of at least one target may see."""
        return self._seen_somewhere

    @cached_property
    def _seen_somewhere(self) -> frozenset[str]:
        return frozenset(field for target in self.targets for field in self.sees(target))

    @cached_property
    def passes(self) -> frozenset[str]:
        """Names of fields that some target passes on to its model."""
        return frozenset[str]().union(*(target.passes for target in self.targets.values()))

    # ------------------------------------------------------------ money and limits

    @cached_property
    def budgets(self) -> tuple[BudgetSpec, ...]:
        """The budgets, in their order."""
        return tuple(part.spec for part in self.covering if isinstance(part.spec, BudgetSpec))

    @cached_property
    def escalations(self) -> tuple[EscalationCap, ...]:
        """The caps on escalations, in their order."""
        return tuple(part.spec for part in self.covering if isinstance(part.spec, EscalationCap))

    @cached_property
    def rates(self) -> tuple[Rate, ...]:
        """The rates, in their order."""
        return tuple(part.spec for part in self.metered)

    def budget(self, name: str) -> BudgetSpec | None:
        """The budget of this name. Budgets and caps have no name in common."""
        return self._budgets_by_name.get(name)

    def cap(self, name: str) -> EscalationCap | None:
        """The cap on escalations of this name."""
        return self._caps_by_name.get(name)

    def rate(self, name: str) -> Rate | None:
        """The rate of this name."""
        return self._rates_by_name.get(name)

    def covers(self, facts: RequestFacts, scope: Mapping[str, str]) -> tuple[Cover, ...]:
        """The budgets and caps that concern a request, and whose counter it is at each.

        A condition without an answer concerns it: what nobody can say is paid for. `scope` gives the values of tenant,
        key, user, route, lane and `tag.<name>`, those of users, keys and tags as keyed digests (see `scopes`).
        """
        return self._cover_book.covers(facts, scope)

    def rate_checks(self, facts: RequestFacts, scope: Mapping[str, str], tokens: int) -> tuple[RateHit, ...]:
        """The rates that concern a request, as `covers`; `tokens` is what it counts for."""
        return self._rate_book.hits(facts, scope, tokens)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Everything that a budget, a cap or a rate counts by."""
        by_all = [part.spec.by for part in self.covering] + [part.spec.by for part in self.metered]
        return frozenset(name for by in by_all for name in by)

    # ------------------------------------------------------------ tenants

    def tenant(self, name: str) -> TenantSpec:
        """What is different for a tenant; what holds for `default` where it is not named."""
        return self.tenants.get(name) or self.tenants.get("default") or _USUAL

    def variants_of(self, tenant: str) -> tuple[str, ...]:
        """The variants that requests of a tenant may name: not those that only stand in for others at other tenants."""
        spec = self.tenant(tenant)
        known = self._variants_by_spec.get(id(spec))
        if known is None:
            own = spec.variants.values()
            found = tuple([name for name in self.variants if name in own or name not in self._stand_ins])
            known = self._variants_by_spec[id(spec)] = (spec, found)
        return known[1]

    def user_tier(self, tenant: str, user: str | None) -> str | None:
        """The tier of a user, else of the tenant."""
        spec = self.tenant(tenant)
        return spec.user_tiers.get(user, spec.tier) if user is not None else spec.tier

    # ------------------------------------------------------------ memory

    @cached_property
    def acted_before(self) -> Pairs[tuple[Residency, ...]]:
        """`residency_actions` of a request and its classification, while both are on their way through this process."""
        return Pairs()

    def forget(self) -> None:
        """Empty the memory of answers."""
        for book in (self._route_book, self._residency_book, self._cover_book, self._rate_book):
            book.forget()

    def __post_init__(self) -> None:
        """Put the conditions together now rather than at the first request."""
        for book in (self._route_book, self._residency_book, self._cover_book, self._rate_book):
            book.forget()

    @cached_property
    def _routes_by_name(self) -> Mapping[str, CompiledRoute]:
        return {route.spec.name: route for route in self.routes}

    @cached_property
    def _budgets_by_name(self) -> Mapping[str, BudgetSpec]:
        return {spec.name: spec for spec in self.budgets}

    @cached_property
    def _caps_by_name(self) -> Mapping[str, EscalationCap]:
        return {spec.name: spec for spec in self.escalations}

    @cached_property
    def _rates_by_name(self) -> Mapping[str, Rate]:
        return {spec.name: spec for spec in self.rates}

    @cached_property
    def _variants_by_spec(self) -> dict[int, tuple[TenantSpec, tuple[str, ...]]]:
        """Filled by `variants_of`; there are as many as tenants in the files, and each holds what its id is of."""
        return {}

    @cached_property
    def _stand_ins(self) -> frozenset[str]:
        """Variants that serve nobody but tenants in whose files they take the place of others."""
        tiers = [tier for route in self.routes for tier in route.spec.tiers]
        served = {name for tier in tiers for name in (*tier.variants, *tier.fallbacks)}
        served.update(name for spec in self.experiments.values() for name in spec.variants)
        served.update(name for spec in self.budgets for name in spec.degrade_to)
        stand_ins = {name for spec in self.tenants.values() for name in spec.variants.values()}
        return frozenset(stand_ins - served)

    @cached_property
    def _route_book(self) -> RouteBook:
        return RouteBook(self.routes, self.choose)

    @cached_property
    def _residency_book(self) -> ResidencyBook:
        return ResidencyBook(self.targets, self.target_facts, self.residency.visibility, self.residency_rules)

    @cached_property
    def _cover_book(self) -> CoverBook:
        return CoverBook(self.covering)

    @cached_property
    def _rate_book(self) -> RateBook:
        return RateBook(self.metered)


_USUAL = TenantSpec()
