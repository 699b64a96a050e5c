"""The simple baseline, which finds the candidates too: the cosine of character and word n-grams."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest"]

_BLOCK = 400


def nearest(
    kept: Sequence[str], texts: Sequence[str], count: int, own: Sequence[int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
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
