"""A call that ended, however it did, as an attempt with its cost. Pure.

What the endpoint reported counts, unless a call of its size cannot have used that; then what was set aside for it does.
That, what nobody reported, and what nobody waited for is our own estimate and says so.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pipeline.adapters.models.bounds import believable, within
from pipeline.adapters.models.chain import of_target
from pipeline.adapters.models.estimates import Size, lost_usage, spent_usage
from pipeline.adapters.models.settle import CallFailure, failed, succeeded
from pipeline.contracts import Attempt, Finding, Usage
from pipeline.errors import Cancelled, TargetTimeout
from pipeline.policy.models import Price
from pipeline.ports import Completion, Progress, Try

__all__ = ["Answered", "Calls", "attempt_of", "believed"]


@dataclass(slots=True)
class Calls:
    """How far the call of an attempt came, and the one beside it; None: there was none."""

    first: Progress = field(default_factory=Progress)
    beside: Progress | None = None


class Answered(NamedTuple):
    """A call that was answered.

    Attributes:
        answer: the answer that counts.
        found: personal data that it brought up.
        second: it is that of the call beside the first.
        also: the answer of the call beside the first, where both came at the same moment.
    """

    answer: Completion
    found: tuple[Finding, ...] = ()
    second: bool = False
    also: Completion | None = None


def attempt_of(
    what: dict[str, Any],
    outcome: Answered | CallFailure,
    calls: Calls,
    size: Size,
    price: Price | None,
    spent_ms: float,
) -> Attempt:
    """The attempt. `what` are the fields known before the call, `calls` tell how far it came."""
    if isinstance(outcome, Answered):
        return _answered(what, outcome, calls, size, price)
    stopped = isinstance(outcome, Cancelled | TargetTimeout)
    spent = spent_usage(calls.first, size, whole=stopped)
    fields = {**what, "of_target": of_target(outcome)}
    if calls.beside is not None:
        fields |= {"hedged": True, "hedge_usage": spent_usage(calls.beside, size, whole=True)}
        spent += fields["hedge_usage"]
    if not isinstance(outcome, Cancelled):
        outcome.charged = outcome.charged or bool(calls.first.lost) or spent != Usage()
    attempt = failed(fields, outcome, spent_ms, price, spent)
    return attempt.model_copy(update={"calls": _made(outcome, calls)})


def _made(outcome: CallFailure, calls: Calls) -> int:
    """Calls that went out and were not answered."""
    beside = calls.beside.calls if calls.beside is not None else 0
    told = 0 if isinstance(outcome, Cancelled) else outcome.calls
    return max(told, calls.first.calls) + beside


def believed(answer: Completion, size: Size) -> bool:
    """Whether nothing was reported, or what a call of this size can have used."""
    return not answer.usage_reported or believable(answer.usage, size)


def _answered(what: dict[str, Any], outcome: Answered, calls: Calls, size: Size, price: Price | None) -> Attempt:
    answer = outcome.answer
    told = believed(answer, size)
    used = answer.usage if told and answer.usage_reported else _used(answer, size)
    lost = lost_usage(calls.first, size)
    fields = {**what, "found": outcome.found}
    if calls.beside is not None:
        fields |= {"hedged": True, "hedge_usage": _of_second(outcome, used, calls.beside, size)}
        if outcome.second:
            lost = spent_usage(calls.first, size, whole=True) + (lost_usage(calls.beside, size) or Usage())
        else:
            lost = fields["hedge_usage"] + (lost or Usage())
    if not told:
        answer = replace(answer, usage_reported=False)
    attempt = succeeded(fields, answer, price, used, lost)
    if calls.beside is None:
        return attempt
    other = calls.first if outcome.second else calls.beside
    return attempt.model_copy(update={"calls": attempt.calls + other.calls})


def _of_second(outcome: Answered, used: Usage, beside: Progress, size: Size) -> Usage:
    """What the second call used: with its tries that were lost."""
    if not outcome.second:
        answered = _used(outcome.also, size) if outcome.also is not None else Usage()
        return answered + spent_usage(beside, size, whole=True)
    lost = lost_usage(beside, size)
    return used if lost is None else used + lost


def _used(answer: Completion, size: Size) -> Usage:
    """What an answer used: as reported, or as far as it can be counted."""
    if answer.usage_reported:
        return answer.usage if believed(answer, size) else within(answer.usage, size)
    written = sum(len(str(call.function)) for call in answer.tool_calls or ())
    written += len(answer.reasoning or "")
    told = Try(characters=len(answer.text or "") + written, pieces=len(answer.tokens or ()))
    return spent_usage(Progress(running=told), size, whole=False)
