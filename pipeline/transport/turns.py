"""Whose turn it is: what was pulled ahead from the rows of a lane, and in which order it is served."""

from collections import deque
from typing import Final, Generic, TypeVar

__all__ = ["Turns"]

T = TypeVar("T")

FRONT: Final = 3
"""Turns of the front row for each turn of another one, while both have something."""


class Turns(Generic[T]):
    """Rows of what waits here. The front one has three turns of four, the others go round."""

    def __init__(self, rows: int) -> None:
        self._rows: tuple[deque[T], ...] = tuple(deque() for _ in range(1 + rows))
        self._since = 0
        """Turns of the front row since another one had its turn."""
        self._last = 0
        self.waiting = 0

    def held(self, row: int) -> int:
        """How many of a row wait here."""
        return len(self._rows[row])

    def put(self, row: int, item: T) -> None:
        """The last of its row."""
        self._rows[row].append(item)
        self.waiting += 1

    def take(self) -> T:
        """The next one; there has to be one."""
        front = self._rows[0]
        others = self.waiting - len(front)
        self.waiting -= 1
        if front and (not others or self._since < FRONT):
            self._since += 1
            return front.popleft()
        self._since = 0
        while True:
            self._last = self._last % (len(self._rows) - 1) + 1
            if self._rows[self._last]:
                return self._rows[self._last].popleft()

    def everything(self) -> list[T]:
        """What waits, row by row."""
        return [item for row in self._rows for item in row]

    def clear(self) -> list[T]:
        """Nothing waits any more; what did."""
        left = self.everything()
        for row in self._rows:
            row.clear()
        self.waiting = 0
        return left
