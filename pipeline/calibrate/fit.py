"""Fits curves: Platt's below 1,000 labels, beta or isotonic above, and a level shrunk towards its parent below that."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.confidence.curves import CLIP, Beta, Curve, Isotonic, Moved, Platt
from pipeline.errors import PartMissing

__all__ = ["FEWEST", "MANY", "expected_error", "fit_curve", "shrunk"]

MANY: Final = 1000
"""Labels from which a curve may have a shape of its own."""
FEWEST: Final = 200
"""Labels from which a level leaves its parent."""
_STEEPEST: Final = 100.0
_FLATTEST: Final = 1e-3
_FOLDS: Final = 5
_BINS: Final = 15
_STRICT: Final = 0.01
"""How far beyond the outermost averages of an isotonic curve it goes on to rise towards 0 and 1, as a share of what is
left: answers of unlike scores keep unlike probabilities, so that a threshold can stand between them."""

Floats = NDArray[np.float64]
Fitted = Callable[[Floats, Floats], Curve]


def fit_curve(scores: Sequence[float] | Floats, right: Sequence[bool] | Floats) -> Curve:
    """The curve of a level without a parent; without any label, the one that changes nothing.

    Raises:
        PartMissing: scipy or scikit-learn is not installed.
    """
    given, hits = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    if not len(given):
        return Platt()
    if len(given) < MANY:
        return _platt(given, hits)
    candidates: tuple[Fitted, ...] = (_beta, _isotonic)
    losses = [_unseen_loss(fitted, given, hits) for fitted in candidates]
    return candidates[int(np.argmin(losses))](given, hits)


def shrunk(parent: Curve, scores: Sequence[float] | Floats, right: Sequence[bool] | Floats) -> Curve:
    """The curve of a level below `parent`.

    With fewer than 200 labels it is the parent's; from 1,000 on its own. In between it is the parent's, moved: as if
    200 further labels had said that the parent is right.
    """
    given, hits = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    if len(given) < FEWEST:
        return parent
    if len(given) >= MANY:
        return fit_curve(given, hits)
    before = np.array([parent.probability(float(score)) for score in given])
    slope, intercept = _minimum(
        [_log_odds(before)],
        hits,
        start=[1.0, 0.0],
        bounds=[(_FLATTEST, _STEEPEST), (-_STEEPEST, _STEEPEST)],
        pulled=FEWEST * float(np.mean(before * (1.0 - before))),
    )
    return Moved(parent, slope, intercept)


def expected_error(probabilities: Sequence[float] | Floats, right: Sequence[bool] | Floats, bins: int = _BINS) -> float:
    """How far probabilities are from what came true, on the average over bins of as many answers each (ECE)."""
    given, hits = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    if not len(given):
        return 0.0
    order = np.argsort(given, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(given))) if len(part)]
    return float(sum(abs(given[part].mean() - hits[part].mean()) * len(part) for part in parts) / len(given))


# ---------------------------------------------------------------- the shapes


def _platt(scores: Floats, right: Floats) -> Curve:
    bounds = [(_FLATTEST, _STEEPEST), (-_STEEPEST, _STEEPEST)]
    slope, intercept = _minimum([_log_odds(scores)], _softened(right), [1.0, 0.0], bounds)
    return Platt(slope, intercept)


def _beta(scores: Floats, right: Floats) -> Curve:
    inside = np.clip(scores, CLIP, 1.0 - CLIP)
    bounds = [(0.0, _STEEPEST), (0.0, _STEEPEST), (-_STEEPEST, _STEEPEST)]
    a, b, c = _minimum([np.log(inside), -np.log1p(-inside)], _softened(right), [1.0, 1.0, 0.0], bounds)
    return Beta(a, b, c) if a + b > 0.0 else Platt(_FLATTEST, c)


def _isotonic(scores: Floats, right: Floats) -> Curve:
    try:
        from sklearn.isotonic import IsotonicRegression
    except ImportError as error:
        raise _missing("scikit-learn") from error
    inside = np.clip(scores, CLIP, 1.0 - CLIP)
    levels = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(inside, right)
    values = np.unique(levels)
    # An average stands at the middle of the scores that it is of.
    middles = [float(inside[levels == value].mean()) for value in values]
    low, high = float(values[0]), float(values[-1])
    x = [0.0, *middles, 1.0]
    y = [low * (1.0 - _STRICT), *map(float, values), high + (1.0 - high) * _STRICT]
    return Isotonic(tuple(x), tuple(y))


def _unseen_loss(fitted: Fitted, scores: Floats, right: Floats) -> float:
    """The mean logarithmic loss on labels that the curve was not fitted to."""
    folds = np.random.default_rng(0).permutation(len(scores)) % _FOLDS
    total = 0.0
    for fold in range(_FOLDS):
        aside = folds == fold
        curve = fitted(scores[~aside], right[~aside])
        made = _many(curve, scores[aside])
        total -= float(np.sum(np.where(right[aside] > 0.5, np.log(made), np.log1p(-made))))
    return total / len(scores)


def _many(curve: Curve, scores: Floats) -> Floats:
    """What the curve makes of many scores at once, which is for choosing; what is kept is made one by one."""
    if isinstance(curve, Isotonic):
        return np.clip(np.interp(scores, curve.x, curve.y), CLIP, 1.0 - CLIP)
    if isinstance(curve, Beta):
        inside = np.clip(scores, CLIP, 1.0 - CLIP)
        odds = curve.a * np.log(inside) - curve.b * np.log1p(-inside) + curve.c
        return np.clip(1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0))), CLIP, 1.0 - CLIP)
    return np.array([curve.probability(float(score)) for score in scores])


def _softened(right: Floats) -> Floats:
    """Platt's targets: as if one more right and one more wrong answer had been seen, so that no curve is vertical."""
    hits = float(right.sum())
    misses = len(right) - hits
    return np.where(right > 0.5, (hits + 1.0) / (hits + 2.0), 1.0 / (misses + 2.0))


def _log_odds(scores: Floats) -> Floats:
    inside = np.clip(scores, CLIP, 1.0 - CLIP)
    return np.log(inside) - np.log1p(-inside)


def _minimum(
    inputs: list[Floats],
    targets: Floats,
    start: list[float],
    bounds: list[tuple[float, float]],
    pulled: float = 0.0,
) -> list[float]:
    """The weights of `inputs` and the intercept with the least logarithmic loss; `pulled` holds them at `start`."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise _missing("scipy") from error
    table = np.column_stack([*inputs, np.ones(len(targets))])
    origin = np.array(start)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = table @ weights
        away = weights - origin
        value = np.logaddexp(0.0, odds).sum() - targets @ odds + 0.5 * pulled * (away @ away)
        made = 1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0)))
        return float(value), table.T @ (made - targets) + pulled * away

    found: Any = minimize(loss, origin, jac=True, method="L-BFGS-B", bounds=bounds)
    return [float(weight) for weight in found.x]


def _missing(what: str) -> PartMissing:
    return PartMissing(f"{what} is not installed, and curves are fitted with it; install the extra `train`")
