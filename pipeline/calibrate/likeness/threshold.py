"""Thresholds of a guard that keep a promise, and which of two guards keeps more of it.

Hits of one group of questions are right or wrong together, so that exact bounds of a binomial say too much: the groups
have to show the promise too. What nothing may answer has to stay below the threshold on requests that come as well, so
that the threshold lies above what a tail fitted to the surest of them reaches, and not just above these.
"""

from collections.abc import Sequence
from math import exp, log
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.likeness.measure import Hits
from pipeline.confidence.bounds import binomial_cdf, most_errors

__all__ = ["DELTA", "WRONG", "Guard", "above_strange", "lowest", "takes"]

WRONG: Final = 0.01
"""The share of hits that may be wrong, unless another is asked for."""
DELTA: Final = 0.05
"""How often a threshold may be too low."""
_TAIL: Final = 20
_ROOM: Final = 0.1
"""The part of the hits, the least sure, that is not served although the promise would hold with them."""
_NEVER: Final = 1.0 + 1e-9

Guard = Literal["learned", "shipped", "none"]


def lowest(
    hits: Hits,
    questions: NDArray[np.bool_],
    never: NDArray[np.bool_],
    share: float = WRONG,
    keys: Sequence[str] | None = None,
) -> float:
    """A threshold that keeps the promise on these questions, with room; above 1: none does, nothing is served.

    It lies above the lowest that does so: errors gather there, where chance in the labels has chosen it.

    Args:
        hits: the best candidate of each question.
        questions: those that count.
        never: those that nothing may answer.
        share: of the hits that may be wrong.
        keys: of each question its group; without them every question is one of its own.
    """
    sure, right = hits.sure[questions], hits.right[questions]
    if not len(sure):
        return _NEVER
    groups = np.arange(len(sure)) if keys is None else np.unique(np.array(keys)[questions], return_inverse=True)[1]
    order = np.argsort(-sure, kind="stable")
    ranked, wrong = sure[order], np.cumsum(~right[order])
    alike = _groups_agree(~right[order], groups[order], share)
    floor = above_strange(sure[never[questions]])
    threshold = _NEVER
    for count in np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1:
        if ranked[count - 1] <= floor:
            break
        if alike[count - 1] and wrong[count - 1] <= most_errors(int(count), share, DELTA):
            threshold = float(ranked[count - 1])
    served = int((ranked >= threshold).sum())
    return float(ranked[int(served * (1.0 - _ROOM)) - 1]) if served else threshold


def _groups_agree(wrong: NDArray[np.bool_], groups: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """For each number of hits, whether so many show the share when whole groups are drawn (a ratio's normal bound)."""
    over = np.zeros(int(groups.max(initial=0)) + 1)
    square, total = 0.0, np.cumsum(wrong - share)
    found = np.zeros(len(wrong), bool)
    sigma = NormalDist().inv_cdf(1.0 - DELTA)
    for place, (group, more) in enumerate(zip(groups, wrong - share, strict=True)):
        square += (over[group] + more) ** 2 - over[group] ** 2
        over[group] += more
        found[place] = total[place] + sigma * max(square, 0.0) ** 0.5 <= 0.0
    return found


def above_strange(sure: NDArray[np.float64]) -> float:
    """What as many other questions that nothing may answer exceed once in 1 / `DELTA` times.

    The surest of those seen have an exponential tail in log-odds; where there is one alone, it is that one.
    """
    seen = np.sort(sure[sure >= 0.0])[::-1]
    if len(seen) < 2:
        return float(seen.max(initial=0.0))
    inside = np.clip(seen, 1e-12, 1.0 - 1e-12)
    odds = np.log(inside / (1.0 - inside))
    tail = min(_TAIL, len(odds) - 1)
    scale = float(np.mean(odds[:tail] - odds[tail]))
    reached = max(float(odds[0]), float(odds[tail]) + scale * log(tail / DELTA))
    return 1.0 / (1.0 + exp(-min(reached, 500.0)))


def takes(learned: Hits, threshold: float, shipped: Hits, never: NDArray[np.bool_], share: float = WRONG) -> Guard:
    """Which guard may decide on requests like these questions, which the learned one has not seen.

    The learned one where a threshold keeps the promise and it answers more rightly; else the one that comes along,
    unless it is refuted here: then none.
    """
    ours, theirs = learned.sure >= threshold, shipped.sure >= 0.0
    hits, wrong = int(theirs.sum()), int((theirs & ~shipped.right).sum())
    by_luck = 1.0 - binomial_cdf(wrong - 1, hits, share)
    refuted = by_luck <= DELTA or bool((theirs & never).any())
    more = int((ours & learned.right).sum()) > int((theirs & shipped.right).sum())
    if threshold <= 1.0 and (more or refuted):
        return "learned"
    return "none" if refuted else "shipped"
