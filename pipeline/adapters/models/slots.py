"""How many calls a target gets at a time from this worker, and who waits longer."""

import asyncio
from collections import deque

from pipeline.contracts import Lane

__all__ = ["Slots"]


class Slots:
    """A semaphore with two classes. Interactive calls go first, and batch calls leave one slot free for them.

    With a single slot batch may hold it: there is nothing to leave.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = {"interactive": 0, "batch": 0}
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {"interactive": deque(), "batch": deque()}

    @property
    def running(self) -> int:
        """Slots that are held now."""
        return self._held["interactive"] + self._held["batch"]

    def resize(self, size: int) -> None:
        """Hold `size` slots from now on; calls that run are let run."""
        if size != self._size:
            self._size = size
            self._wake()

    def free(self, lane: Lane) -> bool:
        """Whether a slot is free and nobody of the lane waits for it."""
        return not self._waiting[lane] and self._room(lane)

    def take(self, lane: Lane) -> bool:
        """Take a slot if one is free and nobody of the lane waits for it."""
        if self._waiting[lane] or not self._room(lane):
            return False
        self._held[lane] += 1
        return True

    def give_back(self, lane: Lane) -> None:
        """Return a slot that was taken or waited for."""
        self._held[lane] -= 1
        self._wake()

    def _room(self, lane: Lane) -> bool:
        free = self.running < self._size
        return free and (lane == "interactive" or self._size == 1 or self._held["batch"] < self._size - 1)

    async def wait(self, lane: Lane) -> None:
        """Wait for a slot and take it. A wait that is cancelled takes none."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(lane)  # the slot came, and the cancellation too
            elif turn in self._waiting[lane]:
                self._waiting[lane].remove(turn)
            raise

    def _wake(self) -> None:
        for lane in ("interactive", "batch"):
            waiting = self._waiting[lane]
            while waiting and self._room(lane):
                turn = waiting.popleft()
                if not turn.done():
                    self._held[lane] += 1
                    turn.set_result(None)
