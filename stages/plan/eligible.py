"""Who may and can serve a request, and why not who cannot. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pipeline.contracts import Exclusion, Residency, Signals, Snapshot
from pipeline.contracts.trusted import trusted
from pipeline.policy import Policy
from pipeline.policy.models import Route, TenantSpec
from pipeline.signals.estimate import output_tokens, prompt_tokens
from stages.plan.budgets import Degrade
from stages.plan.conditions import Case, Cut, Hard, asked_of, too_much, trouble_of
from stages.plan.wishes import Wishes

__all__ = ["Judge"]

_prompt_tokens = lru_cache(maxsize=1024)(prompt_tokens)
"""A policy has few prompts, and each is counted for every request."""


class Judge:
    """Says of each variant whether it may and can serve, judging it once, and keeps why not.

    `by_money`: the variants that a budget, or the caller's own ceiling, took away. `outliers`: how the targets fare
    that are called only where nobody else can be.
    """

    def __init__(
        self,
        signals: Signals,
        residency: Sequence[Residency],
        snapshot: Snapshot,
        policy: Policy,
        route: Route,
        wishes: Wishes,
        degrade: Degrade,
    ) -> None:
        self._signals = signals
        self._residency: Mapping[str, Residency] = {decided.target: decided for decided in residency}
        self._standings = snapshot.targets
        self._policy = policy
        self._route = route
        self._wishes = wishes
        self._degrade = degrade
        self._first = degrade.first
        self._tells_apart = self._first != degrade.rests
        self.tenant: TenantSpec = policy.tenant(signals.tenant)
        self._conditions = asked_of(signals, route, self.tenant, wishes, degrades=bool(degrade.rests))
        self._encoder = _encoder(route, policy) if signals.embeds else None
        self.outliers = {name: at for name, at in snapshot.targets.items() if at.why == "outlier" and not at.healthy}
        self.by_money: dict[str, Cut] = {}
        self._cases: dict[str, Case] = {}
        self._verdicts: dict[tuple[str, bool], bool] = {}
        self._exclusions: dict[tuple[str, str], Exclusion] = {}

    @property
    def excluded(self) -> tuple[Exclusion, ...]:
        """Every target that was left out, once for each condition."""
        return tuple(self._exclusions.values())

    def rule(self) -> str | None:
        """The residency rule that excluded the first target that one excluded."""
        forbidden = (e.target for e in self.excluded if e.condition == "residency")
        decided = self._residency.get(next(forbidden, ""))
        return decided.rule if decided else None

    def takes(self, variant: str, *, deeper: bool = False) -> bool:
        """Whether the variant is eligible; `deeper`: as an escalation, for which budgets of their own may count."""
        key = (variant, deeper and self._tells_apart)
        known = self._verdicts.get(key)
        if known is None:
            known = self._verdicts[key] = self._judge(variant, deeper)
        return known

    def embeds(self, variant: str) -> bool:
        """Whether it may make the vector of the last question. What it is asked for is no answer, and short."""
        case = self.case(variant)
        case.rests = self._first
        for condition, fault in self._conditions:
            reason = fault(case) if condition not in ("capability", "context") else None
            if reason is not None:
                self.exclude(case.name, condition, reason)
                return False
        return "embedding" in case.target.capabilities

    def stands_out(self, variant: str) -> bool:
        """Whether the target does so much worse than those beside it that one of them is called where one can be."""
        return self._policy.variants[variant].target in self.outliers

    def spare(self, variants: Iterable[str]) -> None:
        """Keep that these are left out as outliers."""
        for name in dict.fromkeys(self._policy.variants[variant].target for variant in variants):
            self.exclude(name, "health", trouble_of(self.outliers[name]))

    def case(self, variant: str) -> Case:
        """The sizes and costs of a call of this variant."""
        known = self._cases.get(variant)
        if known is None:
            known = self._cases[variant] = self._case(variant)
        return known

    def exclude(self, target: str, condition: Hard, reason: str) -> None:
        """Keep why a target is left out, unless the same condition did so before."""
        key = (target, condition)
        if key not in self._exclusions:
            found = {"target": target, "condition": condition, "reason": reason}
            self._exclusions[key] = trusted(Exclusion, found)

    def _judge(self, variant: str, deeper: bool) -> bool:
        case = self.case(variant)
        case.rests = self._degrade.rests if deeper else self._first
        for condition, fault in self._conditions:
            reason = fault(case)
            if reason is not None:
                self.exclude(case.name, condition, reason)
                self._note_money(case, condition)
                return False
        return True

    def _note_money(self, case: Case, condition: Hard) -> None:
        if condition == "budget":
            self.by_money[case.variant] = "budget"
        elif condition == "price" and too_much(case) is not None:
            self.by_money[case.variant] = "max_cost"

    def _case(self, variant: str) -> Case:
        spec = self._policy.variants[variant]
        name = spec.target
        target = self._policy.targets[name]
        signals = self._signals
        tokens_in = signals.counted.get(name, signals.tokens) + _prompt_tokens(spec.system)
        tokens_out = 0
        if not signals.embeds:
            tokens_out = output_tokens(signals.max_tokens, spec.parameters.max_tokens, target.max_output_tokens)
        return Case(
            signals,
            self._route,
            self.tenant,
            self._wishes,
            variant,
            name,
            target,
            self._residency.get(name),
            self._standings.get(name),
            tokens_in,
            tokens_out,
            encoder=self._encoder,
        )


def _encoder(route: Route, policy: Policy) -> str | None:
    """The encoder of a route: that of the first variant it names."""
    names = (name for tier in route.tiers for name in tier.variants)
    first = policy.variants.get(next(names, ""))
    return policy.targets[first.target].encoder if first is not None else None
