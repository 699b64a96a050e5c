"""In a process that serves both lanes, the lane of batches yields: its slots follow the lag of the event loop.

Nobody looks while there is no batch work, so that interactive work alone costs nothing more.
"""

import asyncio
import time

from pipeline.contracts import Lane
from pipeline.transport.nats.pull import Puller
from pipeline.transport.share import LOOK_S, Share

__all__ = ["Yielding"]


class Yielding:
    """Looks at the lag of the loop while batch work is in hand, and limits those who pull it."""

    def __init__(self) -> None:
        self._interactive: list[Puller] = []
        self._batch: list[tuple[Puller, Share]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._taken = 0

    def add(self, lane: Lane, puller: Puller, slots: int) -> None:
        """One who pulls, with the slots that it may use at most."""
        if lane == "interactive":
            self._interactive.append(puller)
        else:
            self._batch.append((puller, Share(slots)))

    def begun(self) -> None:
        """Batch work was taken. Where no interactive work is served, it yields to nobody here."""
        if self._timer is None and self._interactive:
            self._wait()

    def _wait(self) -> None:
        self._due = time.monotonic() + LOOK_S
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        now = time.monotonic()  # the time of uvloop stands still within a turn, and is whole milliseconds
        taken = sum(puller.taken for puller in self._interactive)
        hurry = taken != self._taken or any(puller.busy for puller in self._interactive)
        self._taken = taken
        more = False
        for puller, share in self._batch:
            puller.limit(share.look(now, now - self._due, hurry=hurry, busy=puller.busy))
            more = more or puller.busy > 0 or not share.whole
        self._timer = None
        if more:
            self._wait()

    def stop(self) -> None:
        """Look no more."""
        self._interactive = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
