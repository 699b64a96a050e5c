"""Scores of a text as signals: how much the large model gains on questions worded like it, beside what its topic says.

Each is a ridge regression on what is left of the gain beside the shrunken mean of the topic: over the hashed words of
the product's own score of difficulty, and over pieces of words, which see figures and signs too. What the scores say of
a question that they were learned from is no evidence, so the signals of the learned rows are made out of fold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.splits import fold
from pipeline.adapters.difficulty.fitting import counts_of, idf_of, plain_scores, tfidf

__all__ = ["Texts", "out_of_fold", "pieces", "plain_ridge", "shrunken", "stacked", "words"]

Numbers: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]

BITS: Final = 18
LEAST: Final = 3
_PARTS: Final = 5
_ALPHA: Final = 10.0
_PIECES_ALPHA: Final = 5.0
_SHRINK: Final = 10.0
_NEAR: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows as vectors of unit length, and the topic of each."""

    vectors: Any
    topics: NDArray[np.str_]
    alpha: float


def words(texts: Sequence[str], topics: Sequence[str], known: Rows) -> Texts:
    """Over hashed words and pairs of them; how rare a word is comes from the `known` rows alone."""
    counts = _word_counts(tuple(texts))
    return Texts(tfidf(counts, idf_of(counts[known], LEAST)), np.array(topics), _ALPHA)


def pieces(texts: Sequence[str], topics: Sequence[str], known: Rows) -> Texts:
    """Over two to five characters in a row, hashed; how rare they are comes from the `known` rows alone."""
    counts = _piece_counts(tuple(texts))
    return Texts(tfidf(counts, idf_of(counts[known], LEAST)), np.array(topics), _PIECES_ALPHA)


@lru_cache(maxsize=4)
def _word_counts(texts: tuple[str, ...]) -> Any:
    return counts_of(texts, BITS)


@lru_cache(maxsize=1)
def _piece_counts(texts: tuple[str, ...]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(2, 5), n_features=1 << BITS, alternate_sign=False, norm=None
    )
    return hashed.transform(texts).tocsr()


def stacked(texts: Texts, target: Numbers, known: Rows, others: Rows, keys: Sequence[str]) -> tuple[Numbers, Numbers]:
    """The score of the known rows, each by what was learned from the other known ones; and that of the others by all.

    Args:
        texts: of all rows.
        target: of all rows; that of the others is not looked at.
        known: rows to learn from.
        others: rows to score.
        keys: of all rows; rows of one key are never learned from to score each other.
    """
    return out_of_fold(lambda rows, scored: _residual(texts, target, rows, scored), known, others, keys)


def out_of_fold(
    scored: Callable[[Rows, Rows], Numbers], known: Rows, others: Rows, keys: Sequence[str]
) -> tuple[Numbers, Numbers]:
    """Scores of the known rows, out of fold, and of the others, by a function of rows to learn from and to score."""
    parts = np.array([fold(keys[row], "stack", _PARTS) for row in known.tolist()])
    own = np.zeros(len(known))
    for part in np.unique(parts):
        own[parts == part] = scored(known[parts != part], known[parts == part])
    return own, scored(known, others)


def shrunken(groups: NDArray[np.str_], target: Numbers, rows: Rows, scored: Rows) -> Numbers:
    """The mean target of a row's group among `rows`, shrunken to the mean of all."""
    mean = float(target[rows].mean())
    names, places = np.unique(groups[rows], return_inverse=True)
    sums, sizes = np.bincount(places, target[rows]), np.bincount(places)
    means = dict(zip(names.tolist(), ((sums + _SHRINK * mean) / (sizes + _SHRINK)).tolist(), strict=True))
    return np.array([means.get(name, mean) for name in groups[scored].tolist()])


def plain_ridge(texts: Sequence[str], gains: Numbers, rows: Rows, scored: Rows) -> Numbers:
    """The simple baseline: TF-IDF of words and pairs, ridge regression on the gain."""
    return plain_scores(texts, gains, rows, scored, LEAST, _ALPHA)


def _residual(texts: Texts, target: Numbers, rows: Rows, scored: Rows) -> Numbers:
    from sklearn.linear_model import Ridge

    rest = target[rows] - shrunken(texts.topics, target, rows, rows)
    ridge = Ridge(alpha=texts.alpha, solver="sparse_cg", tol=_NEAR).fit(texts.vectors[rows], rest)
    return shrunken(texts.topics, target, rows, scored) + np.asarray(ridge.predict(texts.vectors[scored]), np.float64)
