"""A limit of time that is set anew many times and seldom reached, as between the pieces of a stream.

`asyncio.timeout` makes and cancels a timer of the event loop each time it is moved. Here one timer rings at the
earliest limit that was set, and looks then whether a later one is in force.

A process that got no processor time is late itself, and what it waits for may lie in its sockets: some event loops ring
before they read. So a timer that rings late gives the loop a moment to read.
"""

import asyncio
from math import inf
from types import TracebackType
from typing import Final, Self

__all__ = ["Patience"]

_EARLY_S: Final = 0.001
"""What a timer may be early; the time of the loop is whole milliseconds."""
_LATE_S: Final = 0.25
"""A timer that is later than this tells of this process, not of what it waits for."""
_MOMENT_S: Final = 0.05
"""What the loop then has to read what came meanwhile."""


class Patience:
    """`with Patience() as patience:` bounds what is awaited inside, by whatever limit is in force at that moment.

    Leaving by the limit raises `TimeoutError`; another cancellation is passed on. Of one task, and used once.
    """

    __slots__ = ("_cancelling", "_late", "_loop", "_rings_at", "_task", "_timer", "until")

    def __init__(self, until: float = inf) -> None:
        """`until`: the first limit, in the time of the loop."""
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._cancelling = 0
        self._late = False
        self.until = until

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("who waits is no task")
        self._task, self._cancelling = task, task.cancelling()
        self.wait_until(self.until)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        if self._late and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def wait(self, seconds: float) -> None:
        """From now on so many seconds."""
        self.wait_until(self._loop.time() + seconds)

    def wait_until(self, until: float) -> None:
        """From now on until then, in the time of the loop."""
        self.until = until
        if until < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at, self._timer = until, self._loop.call_at(until, self._ring)

    def rest(self) -> None:
        """From now on without a limit."""
        self.until = inf

    def _ring(self) -> None:
        planned, self._rings_at, self._timer = self._rings_at, inf, None
        if self._task is None:
            return
        if self._loop.time() - planned > _LATE_S:
            self.wait_until(max(self.until, self._loop.time() + _MOMENT_S))
            return
        if self.until - self._loop.time() > _EARLY_S:
            if self.until < inf:
                self.wait_until(self.until)
            return
        self._late = True
        self._task.cancel()
