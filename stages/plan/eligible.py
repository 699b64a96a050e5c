"""Who may and can serve a request: the hard conditions, each a question with one answer. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Envelope, Exclusion, ImagePart, Request, Residency, Tier
from pipeline.policy import Policy, permits
from pipeline.policy.models import Target
from stages.plan.estimate import input_tokens, output_tokens, prompt_tokens, worst_cost_usd

__all__ = ["Judge"]

Hard = Literal["residency", "capability", "context", "price", "health"]


@dataclass(frozen=True, slots=True)
class _Case:
    """One variant for one request: all that the conditions look at."""

    request: Request
    target: Target
    residency: Residency | None
    healthy: bool
    tokens_in: int
    tokens_out: int

    @property
    def cost_usd(self) -> float | None:
        """What one call costs at most."""
        return worst_cost_usd(self.target, self.tokens_in, self.tokens_out)


def _residency(case: _Case) -> str | None:
    decided = case.residency
    if decided is None:
        return "the classification says nothing about it"
    return None if permits(decided.action, case.target) else f"rule {decided.rule}: {decided.reason}"


def _capability(case: _Case) -> str | None:
    missing = [wanted for wanted in _needs(case.request) if wanted not in case.target.capabilities]
    return f"it lacks {', '.join(missing)}" if missing else None


def _context(case: _Case) -> str | None:
    needed, window = case.tokens_in + case.tokens_out, case.target.context_window
    return None if needed <= window else f"about {needed} tokens do not fit into its window of {window}"


def _price(case: _Case) -> str | None:
    ceiling = case.request.budget.max_cost_usd
    if ceiling is None:
        return None
    cost = case.cost_usd
    if cost is None:
        return "its price is unknown, and the request has a ceiling"
    return None if cost <= ceiling else f"up to {cost:.6f} USD is above the ceiling of {ceiling:g}"


def _health(case: _Case) -> str | None:
    return None if case.healthy else "it takes no calls at the moment"


_CONDITIONS: Final[tuple[tuple[Hard, Callable[[_Case], str | None]], ...]] = (
    ("residency", _residency),
    ("capability", _capability),
    ("context", _context),
    ("price", _price),
    ("health", _health),
)
"""In this order, and the first that fails is the one that is told: what is forbidden is never called expensive."""


class Judge:
    """Says of each variant whether it may and can serve, judging it once, and keeps why not."""

    def __init__(self, envelope: Envelope, unhealthy: frozenset[str], policy: Policy) -> None:
        self._request = envelope.request
        self._residency = _decided(envelope)
        self._unhealthy = unhealthy
        self._policy = policy
        self._tokens_in = input_tokens(envelope.request)
        self._exclusions: dict[tuple[str, str], Exclusion] = {}
        self._verdicts: dict[str, bool] = {}

    @property
    def excluded(self) -> tuple[Exclusion, ...]:
        """Every target that was left out, once for each condition."""
        return tuple(self._exclusions.values())

    def rule(self) -> str | None:
        """The residency rule that excluded the first target that one excluded."""
        forbidden = (e.target for e in self.excluded if e.condition == "residency")
        decided = self._residency.get(next(forbidden, ""))
        return decided.rule if decided else None

    def takes(self, variant: str) -> bool:
        """Whether the variant is eligible."""
        known = self._verdicts.get(variant)
        if known is None:
            known = self._verdicts[variant] = self._judge(variant)
        return known

    def affordable(self, tiers: Sequence[Tier]) -> tuple[Tier, ...]:
        """The tiers whose worst costs together stay within the caller's money, from the first on."""
        ceiling = self._request.budget.max_cost_usd
        if ceiling is None:
            return tuple(tiers)
        kept: list[Tier] = []
        spent = 0.0
        for tier in tiers:
            total = spent + (self._case(tier.variant).cost_usd or 0.0)
            if total > ceiling:
                reason = f"up to {total:.6f} USD with the tiers before it is above the ceiling of {ceiling:g}"
                self._exclude(tier.target, "price", reason)
            else:
                kept.append(tier)
                spent = total
        return tuple(kept)

    def _judge(self, variant: str) -> bool:
        case = self._case(variant)
        for condition, fault in _CONDITIONS:
            reason = fault(case)
            if reason is not None:
                self._exclude(self._policy.variants[variant].target, condition, reason)
                return False
        return True

    def _exclude(self, target: str, condition: Hard, reason: str) -> None:
        exclusion = Exclusion(target=target, condition=condition, reason=reason)
        self._exclusions.setdefault((target, condition), exclusion)

    def _case(self, name: str) -> _Case:
        variant = self._policy.variants[name]
        target = self._policy.targets[variant.target]
        return _Case(
            request=self._request,
            target=target,
            residency=self._residency.get(variant.target),
            healthy=variant.target not in self._unhealthy,
            tokens_in=self._tokens_in + prompt_tokens(variant.system),
            tokens_out=output_tokens(self._request, variant, target),
        )


def _decided(envelope: Envelope) -> Mapping[str, Residency]:
    found = envelope.classification
    return {} if found is None else {decided.target: decided for decided in found.residency}


def _needs(request: Request) -> list[str]:
    needs = []
    if request.response_schema is not None:
        needs.append("json_schema")
    if request.tools:
        needs.append("tools")
    if any(_shows_image(message.content) for message in request.messages):
        needs.append("vision")
    return needs


def _shows_image(content: object) -> bool:
    return isinstance(content, tuple) and any(isinstance(part, ImagePart) for part in content)
