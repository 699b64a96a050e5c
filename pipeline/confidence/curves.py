"""Curves from a score to a probability. Pure, increasing, and plain Python where they are applied.

Platt: σ(slope · ln(s / (1 - s)) + intercept), J. Platt, "Probabilistic Outputs for Support Vector Machines" (1999).
Beta: σ(a · ln s - b · ln(1 - s) + c), M. Kull and others, "Beta calibration" (2017); with a = b it is Platt's.
Isotonic: straight lines between knots; the averages of B. Zadrozny and C. Elkan, "Transforming classifier scores into
accurate multiclass probability estimates" (2002).
Moved: Platt's curve over what another curve says: a segment with few labels bends the curve of its parent so.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, log
from typing import Any, Final, Protocol

__all__ = ["CLIP", "Beta", "BrokenCurve", "Curve", "Isotonic", "Moved", "Platt", "log_odds", "read_curve", "sigmoid"]

CLIP: Final = 1e-6
"""How near a score or a probability counts to 0 or 1; at 0 and 1 themselves the log-odds are without bound."""
_LARGEST: Final = 100.0
_MOST_KNOTS: Final = 2000
_DEEPEST: Final = 4


class BrokenCurve(ValueError):
    """What was read is no curve; says why in a few words that begin with the key."""


class Curve(Protocol):
    """Any of the curves."""

    def probability(self, score: float) -> float:
        """How often an answer of this score, from 0 to 1, suffices; within `CLIP` of 0 and 1."""

    def document(self) -> dict[str, Any]:
        """The curve as JSON holds it, see `read_curve`."""


@dataclass(frozen=True, slots=True)
class Platt:
    """A straight line between log-odds. Slope 1 and intercept 0 change nothing."""

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, score: float) -> float:
        """See `Curve`."""
        return _clipped(sigmoid(self.slope * log_odds(score) + self.intercept))

    def document(self) -> dict[str, Any]:
        """See `Curve`."""
        return {"kind": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class Beta:
    """Platt's curve with a slope of its own at either end; `a` and `b` are not negative."""

    a: float
    b: float
    c: float

    def probability(self, score: float) -> float:
        """See `Curve`."""
        inside = _clipped(score)
        return _clipped(sigmoid(self.a * log(inside) - self.b * log(1.0 - inside) + self.c))

    def document(self) -> dict[str, Any]:
        """See `Curve`."""
        return {"kind": "beta", "a": self.a, "b": self.b, "c": self.c}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Straight lines between the points (x, y); x increases strictly and y does not decrease."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def probability(self, score: float) -> float:
        """See `Curve`."""
        x, y = self.x, self.y
        place = bisect_right(x, score)
        if place == 0:
            return _clipped(y[0])
        if place == len(x):
            return _clipped(y[-1])
        left, right = x[place - 1], x[place]
        low, high = y[place - 1], y[place]
        # Between its two ends even where the division was rounded: the curve must not bend back.
        return _clipped(min(high, low + (high - low) * ((score - left) / (right - left))))

    def document(self) -> dict[str, Any]:
        """See `Curve`."""
        return {"kind": "isotonic", "x": list(self.x), "y": list(self.y)}


@dataclass(frozen=True, slots=True)
class Moved:
    """Platt's curve over the probability of another one."""

    base: Curve
    slope: float
    intercept: float

    def probability(self, score: float) -> float:
        """See `Curve`."""
        return _clipped(sigmoid(self.slope * log_odds(self.base.probability(score)) + self.intercept))

    def document(self) -> dict[str, Any]:
        """See `Curve`."""
        return {"kind": "moved", "base": self.base.document(), "slope": self.slope, "intercept": self.intercept}


def log_odds(score: float) -> float:
    """ln(s / (1 - s)), with `score` clipped to within `CLIP` of 0 and 1."""
    inside = _clipped(score)
    return log(inside) - log(1.0 - inside)


def sigmoid(odds: float) -> float:
    """1 / (1 + e^-odds); of the two equal forms the one whose exponential cannot overflow."""
    if odds >= 0:
        return 1.0 / (1.0 + exp(-odds))
    power = exp(odds)
    return power / (1.0 + power)


def _clipped(share: float) -> float:
    return CLIP if share < CLIP else min(share, 1.0 - CLIP)


# ---------------------------------------------------------------- reading


def read_curve(document: Mapping[str, Any], depth: int = 0) -> Curve:
    """The curve that `document()` wrote.

    Raises:
        BrokenCurve: it is none, or it would decrease somewhere.
    """
    kind = document.get("kind")
    keys = _KEYS.get(kind) if isinstance(kind, str) else None
    if keys is None:
        raise BrokenCurve(f"kind: must be {', '.join(_KEYS)}")
    if unknown := sorted(set(document) - {*keys, "kind"}):
        raise BrokenCurve(f"{unknown[0]}: no such key in a curve of kind {kind}")
    if kind == "platt":
        return Platt(_number(document, "slope", above=0.0), _number(document, "intercept", least=-_LARGEST))
    if kind == "beta":
        a, b = _number(document, "a", least=0.0), _number(document, "b", least=0.0)
        if a + b <= 0.0:
            raise BrokenCurve("a: a and b must not both be 0")
        return Beta(a, b, _number(document, "c", least=-_LARGEST))
    if kind == "isotonic":
        return _isotonic(document)
    return _moved(document, depth)


_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "platt": ("slope", "intercept"),
    "beta": ("a", "b", "c"),
    "isotonic": ("x", "y"),
    "moved": ("base", "slope", "intercept"),
}


def _moved(document: Mapping[str, Any], depth: int) -> Moved:
    base = document.get("base")
    if not isinstance(base, Mapping):
        raise BrokenCurve("base: must be a curve")
    if depth >= _DEEPEST:
        raise BrokenCurve(f"base: curves are nested deeper than {_DEEPEST}")
    slope, intercept = _number(document, "slope", above=0.0), _number(document, "intercept", least=-_LARGEST)
    return Moved(read_curve(base, depth + 1), slope, intercept)


def _isotonic(document: Mapping[str, Any]) -> Isotonic:
    x, y = _numbers(document, "x"), _numbers(document, "y")
    if len(x) != len(y):
        raise BrokenCurve("y: must have as many numbers as x")
    if any(right <= left for left, right in pairwise(x)):
        raise BrokenCurve("x: must increase")
    if any(right < left for left, right in pairwise(y)):
        raise BrokenCurve("y: must not decrease, so that a surer answer is never the less probable one")
    return Isotonic(x, y)


def _numbers(document: Mapping[str, Any], key: str) -> tuple[float, ...]:
    found = document.get(key)
    if not isinstance(found, Sequence) or isinstance(found, str) or not 1 <= len(found) <= _MOST_KNOTS:
        raise BrokenCurve(f"{key}: must be a list of 1 to {_MOST_KNOTS} numbers")
    if not all(_is_number(value) and 0.0 <= value <= 1.0 for value in found):
        raise BrokenCurve(f"{key}: must hold numbers from 0 to 1")
    return tuple(float(value) for value in found)


def _number(document: Mapping[str, Any], key: str, *, least: float = -_LARGEST, above: float | None = None) -> float:
    value = document.get(key)
    if value is None:
        raise BrokenCurve(f"{key}: the key is missing")
    if not _is_number(value):
        raise BrokenCurve(f"{key}: must be a number")
    if above is not None and value <= above:
        raise BrokenCurve(f"{key}: must be more than {above:g}")
    if not least <= value <= _LARGEST:
        raise BrokenCurve(f"{key}: must be from {least:g} to {_LARGEST:g}")
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
