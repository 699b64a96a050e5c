"""A threshold that keeps a quality floor: what is served is at least `floor` times as good as the large model alone.

Both answers to each labelled request are known. What a request adds to "quality served less floor · quality of the
large model" is small - floor · large where its draft stays, and (1 - floor) · large where it is escalated; the mean of
it is at least 0 where the floor is kept. Both models are judged on the same requests, so that most of the chance in
them cancels. The threshold is the lowest whose mean is above 0 by a margin, as are the means of all stricter ones.

The margin is that of a prediction: it covers the chance in the labels and the chance in the requests that come, since a
floor is checked on a stretch of them and not on an endless one. It rests on the normal approximation, which is why
fewer than `FEWEST` labels promise nothing. The promise is for requests that are exchangeable with the labelled ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "Floor", "floor_threshold"]

Numbers = Sequence[float] | NDArray[Any]

FEWEST: Final = 50
"""Labels below which nothing is promised."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A threshold and what it keeps.

    Attributes:
        threshold: drafts of this score and more stay; None: no draft does, everything is escalated.
        escalated: the share of the labelled requests that is escalated.
        floor: the part of the large model's quality that is kept.
        delta: how often a stretch of requests may miss it.
        n: labelled requests.
    """

    threshold: float | None
    escalated: float
    floor: float
    delta: float
    n: int

    @property
    def sentence(self) -> str:
        """What is promised, in words."""
        if self.threshold is not None:
            return (
                f"at least {self.floor:.0%} of the large model's quality with confidence {1.0 - self.delta:.0%}, "
                f"{self.escalated:.0%} of {self.n} labelled requests escalated"
            )
        why = f"{self.n} labels are fewer than {FEWEST}" if self.n < FEWEST else "no draft is sure enough"
        return f"a floor of {self.floor:.0%} cannot be promised with this draft ({why}): everything is escalated"


def floor_threshold(
    scores: Numbers, small: Numbers, large: Numbers, floor: float, delta: float, ahead: int | None = None
) -> Floor:
    """The lowest threshold that keeps the floor.

    Args:
        scores: of the drafts, higher is surer; labelled whatever was decided about them, and not used to fit the score.
        small: how good each draft was, between 0 and 1.
        large: how good the large model's answer to the same request was.
        floor: the part of the large model's mean quality that is to be kept.
        delta: how often it may be missed.
        ahead: requests in the stretch for which it is kept; without it as many as there are labels.
    """
    given = np.asarray(scores, dtype=np.float64)
    count = len(given)
    nothing = Floor(None, 1.0, floor, delta, count)
    if count < FEWEST:
        return nothing
    order = np.argsort(given, kind="stable")
    ranked = given[order]
    firsts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    stays = np.asarray(small, dtype=np.float64)[order] - floor * np.asarray(large, dtype=np.float64)[order]
    leaves = (1.0 - floor) * np.asarray(large, dtype=np.float64)[order]
    mean = _split(stays, leaves)[firsts] / count
    # One more lost answer than was seen is reckoned with: a sample without any is no proof that there is none.
    square = (_split(stays**2, leaves**2)[firsts] + floor**2) / count
    spread = np.sqrt(np.maximum(square - mean**2, 0.0) * (1.0 / count + 1.0 / (ahead or count)))
    kept = mean - NormalDist().inv_cdf(1.0 - delta) * spread >= 0.0
    missed = np.flatnonzero(~kept)
    place = int(missed[-1]) + 1 if len(missed) else 0
    if place == len(firsts):
        return nothing
    return Floor(float(ranked[firsts[place]]), float(firsts[place]) / count, floor, delta, count)


def _split(stays: NDArray[np.float64], leaves: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each place the sum over those before it, which leave, and those from it on, which stay."""
    before = np.concatenate(([0.0], np.cumsum(leaves)[:-1]))
    return np.asarray(before + np.cumsum(stays[::-1])[::-1], np.float64)
