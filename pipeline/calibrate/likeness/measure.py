"""What the guard sees of questions and their candidates, and what it says of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.likeness.asked import Asked
from pipeline.likeness import BUILTIN, Reading, Weights, best, read
from pipeline.likeness.features import FEATURES, measured
from pipeline.likeness.judge import margins
from pipeline.likeness.objections import objections
from pipeline.likeness.pair import beside
from pipeline.likeness.weights import LEARNED_CHECKS

__all__ = ["Hits", "Pairs", "judged", "pairs"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every question with each of its candidates, as the guard measures them. Rows in the order question, candidate.

    `forbidden`: a check that nothing learned may outweigh objects. `below`: less alike than a candidate has to be.
    """

    asked: Asked
    measures: NDArray[np.float64]
    marks: tuple[tuple[str, ...], ...]
    forbidden: NDArray[np.bool_]
    below: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Hits:
    """The best candidate of each question: how sure it is (-1: none is left), and whether it is right."""

    sure: NDArray[np.float64]
    right: NDArray[np.bool_]


def pairs(asked: Asked) -> Pairs:
    """Measure every pair."""
    kept = _readings(asked)
    measures, marks, forbidden = [], [], []
    for text, near, cosines in zip(asked.texts, asked.places, asked.cosines, strict=True):
        new = read(text)
        found = _candidates(kept, near, cosines, asked.floor)
        alone = margins(found) + [0.0] * (len(near) - len(found))
        for place, cosine, margin in zip(near, cosines, alone, strict=True):
            old = kept[place]
            pair = beside(new, old)
            told = measured(pair, float(cosine), margin)
            measures.append([told[name] for name in FEATURES])
            marks.append(pair.marks)
            forbidden.append(new.plain != old.plain and bool(objections(pair, LEARNED_CHECKS)))
    below = (asked.cosines < asked.floor).ravel()
    return Pairs(asked, np.array(measures), tuple(marks), np.array(forbidden) | below, below)


def judged(asked: Asked, weights: Weights = BUILTIN, questions: NDArray[np.bool_] | None = None) -> Hits:
    """What the guard says with these weights, as it says it in front of requests; of other questions nothing.

    Args:
        asked: the questions.
        weights: those that come along if left out.
        questions: which of them; None: all.
    """
    kept = _readings(asked)
    sure, right = np.full(len(asked.texts), -1.0), np.zeros(len(asked.texts), bool)
    for row in np.arange(len(asked.texts)) if questions is None else np.flatnonzero(questions):
        found = _candidates(kept, asked.places[row], asked.cosines[row], asked.floor)
        place, verdict = best(asked.texts[row], found, weights=weights)
        if place is not None:
            sure[row], right[row] = verdict.confidence, asked.right[row, place]
    return Hits(sure, right)


def _readings(asked: Asked) -> dict[int, Reading]:
    return {int(place): read(asked.kept[place]) for place in np.unique(asked.places)}


def _candidates(
    kept: dict[int, Reading], near: NDArray[np.int64], cosines: NDArray[np.float64], floor: float
) -> list[tuple[Reading, float]]:
    """Those that are alike enough; they come first, since the nearest does."""
    return [(kept[place], float(cosine)) for place, cosine in zip(near, cosines, strict=True) if cosine >= floor]
