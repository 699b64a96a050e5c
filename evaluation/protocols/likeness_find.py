"""Candidates: by the simple baseline, the cosine of character and word n-grams, or by the built-in encoder."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.likeness.labelled import neighbours

__all__ = ["Find", "meant", "nearest"]

Found: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
Find: TypeAlias = Callable[[Sequence[str], Sequence[str], int, Sequence[int] | None], Found]

_BLOCK = 400


def nearest(kept: Sequence[str], texts: Sequence[str], count: int, own: Sequence[int] | None = None) -> Found:
    """The places and cosines of the `count` nearest remembered texts of each text, nearest first.

    The cosine is the mean of two: of character 3-5-grams within words, and of word 1-2-grams.

    Args:
        kept: remembered texts.
        texts: those that are asked.
        count: how many for each.
        own: the place of each text itself among those remembered, which is left out.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = [TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)), TfidfVectorizer(ngram_range=(1, 2))]
    known: Any = hstack([part.fit_transform(kept) for part in parts]).tocsr().astype(np.float32).T.tocsc()
    wanted: Any = hstack([part.transform(texts) for part in parts]).tocsr().astype(np.float32)
    places = np.zeros((len(texts), count), np.int64)
    cosines = np.zeros((len(texts), count))
    for first in range(0, len(texts), _BLOCK):
        near = (wanted[first : first + _BLOCK] @ known).toarray().astype(np.float64) / 2.0
        rows = np.arange(len(near))
        if own is not None:
            near[rows, np.asarray(own[first : first + _BLOCK])] = -1.0
        some = np.argpartition(-near, count, axis=1)[:, :count]
        order = np.argsort(-near[rows[:, None], some], axis=1, kind="stable")
        best = some[rows[:, None], order]
        places[first : first + _BLOCK], cosines[first : first + _BLOCK] = best, near[rows[:, None], best]
    return places, cosines


def meant(kept: Sequence[str], texts: Sequence[str], count: int, own: Sequence[int] | None = None) -> Found:
    """As `nearest`, by the built-in encoder, as in the cascade. Raises `PartMissing`."""
    from pipeline.adapters.embedding import embed

    known = embed(kept)
    if own is None:
        return neighbours(known, embed(texts), count)
    places = np.asarray(own, np.int64)
    return neighbours(known, known[places], count, places)
