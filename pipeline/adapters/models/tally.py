"""What one worker saw of one target: answers and failures of the last seconds, and how long they took."""

from typing import Final

__all__ = ["HALF_LIFE_S", "Tally"]

HALF_LIFE_S: Final = 10.0
"""A call so many seconds ago counts half."""
_MOST: Final = 50.0
_SHARE: Final = 0.1


class Tally:
    """Counts with decay, and means that follow the last ten calls. Times of day in Unix seconds.

    Attributes:
        calls, failures: of the last seconds.
        streak: failures since the last answer.
        heard_at: when the target last answered or failed; 0: never.
        well_at: when it last answered; 0: never.
        first_token_ms, latency_ms: means; None: not measured.
        measured: how many calls stand behind the means, at most fifty.
    """

    __slots__ = ("_calls", "_failures", "first_token_ms", "heard_at", "latency_ms", "measured", "streak", "well_at")

    def __init__(self) -> None:
        self._calls = 0.0
        self._failures = 0.0
        self.streak = 0
        self.heard_at = 0.0
        self.well_at = 0.0
        self.first_token_ms: float | None = None
        self.latency_ms: float | None = None
        self.measured = 0.0

    def answered(self, now: float, latency_ms: float, first_token_ms: float | None) -> None:
        """The target answered."""
        self._age(now)
        self.well_at = now
        self.streak = 0
        self.measured = min(_MOST, self.measured + 1.0)
        self.latency_ms = _mean(self.latency_ms, latency_ms)
        if first_token_ms is not None:
            self.first_token_ms = _mean(self.first_token_ms, first_token_ms)

    def failed(self, now: float) -> None:
        """The target failed, in any way that is its own."""
        self._age(now)
        self._failures += 1.0
        self.streak += 1

    def counts(self, now: float) -> tuple[float, float]:
        """Calls and failures of the last seconds, as they count now."""
        share = 2.0 ** (-max(0.0, now - self.heard_at) / HALF_LIFE_S)
        return round(self._calls * share, 3), round(self._failures * share, 3)

    def _age(self, now: float) -> None:
        share = 2.0 ** (-max(0.0, now - self.heard_at) / HALF_LIFE_S)
        self._calls = self._calls * share + 1.0
        self._failures *= share
        self.heard_at = now


def _mean(before: float | None, value: float) -> float:
    return value if before is None else before + _SHARE * (value - before)
