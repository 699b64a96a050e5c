"""Thresholds that keep a promise about the answers that stay. An answer stays where its score reaches the threshold.

`joint` (the default): P(wrong and kept) is at most alpha, with confidence 1 - delta. S. Bates and others,
"Distribution-free, risk-controlling prediction sets" (2021), with the exact bound of Clopper and Pearson. No correction
for the many thresholds looked at is needed, since the number of errors kept only grows as the threshold falls.
`expected`: P(wrong and kept) is at most alpha on the average of calibrations; about half of them exceed it.
A. Angelopoulos and others, "Conformal risk control" (2024).
`precision`: P(wrong | kept) is at most alpha. This is not monotone, so thresholds are tested one after the other in an
order set beforehand: A. Angelopoulos and others, "Learn then test" (2025). Weak below about 2,000 labels.
`relative`: what is lost against the large model's answers, the mean of kept · (large right - small right), is at most
alpha; tested in the same way, with a bettor's bound.

The promise holds for requests that are exchangeable with the labelled ones, which must have been labelled whatever was
decided about them and must not have been used to fit the score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.confidence.bounds import betting_upper, binomial_cdf, least, most_errors, outweighs, upper

__all__ = ["SHARES", "Kept", "expected", "grid_of", "joint", "precision", "relative"]

Answers = NDArray[np.bool_]
Numbers = Sequence[float] | NDArray[Any]
Flags = Sequence[bool] | NDArray[Any]

SHARES: Final = tuple(step / 20 for step in range(2, 21))
"""The shares of answers kept whose thresholds are tested one after the other: 10 %, 15 %, … 100 %."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A threshold and what was seen of it.

    Attributes:
        threshold: answers of this score and more stay; None: nothing can be promised, so none does.
        share: of the labelled answers that would stay.
        n: labelled answers.
        errors: wrong ones among those that would stay.
        bound: what is promised of the rate or mean that the rule is about; None: the rule has no bound.
        needed: labels below which the rule promises nothing, whatever they say.
    """

    threshold: float | None
    share: float
    n: int
    errors: int
    bound: float | None
    needed: int = 0


def joint(scores: Numbers, wrong: Flags, alpha: float, delta: float) -> Kept:
    """The lowest threshold with P(wrong and kept) at most `alpha`, with confidence 1 - `delta`."""
    allowed = most_errors(len(scores), alpha, delta)
    kept = _lowest(scores, wrong, allowed, least(alpha, delta))
    return _bounded(kept, lambda: upper(kept.errors, kept.n, delta))


def expected(scores: Numbers, wrong: Flags, alpha: float) -> Kept:
    """The lowest threshold with (errors kept + 1) / (n + 1) at most `alpha`: P(wrong and kept) on the average."""
    allowed = int(alpha * (len(scores) + 1) + 1e-9) - 1
    kept = _lowest(scores, wrong, allowed, int(1.0 / alpha - 1e-9))
    return _bounded(kept, lambda: (kept.errors + 1) / (kept.n + 1))


def precision(
    scores: Numbers,
    wrong: Flags,
    alpha: float,
    delta: float,
    grid: Sequence[float],
) -> Kept:
    """The lowest threshold of `grid` with P(wrong | kept) at most `alpha`, with confidence 1 - `delta`.

    `grid` was set beforehand, from answers other than these (see `grid_of`).
    """

    def holds(stays: Answers, bad: Answers) -> bool:
        count = int(stays.sum())
        return count > 0 and binomial_cdf(int((bad & stays).sum()), count, alpha) <= delta

    kept = _one_by_one(scores, wrong, grid, holds, least(alpha, delta))
    return _bounded(kept, lambda: upper(kept.errors, round(kept.share * kept.n), delta))


def relative(
    scores: Numbers,
    lost: Numbers,
    epsilon: float,
    delta: float,
    grid: Sequence[float],
) -> Kept:
    """The lowest threshold of `grid` with the mean of kept · `lost` at most `epsilon`, with confidence 1 - `delta`.

    `lost` is how good the large model's answer was less how good the draft was, between -1 and 1.
    """
    losses = np.asarray(lost, dtype=float)

    def holds(stays: Answers, _bad: Answers) -> bool:
        return outweighs(losses * stays, epsilon, delta)

    kept = _one_by_one(scores, losses > 0, grid, holds, 0)
    if kept.threshold is None:
        return kept
    return _bounded(kept, lambda: betting_upper(losses * (np.asarray(scores) >= kept.threshold), delta))


def grid_of(scores: Numbers, shares: Sequence[float] = SHARES) -> tuple[float, ...]:
    """The thresholds that keep these shares of `scores`, from the strictest on, each once."""
    ordered = np.sort(np.asarray(scores, dtype=float))[::-1]
    if not len(ordered):
        return ()
    places = [max(1, round(share * len(ordered))) - 1 for share in shares]
    return tuple(dict.fromkeys(float(ordered[place]) for place in places))


# ---------------------------------------------------------------- the ways of looking


def _lowest(scores: Numbers, wrong: Flags, allowed: int, needed: int) -> Kept:
    """Go down score by score, answers of one score together, while no more than `allowed` wrong ones are kept."""
    given, bad = np.asarray(scores, dtype=float), np.asarray(wrong, dtype=bool)
    count = len(given)
    if allowed < 0 or count == 0:
        return Kept(None, 0.0, count, 0, None, needed)
    order = np.argsort(-given, kind="stable")
    ordered = given[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    places = np.flatnonzero(last)
    errors = np.cumsum(bad[order])[places]
    reached = int(np.searchsorted(errors, allowed, side="right"))
    if reached == 0:
        return Kept(None, 0.0, count, 0, None, needed)
    place = int(places[reached - 1])
    return Kept(float(ordered[place]), (place + 1) / count, count, int(errors[reached - 1]), None, needed)


def _one_by_one(
    scores: Numbers,
    wrong: Flags,
    grid: Sequence[float],
    holds: Callable[[Answers, Answers], bool],
    needed: int,
) -> Kept:
    """Go through `grid` while the test holds; what comes behind the first that fails is not looked at."""
    given, bad = np.asarray(scores, dtype=float), np.asarray(wrong, dtype=bool)
    kept = Kept(None, 0.0, len(given), 0, None, needed)
    for threshold in sorted(grid, reverse=True):
        stays = given >= threshold
        if not holds(stays, bad):
            break
        kept = Kept(threshold, float(stays.mean()), len(given), int((bad & stays).sum()), None, needed)
    return kept


def _bounded(kept: Kept, bound: Callable[[], float]) -> Kept:
    if kept.threshold is None:
        return kept
    return Kept(kept.threshold, kept.share, kept.n, kept.errors, bound(), kept.needed)
