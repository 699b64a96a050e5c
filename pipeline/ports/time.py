"""The time and chance, as arguments."""

from typing import Protocol

__all__ = ["Clock", "Random"]


class Clock(Protocol):
    """The time. An argument everywhere, so that tests own it."""

    def now(self) -> float:
        """Wall-clock time in Unix seconds, for records and deadlines that travel."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back, for durations."""
        ...


class Random(Protocol):
    """Chance, as an argument."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...
