"""How long one try of a call waits, and for what: for a connection, the first word, the next one, or the whole."""

import asyncio

from pipeline.adapters.patience import Patience
from pipeline.policy.models import Timeouts

__all__ = ["Limits"]


class Limits:
    """The one limit that runs at a time, never beyond the total, nor the total beyond the deadline."""

    __slots__ = ("_ends_at", "_for", "_loop", "_patience", "_total")

    def __init__(self, timeouts: Timeouts, ends_at: float) -> None:
        self._loop = asyncio.get_running_loop()
        allowed_at = self._loop.time() + timeouts.total
        self._total = timeouts.total if allowed_at < ends_at else None
        self._ends_at = min(allowed_at, ends_at)
        self._patience = Patience(self._ends_at)
        self._for: tuple[str, float] | None = None

    @property
    def scope(self) -> Patience:
        """What is awaited in it is limited."""
        return self._patience

    @property
    def waits_for(self) -> str:
        """The limit in force, in words."""
        if self._for is not None:
            return f"{self._for[1]:g} s for {self._for[0]}"
        return "the deadline" if self._total is None else f"{self._total:g} s for the whole answer"

    @property
    def now(self) -> float:
        """The time of the loop."""
        return self._loop.time()

    def expect_word(self, what: str, seconds: float | None, by: float) -> None:
        """Wait at most `seconds` for the first word, and not beyond `by`."""
        if by < self._ends_at:
            left = round(by - self._loop.time(), 3)
            seconds = left if seconds is None else min(seconds, left)
        if seconds is not None:
            self.expect(what, seconds)

    def expect(self, what: str, seconds: float | None) -> None:
        """From now on wait at most `seconds` for `what`; None: as long as the total allows."""
        at = self._ends_at if seconds is None else self._loop.time() + seconds
        if seconds is None or at >= self._ends_at:
            self._for, at = None, self._ends_at
        else:
            self._for = what, seconds
        self._patience.wait_until(at)
