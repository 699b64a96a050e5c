"""A call that ended, well or not, as an attempt with its cost. Pure."""

from collections.abc import Mapping
from typing import Any

from pipeline.contracts import Attempt, ErrorBody, Usage
from pipeline.errors import (
    Cancelled,
    StepwellError,
    TargetOverloaded,
    TargetRejected,
    TargetTimeout,
    TargetUnavailable,
)
from pipeline.policy.models import Price
from pipeline.policy.pricing import cost_usd, is_free
from pipeline.ports import Completion

__all__ = ["FAILURES", "CallFailure", "failed", "succeeded"]

CallFailure = TargetUnavailable | TargetTimeout | TargetOverloaded | TargetRejected | Cancelled
FAILURES = (TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected, Cancelled)
"""How a call may fail and still be an attempt that the record tells of."""
_SERVED = frozenset({"answer", "repair"})
"""Calls whose answer may reach the caller; what others reasoned is nobody's."""


def succeeded(
    what: Mapping[str, Any],
    completion: Completion,
    price: Price | None,
    spent: Usage | None = None,
    lost: Usage | None = None,
) -> Attempt:
    """The attempt for a call that was answered; `what` says which call it was.

    Args:
        what: fields of the attempt that are known before its call.
        completion: the answer.
        price: of the target; None: unknown, and then the cost is null.
        spent: our own estimate of the usage, taken where the endpoint did not report it.
        lost: our own estimate for tries that did not answer, and that the endpoint may charge for as well.
    """
    reported = completion.usage_reported
    usage = completion.usage if reported or spent is None else spent
    known = reported or spent is not None or is_free(price)
    if lost is not None:
        usage += lost
    return Attempt.model_construct(
        **{**what, "model": completion.model},
        text=completion.text,
        tool_calls=completion.tool_calls,
        reasoning=completion.reasoning if what.get("made_for", "answer") in _SERVED else None,
        finish_reason=completion.finish_reason,
        embeddings=completion.embeddings,
        tokens=completion.tokens,
        usage=usage,
        cost_usd=cost_usd(usage, price) if known else None,
        lost_usage=lost,
        lost_usd=cost_usd(lost, price) if lost is not None else None,
        estimated=(not reported and spent is not None) or lost is not None,
        calls=completion.calls,
        provider_batch=completion.provider_batch,
        latency_ms=round(completion.latency_ms, 3),
        first_token_ms=None if completion.first_token_ms is None else round(completion.first_token_ms, 3),
    )


def failed(
    what: Mapping[str, Any], error: CallFailure, spent_ms: float, price: Price | None, spent: Usage | None = None
) -> Attempt:
    """The attempt for a call that failed.

    Where the endpoint may charge for it, its cost is our own estimate, and says so: `spent` holds what was sent, in all
    tries that may be charged, and what had arrived. It is null where nobody knows the price, or gave no estimate.
    """
    charged = isinstance(error, Cancelled) or error.charged
    usage = spent if charged and spent is not None else Usage()
    return Attempt.model_construct(
        **what,
        usage=usage,
        cost_usd=_lost(usage if spent is not None else None, price) if charged else 0.0,
        estimated=charged and spent is not None,
        calls=1 if isinstance(error, Cancelled) else error.calls,
        latency_ms=round(spent_ms, 3),
        error=_body(error),
    )


def _lost(usage: Usage | None, price: Price | None) -> float | None:
    if usage is None:
        return 0.0 if is_free(price) else None
    return cost_usd(usage, price)


def _body(error: StepwellError) -> ErrorBody:
    return ErrorBody(
        code=error.code,
        message=error.message,
        rule=error.rule,
        param=error.param,
        retry_after_s=error.retry_after_s,
    )
