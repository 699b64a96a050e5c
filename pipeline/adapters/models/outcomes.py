"""A call that ended, however it did, as an attempt with its cost. Pure.

What the endpoint reported counts; what it did not report, or what nobody waited for, is our own estimate and says so.
"""

from typing import Any, NamedTuple

from pipeline.adapters.models.chain import of_target
from pipeline.adapters.models.estimates import Size, lost_usage, spent_usage
from pipeline.adapters.models.settle import CallFailure, failed, succeeded
from pipeline.contracts import Attempt, Finding, Usage
from pipeline.errors import Cancelled, TargetTimeout
from pipeline.policy.models import Price
from pipeline.ports import Completion, Progress, Try

__all__ = ["Answered", "Beside", "attempt_of"]


class Beside(NamedTuple):
    """A second call that was made beside the first.

    Attributes:
        progress: how far it came.
        won: the answer is its own.
        also: the first call's answer won, and this is the second one's.
    """

    progress: Progress
    won: bool
    also: Completion | None = None


class Answered(NamedTuple):
    """A call that was answered: with what personal data the answer brought up, and what was called beside it."""

    answer: Completion
    found: tuple[Finding, ...] = ()
    beside: Beside | None = None


def attempt_of(
    what: dict[str, Any],
    outcome: Answered | CallFailure,
    progress: Progress,
    size: Size,
    price: Price | None,
    spent_ms: float,
) -> Attempt:
    """The attempt. `what` are the fields known before the call, `progress` tells how far the (first) call came."""
    if not isinstance(outcome, Answered):
        return _failed(what, outcome, progress, size, price, spent_ms)
    used = _used(outcome.answer, size)
    lost = lost_usage(progress, size)
    beside = outcome.beside
    fields = {**what, "found": outcome.found}
    if beside is not None:
        stopped = spent_usage(progress if beside.won else beside.progress, size, whole=True)
        fields |= {"hedged": True, "hedge_usage": _of_second(beside, used, stopped, size)}
        other = stopped if beside.won else fields["hedge_usage"]
        lost = other if beside.won or lost is None else lost + other
    return succeeded(fields, outcome.answer, price, used, lost)


def _failed(
    what: dict[str, Any], error: CallFailure, progress: Progress, size: Size, price: Price | None, spent_ms: float
) -> Attempt:
    if progress.lost and not isinstance(error, Cancelled):
        error.charged = True
    stopped = isinstance(error, Cancelled | TargetTimeout)
    fields = {**what, "of_target": of_target(error)}
    return failed(fields, error, spent_ms, price, spent_usage(progress, size, whole=stopped))


def _of_second(beside: Beside, used: Usage, stopped: Usage, size: Size) -> Usage:
    """What the second call used."""
    if beside.won:
        return used
    return _used(beside.also, size) if beside.also is not None else stopped


def _used(answer: Completion, size: Size) -> Usage:
    """What an answer used: as reported, or as far as it can be counted."""
    if answer.usage_reported:
        return answer.usage
    written = sum(len(str(call.function)) for call in answer.tool_calls or ())
    told = Try(characters=len(answer.text or "") + written, pieces=len(answer.tokens or ()))
    return spent_usage(Progress(running=told), size, whole=False)
