"""A call whose request was stopped while it ran, as a call that ended."""

import asyncio
from typing import Final

from pipeline.adapters.models.settle import CallFailure
from pipeline.errors import Cancelled, TargetTimeout

__all__ = ["taken_back"]

_REASONS: Final = frozenset({"cancelled", "expired"})


def taken_back(stopped: asyncio.CancelledError) -> CallFailure:
    """Why the request was stopped, as the end of its call. A worker that stops says no reason: that is no end of it.

    The runner names the reason when it stops a stage. Who swallows a cancellation takes it back from its task.
    """
    reason = stopped.args[0] if stopped.args else None
    task = asyncio.current_task()
    if reason not in _REASONS or task is None:
        raise stopped
    task.uncancel()
    if reason == "cancelled":
        return Cancelled("the caller took the request back")
    late = TargetTimeout("the deadline passed while the model was working")
    late.charged = True
    return late
