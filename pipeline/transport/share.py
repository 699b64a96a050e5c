"""What the lane of batches may have of a process that serves interactive work too: less while its loop is late.

Additive increase, multiplicative decrease, as of a window of TCP. What is late is known by a timer, and it is late for
everybody: an interactive request waits as long at each of its steps.
"""

from typing import Final

__all__ = ["LATE_S", "LOOK_S", "Share"]

LOOK_S: Final = 0.05
"""How often somebody looks."""
LATE_S: Final = 0.005
"""A loop that is later than this keeps an interactive request waiting: it has some twenty steps to make."""
HURRY_S: Final = 1.0
"""So long after interactive work was in hand, more of it is expected."""
STEP_S: Final = 0.25
"""While interactive work is in hand, one more slot is tried so often."""


class Share:
    """The slots of the lane of batches, between one and `most`."""

    __slots__ = ("_hurried_at", "_most", "_raised_at", "slots")

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self.slots = self._most
        self._hurried_at = float("-inf")
        self._raised_at = float("-inf")

    @property
    def whole(self) -> bool:
        """Whether nothing is held back."""
        return self.slots == self._most

    def look(self, now: float, late: float, *, hurry: bool, busy: int) -> int:
        """The slots from now on.

        Args:
            now: seconds of a clock that never goes back.
            late: how many seconds too late the loop came to look.
            hurry: whether interactive work is in hand, or was since the last look.
            busy: slots that are taken: of those that nobody uses, giving up half would change nothing.
        """
        if hurry:
            self._hurried_at = now
        if now - self._hurried_at > HURRY_S:
            self.slots = min(self._most, self.slots * 2)
        elif late > LATE_S:
            self.slots = max(1, min(self.slots, busy) // 2)
            self._raised_at = now
        elif busy >= self.slots and now - self._raised_at >= STEP_S:
            self.slots = min(self._most, self.slots + 1)
            self._raised_at = now
        return self.slots
