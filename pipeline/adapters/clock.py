"""The clock and the dice of a real worker."""

import random
import time

__all__ = ["SystemClock", "SystemRandom"]


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SystemRandom:
    """The machine's randomness. Assignments never use it: they are hashes."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()
