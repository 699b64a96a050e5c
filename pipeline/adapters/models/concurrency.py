"""How many calls a target bears at a time: Gradient2, as in Netflix's concurrency-limits.

With g = clamp(tolerance * long / short, 0.5, 1), the limit becomes 0.8 L + 0.2 (g L + sqrt L). What is measured is the
time to the first token where there is one, and otherwise the whole time for each token of the answer (with a constant
part for the question): the raw time of a call says how long the answer was, and not how busy the server is.
"""

from math import sqrt
from typing import Final

from pipeline.policy.models import Concurrency

__all__ = ["Gradient"]

_LONG: Final = 2.0 / 601.0
_SHORT: Final = 0.2
_SMOOTHING: Final = 0.2
_WARM_UP: Final = 10
_OVERLOADED: Final = 0.9
_CONSTANT_TOKENS: Final = 16
_RECOVER: Final = 0.95


class _Pace:
    """A slow and a fast mean of one kind of measurement."""

    __slots__ = ("count", "long", "short")

    def __init__(self) -> None:
        self.long = self.short = 0.0
        self.count = 0

    def note(self, value: float) -> float | None:
        """Take a value; the slow mean over the fast one, None while there are too few of them."""
        self.count += 1
        if self.count <= _WARM_UP:
            self.long += (value - self.long) / self.count
            self.short = self.long
            return None
        self.long += _LONG * (value - self.long)
        self.short += _SHORT * (value - self.short)
        if self.long > 2.0 * self.short:
            self.long *= _RECOVER  # it was slow for long and is no more: forget that sooner
        return self.long / self.short if self.short > 0 else None


class Gradient:
    """The limit of one target. It starts at the ceiling, the slots that the policy gives.

    Attributes:
        limit: calls at a time, as a number that grows and shrinks smoothly.
    """

    def __init__(self, rules: Concurrency, ceiling: int) -> None:
        self.limit = float(ceiling)
        self._rules = rules
        self._ceiling = ceiling
        self._paces = (_Pace(), _Pace())

    def update(self, rules: Concurrency, ceiling: int) -> None:
        """Follow the policy. A new ceiling starts anew."""
        if ceiling != self._ceiling:
            self._ceiling = ceiling
            self.limit = float(ceiling)
        self._rules = rules

    @property
    def slots(self) -> int:
        """Calls at a time."""
        if not self._rules.adaptive:
            return self._ceiling
        return max(min(self._rules.minimum, self._ceiling), min(self._ceiling, round(self.limit)))

    def answered(self, latency_ms: float, first_token_ms: float | None, tokens: int, running: int) -> None:
        """A call was answered while `running` calls ran, with so many tokens."""
        by_token = latency_ms / (_CONSTANT_TOKENS + tokens)
        ratio = self._paces[0].note(by_token) if first_token_ms is None else self._paces[1].note(first_token_ms)
        if ratio is None or running * 2 < self.limit:
            return  # with half of it in use, nothing shows whether the limit is right
        gradient = min(1.0, max(0.5, self._rules.tolerance * ratio))
        grown = gradient * self.limit + sqrt(self.limit)
        self._set((1.0 - _SMOOTHING) * self.limit + _SMOOTHING * grown)

    def overloaded(self) -> None:
        """The target said that it is too much, or ran out of time."""
        self._set(self.limit * _OVERLOADED)

    def _set(self, limit: float) -> None:
        self.limit = min(float(self._ceiling), max(float(min(self._rules.minimum, self._ceiling)), limit))
