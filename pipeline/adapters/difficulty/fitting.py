"""The linear algebra of the learned score: counts of hashed words, TF-IDF, ridge regression, the logistic curve."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.difficulty.gain import Numbers
from pipeline.signals.features import buckets_of, counted

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Rows", "counts_of", "curve", "fit", "fold", "idf_of", "plain_scores", "tfidf", "unseen"]

Rows: TypeAlias = NDArray[np.int64]


def counts_of(texts: Sequence[str], bits: int) -> "csr_matrix":
    """How often each text hits each bucket: a row for a text."""
    from scipy.sparse import csr_matrix

    rows = [counted(buckets_of(text, bits)) for text in texts]
    starts = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    columns = np.concatenate([buckets for buckets, _ in rows]).astype(np.int32)
    values = np.concatenate([counts for _, counts in rows]).astype(np.float64)
    return csr_matrix((values, columns, starts), shape=(len(texts), 1 << bits))


def idf_of(counts: "csr_matrix", least: int) -> Numbers:
    """How rare a bucket is (smoothed, as scikit-learn has it); 0 for those that occur too seldom."""
    documents = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf: Numbers = np.log((1 + counts.shape[0]) / (1 + documents)) + 1.0
    return np.where(documents >= least, idf, 0.0)


def tfidf(counts: "csr_matrix", idf: Numbers) -> "csr_matrix":
    """Each text as a row of length 1."""
    from sklearn.preprocessing import normalize

    rows = counts.copy()
    rows.data = 1.0 + np.log(rows.data)
    return normalize(rows.multiply(idf).tocsr())


def fit(rows: "csr_matrix", gains: Numbers, alpha: float) -> Numbers:
    """The weight of each bucket, by ridge regression."""
    from sklearn.linear_model import Ridge

    return np.asarray(Ridge(alpha=alpha, solver="sparse_cg", tol=1e-6).fit(rows, gains).coef_, np.float64)


def curve(scores: Numbers, failed: Numbers) -> tuple[float, float]:
    """Slope and offset of the logistic curve from scores to failures (Platt); slope 0 where higher is no worse."""
    from sklearn.linear_model import LogisticRegression

    share = min(max(float(failed.mean()), 1e-6), 1.0 - 1e-6)
    flat = (0.0, float(np.log(share / (1.0 - share))))
    if not np.ptp(scores) or not 0.0 < failed.mean() < 1.0:
        return flat
    both = np.concatenate((scores, scores))[:, None]
    outcome = np.repeat((1, 0), len(scores))
    fitted = LogisticRegression(C=1e6).fit(both, outcome, sample_weight=np.concatenate((failed, 1.0 - failed)))
    slope = float(fitted.coef_[0, 0])
    return (slope, float(fitted.intercept_[0])) if slope > 0.0 else flat


def plain_scores(texts: Sequence[str], gains: Numbers, rows: Rows, others: Rows, least: int, alpha: float) -> Numbers:
    """The baseline: scores of `others` by TF-IDF of scikit-learn over its own words, and the same regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least, max_features=60_000)
    known = words.fit_transform([texts[row] for row in rows.tolist()])
    ridge = Ridge(alpha=alpha).fit(known, gains[rows])
    return np.asarray(ridge.predict(words.transform([texts[row] for row in others.tolist()])), np.float64)


def unseen(folds: Rows, scored: Callable[[Rows, Rows], Numbers]) -> Numbers:
    """Scores of all rows, each part by what was learned from the other parts."""
    scores = np.zeros(len(folds))
    for part in np.unique(folds):
        others = np.flatnonzero(folds == part)
        scores[others] = scored(np.flatnonzero(folds != part), others)
    return scores


def fold(key: str, folds: int) -> int:
    """The part that a key belongs to, the same for every set and every run."""
    return int(sha256(("fold|" + " ".join(key.lower().split())).encode("utf-8", "replace")).hexdigest()[:8], 16) % folds
