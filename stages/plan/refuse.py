"""What a caller is told when nobody is eligible. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from pipeline.contracts import ErrorBody, Exclusion, Signals, TargetStanding
from pipeline.errors import (
    BudgetRefused,
    ContextTooLong,
    NoEligibleTarget,
    RateLimited,
    ResidencyRefused,
    TargetUnavailable,
    UnsupportedParameter,
)
from pipeline.policy import Policy
from pipeline.ports import RateVerdict

__all__ = ["over_the_rate", "refusal", "unsupported_by"]


def refusal(
    route: str,
    excluded: Sequence[Exclusion],
    rule: str | None,
    resets_s: float | None,
    standings: Mapping[str, TargetStanding],
    policy: Policy,
    *,
    ceiling: bool = False,
) -> ErrorBody:
    """Which condition excluded what, under the code of what a caller can do about it.

    Args:
        route: the route that would have served.
        excluded: who was left out, and why.
        rule: the residency rule that decided, where one did.
        resets_s: seconds until a used up budget begins anew, where one excluded somebody.
        standings: when a target that is left alone may be called again.
        policy: says how long that is, where nobody knows it.
        ceiling: what the caller pays at most was too little for somebody.
    """
    conditions = {exclusion.condition for exclusion in excluded}
    details = "; ".join(f"{e.target} ({e.condition}: {e.reason})" for e in excluded) or "all weights are 0"
    details += _CAPABILITIES if "capability" in conditions else ""
    code, start = _kind(route, conditions, ceiling=ceiling)
    waits = [_back_s(standings.get(e.target), policy) for e in excluded if e.condition == "health"]
    waits += [resets_s] if "budget" in conditions and resets_s is not None else []
    return ErrorBody(
        code=code,
        message=f"{start}: {details}",
        rule=rule,
        param="messages" if code == ContextTooLong.code else None,
        retry_after_s=min(waits, default=None),
    )


def unsupported_by(route: str, excluded: Sequence[Exclusion], signals: Signals, policy: Policy) -> ErrorBody | None:
    """That no target which might have served takes a field of the request; None: each is taken by some."""
    targets = [policy.targets[name] for name in dict.fromkeys(e.target for e in excluded)]
    for name in signals.passes:
        if not any(name in target.passes for target in targets):
            why = f"{name} is not supported: no target of the route {route} passes it on; leave it out"
            return ErrorBody(code=UnsupportedParameter.code, message=why, param=name)
    if signals.wants_logprobs and not any("logprobs" in target.capabilities for target in targets):
        why = f"logprobs is not supported: no target of the route {route} gives log-probabilities; leave it out"
        return ErrorBody(code=UnsupportedParameter.code, message=why, param="logprobs")
    return None


def _back_s(standing: TargetStanding | None, policy: Policy) -> float:
    known = standing.back_s if standing is not None else None
    return policy.limits.breaker.open if known is None else known


_CAPABILITIES = "; what a target can do, its `capabilities` in models.yaml say"
_LASTING = frozenset({"residency", "list", "preference", "capability"})
"""Conditions under which a target may not serve the request, however short, cheap or patient that is."""


def _kind(route: str, conditions: AbstractSet[str], *, ceiling: bool) -> tuple[str, str]:
    if conditions == {"residency"}:
        return ResidencyRefused.code, f"no target of the route {route} may see this data"
    passing = conditions - _LASTING
    if passing == {"context"}:
        return (
            ContextTooLong.code,
            f"the conversation is too long for every target of the route {route} that may serve it",
        )
    if passing == {"budget"}:
        return BudgetRefused.code, f"a budget is used up, and it leaves no target of the route {route} that may serve"
    if ceiling and passing <= {"budget", "price"}:
        return BudgetRefused.code, f"max_cost_usd pays for no target of the route {route}"
    if passing == {"health"}:
        return TargetUnavailable.code, f"every target of the route {route} that may serve it is down"
    return NoEligibleTarget.code, f"no target of the route {route} is eligible"


def over_the_rate(verdict: RateVerdict) -> ErrorBody:
    """The refusal of a request for which a rate limit leaves no room."""
    wait = verdict.retry_after_s
    when = f": try again in {wait:.0f} s" if wait is not None else ": try again later"
    return ErrorBody(
        code=RateLimited.code,
        message=f"the rate limit {verdict.exceeded} is used up{when}",
        rule=verdict.exceeded,
        retry_after_s=wait,
    )
