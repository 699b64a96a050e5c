"""Whether answers that stayed go wrong no more often than was promised, and whether their scores have moved. Pure.

Labels come one at a time and are looked at after each, for ever; a test for one look would cry wolf. So the suspicion
is an e-process: the likelihood ratio of "wrong more often than promised" against "as promised", mixed over several ways
of being worse. As long as the promise holds its expectation is at most 1, so that by Ville's inequality it ever exceeds
1 / alpha with a probability of at most alpha, however long it is watched (see A. Ramdas et al., "Game-theoretic
statistics and safe anytime-valid inference", 2023).

Drift is told by the population stability index of the scores: the sum over bins of (q - p) ln(q / p), with p the share
of a bin while the calibrator was new and q its share lately. It asks for no labels, and is a rule of thumb. Beside it
stands the distance of Kolmogorov and Smirnov, by how much the two distributions differ at most in the share below a
score; over bins, so that it is never too large. It is held against the bound of Dvoretzky, Kiefer and Wolfowitz for two
samples (tight for two of at least 458 each: F. Wei and R. Dudley, 2012), with a smaller chance of error for each
further block, so that scores that stay as they were are flagged with a probability of at most `ALPHA` however long it
is watched. Both are hints: moved scores may be as right as before.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

__all__ = ["ALPHA", "BINS", "BLOCK", "DRIFT", "WORSE", "Scores", "Suspicion", "Watched", "furthest", "psi"]

WORSE: Final = (1.25, 1.5, 2.0, 3.0, 5.0)
"""How many times the promised rate of errors is looked for, with equal weights."""
ALPHA: Final = 0.01
"""How probable a false alarm may be, over all time."""
DRIFT: Final = 0.2
"""The index from which on scores count as moved."""
BINS: Final = 10
BLOCK: Final = 500
"""Scores that make up a picture of their distribution; with fewer the index is mostly noise."""
_LEAST, _MOST = 1e-4, 0.95
_EMPTY: Final = 0.5
"""Counted into each bin, so that an empty one is improbable and not impossible."""


class Watched(NamedTuple):
    """A kept answer of which it became known whether it was right, and how often such may be wrong."""

    wrong: bool
    allowed: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What the labels so far say against the promise.

    Attributes:
        logs: for each of `WORSE` the logarithm of its likelihood ratio.
        seen: labels; `wrong`: those that were wrong.
        highest: the highest evidence that there ever was.
    """

    logs: tuple[float, ...] = (0.0,) * len(WORSE)
    seen: int = 0
    wrong: int = 0
    highest: float = 1.0

    def after(self, label: Watched) -> "Suspicion":
        """With one more label. The rate that is allowed may differ from label to label."""
        allowed = min(max(label.allowed, _LEAST), _MOST / 1.01)
        logs = tuple(
            log + _ratio(label.wrong, min(times * allowed, _MOST), allowed)
            for log, times in zip(self.logs, WORSE, strict=True)
        )
        now = Suspicion(logs, self.seen + 1, self.wrong + label.wrong, self.highest)
        return replace(now, highest=max(self.highest, now.evidence))

    def over(self, labels: Iterable[Watched]) -> "Suspicion":
        """With more labels, in their order."""
        now = self
        for label in labels:
            now = now.after(label)
        return now

    @property
    def evidence(self) -> float:
        """How many times better "worse than promised" explains the labels than "as promised"."""
        top = max(self.logs)
        mean = math.fsum(math.exp(log - top) for log in self.logs) / len(self.logs)
        return math.exp(min(700.0, top + math.log(mean)))

    def alarms(self, alpha: float = ALPHA) -> bool:
        """Whether the promise was refuted, now or at any time before."""
        return self.highest > 1.0 / alpha


def _ratio(wrong: bool, worse: float, allowed: float) -> float:
    return math.log(worse / allowed) if wrong else math.log1p(-worse) - math.log1p(-allowed)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of drafts: as they were at first, and as they are lately.

    Attributes:
        first: counts of bins of the first `BLOCK` scores.
        lately: counts of bins of the block that is being filled.
        index: of the last block that was full; None: none was.
        distance: of that block, after Kolmogorov and Smirnov.
        blocks: that were compared.
    """

    first: tuple[int, ...] = (0,) * BINS
    lately: tuple[int, ...] = (0,) * BINS
    index: float | None = None
    distance: float | None = None
    blocks: int = 0

    def after(self, score: float) -> "Scores":
        """With one more score, between 0 and 1."""
        place = min(BINS - 1, max(0, int(score * BINS)))
        if sum(self.first) < BLOCK:
            return replace(self, first=_one_more(self.first, place))
        lately = _one_more(self.lately, place)
        if sum(lately) < BLOCK:
            return replace(self, lately=lately)
        apart = furthest(self.first, lately)
        return Scores(self.first, (0,) * BINS, psi(self.first, lately), apart, self.blocks + 1)

    @property
    def moved(self) -> bool:
        """Whether they are distributed otherwise than at first."""
        far = self.distance is not None and self.distance > _far(self.blocks)
        return far or (self.index is not None and self.index > DRIFT)


def psi(before: Sequence[int], after: Sequence[int]) -> float:
    """The population stability index of two histograms over the same bins."""
    whole, other = sum(before) + _EMPTY * len(before), sum(after) + _EMPTY * len(after)
    shares = (((one + _EMPTY) / whole, (two + _EMPTY) / other) for one, two in zip(before, after, strict=True))
    return math.fsum((q - p) * math.log(q / p) for p, q in shares)


def furthest(before: Sequence[int], after: Sequence[int]) -> float:
    """The distance of Kolmogorov and Smirnov between two histograms over the same bins; 0 where one is empty."""
    whole, other = sum(before), sum(after)
    if not whole or not other:
        return 0.0
    pairs = zip(accumulate(before), accumulate(after), strict=True)
    return max(abs(one / whole - two / other) for one, two in pairs)


def _far(block: int) -> float:
    """The distance from which on the block of this number, from 1, is too far away for chance."""
    chance = ALPHA / (block * (block + 1))  # sums to ALPHA over all blocks
    return math.sqrt(math.log(2.0 / chance) / BLOCK)


def _one_more(counts: Sequence[int], place: int) -> tuple[int, ...]:
    return (*counts[:place], counts[place] + 1, *counts[place + 1 :])
