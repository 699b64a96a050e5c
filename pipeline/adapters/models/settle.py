"""A call that ended, well or not, as an attempt with its cost. Pure."""

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.models.pricing import cost_usd
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
from pipeline.ports import Completion

__all__ = ["FAILURES", "CallFailure", "failed", "succeeded"]

CallFailure = TargetUnavailable | TargetTimeout | TargetOverloaded | TargetRejected | Cancelled
FAILURES = (TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected, Cancelled)
"""How a call may fail and still be an attempt that the record tells of."""


def succeeded(what: Mapping[str, Any], completion: Completion, price: Price | None) -> Attempt:
    """The attempt for a call that was answered; `what` says which call it was."""
    known = completion.usage_reported or _free(price)
    return Attempt.model_construct(
        **{**what, "model": completion.model},
        text=completion.text,
        tool_calls=completion.tool_calls,
        finish_reason=completion.finish_reason,
        tokens=completion.tokens,
        usage=completion.usage,
        cost_usd=cost_usd(completion.usage, price) if known else None,
        calls=completion.calls,
        latency_ms=round(completion.latency_ms, 3),
        first_token_ms=None if completion.first_token_ms is None else round(completion.first_token_ms, 3),
    )


def failed(what: Mapping[str, Any], error: CallFailure, spent_ms: float, price: Price | None) -> Attempt:
    """The attempt for a call that failed. Its cost is null when the endpoint may charge and nobody knows how much."""
    charged = isinstance(error, Cancelled) or error.charged
    return Attempt.model_construct(
        **what,
        usage=Usage(),
        cost_usd=None if charged and not _free(price) else 0.0,
        calls=1 if isinstance(error, Cancelled) else error.calls,
        latency_ms=round(spent_ms, 3),
        error=_body(error),
    )


def _free(price: Price | None) -> bool:
    return price is not None and not (price.input or price.output or price.cached_input)


def _body(error: StepwellError) -> ErrorBody:
    return ErrorBody(
        code=error.code,
        message=error.message,
        rule=error.rule,
        param=error.param,
        retry_after_s=error.retry_after_s,
    )
