"""What may stop a request on its way: its deadline, and the caller who takes it back."""

import asyncio
from typing import Final, Literal

from pipeline.contracts import Envelope
from pipeline.errors import Cancelled, DeadlineExceeded
from pipeline.ports import Outcome
from pipeline.runner.endings import ended

__all__ = ["Watch"]

_AGAIN_S: Final = 0.002
"""How long whoever rang in the same moment has to be done."""


class Watch:
    """Over one message on its way to the last stage: interrupts the stage at the deadline or when it is cancelled."""

    def __init__(self, envelope: Envelope, now: float) -> None:
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = self._waited = False
        self.reason: Literal["", "expired", "cancelled"] = ""
        left = envelope.deadline_at - now
        if left <= 0:
            self.reason = "expired"
        else:
            self._timer = asyncio.get_running_loop().call_later(left, self.interrupt, "expired")

    def interrupt(self, reason: Literal["expired", "cancelled"]) -> None:
        """Stop the stage that runs now.

        Of two cancellations in one turn of the loop a task hears the first alone, without the reason of the second: a
        limit of time that has just rung, for instance of the call under way, is left to end what it is for.
        """
        if self._ended or self.reason or self._task is None:
            return
        if self._task.cancelling() and not self._waited:
            self._waited = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(_AGAIN_S, self.interrupt, reason)
            return
        self.reason = reason
        self._task.cancel(reason)

    def outcome(self, envelope: Envelope) -> Outcome:
        """How the request ends."""
        if self._task is not None and self._task.cancelling():
            self._task.uncancel()
        if self.reason == "cancelled":
            return ended("cancelled", Cancelled("the caller took the request back"))
        return _expired(envelope)

    def end(self) -> None:
        """Watch no longer."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()


def _expired(envelope: Envelope) -> Outcome:
    allowed = round(envelope.deadline_at - envelope.received_at, 3)
    return ended("expired", DeadlineExceeded(f"the deadline of {allowed:g} s passed before the answer was there"))
