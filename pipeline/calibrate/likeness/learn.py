"""Weights of the guard from labelled pairs, and the threshold that keeps 99 % of the hits right.

Needs the extra `train`.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.folds import fold
from pipeline.calibrate.likeness.asked import Asked
from pipeline.calibrate.likeness.measure import Hits, Pairs
from pipeline.calibrate.likeness.threshold import DELTA, WRONG, lowest
from pipeline.errors import PartMissing
from pipeline.likeness import BUILTIN, Weights
from pipeline.likeness.features import FEATURES
from pipeline.likeness.weights import LEARNED_CHECKS

__all__ = ["DELTA", "WRONG", "chosen", "learn", "learn_held"]

_PARTS: Final = 4
_SEEN: Final = 3
_WORDS: Final = 0.5


def learn(
    given: Pairs, questions: NDArray[np.bool_], avoid: frozenset[str] = frozenset(), wrong: float = WRONG
) -> Weights:
    """Weights and threshold from some of the questions: the first of `learn_held`."""
    return learn_held(given, questions, avoid, wrong)[0]


def learn_held(
    given: Pairs, questions: NDArray[np.bool_], avoid: frozenset[str] = frozenset(), wrong: float = WRONG
) -> tuple[Weights, Hits]:
    """Weights and threshold from some of the questions, and what weights say of them that have not seen their part.

    The threshold is the lowest at which at most 1 % of the hits are wrong, with 95 % confidence (Clopper-Pearson, and
    by groups), and that nothing reaches that nothing may answer; told on questions that the weights of their part have
    not seen.

    Args:
        given: all questions, measured.
        questions: those to learn from.
        avoid: candidates of these keys are left out.
        wrong: the share of hits that may be wrong.

    Raises:
        PartMissing: scikit-learn is not installed.
    """
    asked = given.asked
    width = asked.places.shape[1]
    usable = np.repeat(questions, width) & ~given.below
    if avoid:
        usable &= np.array([asked.kept_keys[place] not in avoid for place in asked.places.ravel()])
    part = np.array([fold(key, "guard", _PARTS) for key in asked.keys])
    sure = np.full(usable.shape, -1.0)
    for number in range(_PARTS):
        inside = np.repeat(part == number, width)
        if (usable & inside).any():
            weights = _fitted(given, usable & ~inside)
            sure[usable & inside] = _sure(given, weights, usable & inside)
    hits = _best(asked, np.where(usable, sure, -1.0))
    threshold = lowest(hits, questions, asked.never, wrong, asked.keys)
    source = f"learned from {int(questions.sum())} questions"
    return replace(_fitted(given, usable), threshold=threshold, source=source), hits


def chosen(given: Pairs, weights: Weights, questions: NDArray[np.bool_]) -> Hits:
    """The best candidate of each of these questions under some weights; of the others none."""
    usable = np.repeat(questions, given.asked.places.shape[1])
    sure = np.full(usable.shape, -1.0)
    sure[usable] = _sure(given, weights, usable)
    return _best(given.asked, sure)


def _best(asked: Asked, sure: NDArray[np.float64]) -> Hits:
    table = sure.reshape(asked.places.shape)
    place = table.argmax(axis=1)
    rows = np.arange(len(table))
    return Hits(table[rows, place], asked.right[rows, place])


def _sure(given: Pairs, weights: Weights, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the guard says of these pairs: by its own sum."""
    return np.array([
        -1.0
        if given.forbidden[row]
        else weights.sure(dict(zip(FEATURES, given.measures[row], strict=True)), given.marks[row])
        for row in np.flatnonzero(rows)
    ])  # fmt: skip


def _fitted(given: Pairs, rows: NDArray[np.bool_]) -> Weights:
    """Logistic regression on the measures and on the words that differ, shrunk towards none of them."""
    try:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction import DictVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise PartMissing("scikit-learn is not installed; install the extra `train`: stepwell[train]") from None

    right = given.asked.right.ravel()[rows]
    if right.all() or not right.any():
        return replace(BUILTIN, threshold=1.0, checks=LEARNED_CHECKS)
    values = given.measures[rows]
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    told = DictVectorizer()
    words: Any = told.fit_transform([dict.fromkeys(given.marks[row], 1.0) for row in np.flatnonzero(rows)])
    often = np.flatnonzero(np.asarray((words > 0).sum(axis=0)).ravel() >= _SEEN)
    table = hstack([csr_matrix((values - mean) / spread), words[:, often] * _WORDS]).tocsr()
    model = LogisticRegression(C=1.0, max_iter=400).fit(table, right)
    slopes = model.coef_[0]
    own = slopes[: len(FEATURES)] / spread
    names = told.get_feature_names_out()
    return Weights(
        bias=float(model.intercept_[0] - own @ mean),
        threshold=1.0,
        measures=dict(zip(FEATURES, map(float, own), strict=True)),
        checks=LEARNED_CHECKS,
        words={
            str(names[place]): float(slope) * _WORDS
            for place, slope in zip(often, slopes[len(FEATURES) :], strict=True)
        },
    )
