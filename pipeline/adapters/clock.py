"""The clock and the dice of a real worker."""

import random
import time

__all__ = ["SystemClock", "SystemRandom"]


class SystemClock:
    """The machine's clocks: `now` gives Unix seconds, `monotonic` seconds that never go back.

    A request asks them seventy times, so that nothing of ours stands in between.
    """

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class SystemRandom:
    """The machine's randomness. Assignments never use it: they are hashes."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()
