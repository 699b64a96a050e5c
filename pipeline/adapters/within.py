"""A bound on waiting, for what every request does several times: `asyncio.timeout` with one timer for all who wait.

That makes and cancels a timer of the event loop each time, which costs as much as the question it bounds. Here those
who wait for the same time stand in a row, and one timer looks at the first of them.

A loop that is late has not handed on what came meanwhile: where the timer itself comes late, who waits gets the time by
which it was late once more, `EXCUSED` times at most. Otherwise a busy process would take its own slowness for that of
whom it asked.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final, Self

__all__ = ["EXCUSED", "LATE_S", "Within"]

LATE_S: Final = 0.002
"""A timer that comes later than that says that its loop is busy."""
EXCUSED: Final = 4
"""How often somebody is let wait on since the loop was late."""


class _Turn:
    """One who waits. Leaving by the bound raises `TimeoutError`; another cancellation is passed on."""

    __slots__ = ("_cancelling", "_row", "_task", "excused", "late", "until")

    def __init__(self, row: "Within") -> None:
        self._row = row
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.until = 0.0
        self.late = False
        self.excused = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("who waits is no task")
        self._task, self._cancelling = task, task.cancelling()
        self._row.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._row.end()
        if self.late and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    @property
    def over(self) -> bool:
        """Whether it waits no more."""
        return self._task is None

    def interrupt(self) -> None:
        """It waited for too long."""
        if self._task is not None:
            self.late = True
            self._task.cancel()


class Within:
    """`with within():` bounds what is awaited inside to so many seconds. Belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._row: deque[_Turn] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> _Turn:
        """The bound, for a `with` block inside a task. It raises `TimeoutError` where the time is over."""
        return _Turn(self)

    def begin(self, turn: _Turn) -> None:
        """Somebody waits from now on."""
        loop = asyncio.get_running_loop()
        turn.until = loop.time() + self.seconds
        self._row.append(turn)
        if self._timer is None:
            self._timer = loop.call_at(turn.until, self._look)

    def end(self) -> None:
        """Somebody waits no more: leave out those at the front."""
        row = self._row
        while row and row[0].over:
            row.popleft()

    def _look(self) -> None:
        self._timer = None
        loop, row, excused = asyncio.get_running_loop(), self._row, []
        now = loop.time()
        while row and (row[0].over or row[0].until <= now):
            turn = row.popleft()
            late_s = now - turn.until
            if turn.over or late_s < LATE_S or turn.excused >= EXCUSED:
                turn.interrupt()
            else:
                turn.excused, turn.until = turn.excused + 1, now + min(late_s, self.seconds)
                excused.append(turn)
        if excused:
            self._row = deque(sorted((*excused, *row), key=_until))
        if self._row:
            self._timer = loop.call_at(self._row[0].until, self._look)


def _until(turn: _Turn) -> float:
    return turn.until
