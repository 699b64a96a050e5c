"""Fitting the learned score: TF-IDF over hashed words and pairs of words, ridge regression, a logistic curve.

It learns the gain of the large model over the small one where both are known (which is what an order of questions is
for), else where the small one failed. The curve makes a probability of it that the small model fails. What it is worth
is measured on questions that it has not seen: five parts by key, each scored by a model of the other four. Needs the
extra `train`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.adapters.difficulty.examples import Example
from pipeline.adapters.difficulty.fitting import Rows, counts_of, curve, fit, fold, idf_of, plain_scores, tfidf, unseen
from pipeline.adapters.difficulty.gain import Gain, Measured, Numbers, difference, measured
from pipeline.contracts import Json, Request
from pipeline.errors import InvalidRequest, PartMissing
from pipeline.signals.complexity import complexity
from pipeline.signals.difficulty import Learned

__all__ = ["FEWEST", "SetGain", "Settings", "Trained", "train"]

FEWEST: Final = 100
"""Questions below which nothing is learned."""
_BINS: Final = 15


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is fitted.

    Attributes:
        bits: there are `2 ** bits` buckets of words.
        least: in how many questions a bucket must occur to count; what is rarer leaves no trace.
        alpha: of the ridge regression.
        folds: parts of the cross-validation.
        rounds: of the bootstrap for intervals.
        compare: whether plain TF-IDF and the complexity are measured beside it.
        fewest: questions below which nothing is learned.
    """

    bits: int = 18
    least: int = 3
    alpha: float = 10.0
    folds: int = 5
    rounds: int = 500
    compare: bool = True
    fewest: int = FEWEST


@dataclass(frozen=True, slots=True)
class SetGain:
    """What the score is worth on one set of questions, beside other orders; `over_…` are differences of APGR."""

    name: str
    rows: int
    weak: float
    strong: float | None
    gain: Gain
    over_chance: Measured
    calibration: float
    tfidf: Gain | None = None
    over_tfidf: Measured | None = None
    complexity: Gain | None = None
    over_complexity: Measured | None = None

    def sentence(self) -> str:
        """Whether it pays on this set, in words."""
        over = self.over_chance
        against = f"{over.value:+.3f} against chance ({over.low:+.3f} to {over.high:+.3f})"
        said = f"{self.name}: APGR {self.gain.apgr:.3f}, {against}"
        if over.low <= 0.0:
            return f"{said}: that may be chance; it does not pay here"
        if self.over_complexity is not None and self.over_complexity.low <= 0.0:
            return f"{said}, but not surely better than req.complexity, which needs no training"
        return f"{said}: it pays"

    @property
    def pays(self) -> bool:
        """Whether it is better than chance, and than the complexity where that was measured, beyond doubt."""
        return self.over_chance.low > 0.0 and (self.over_complexity is None or self.over_complexity.low > 0.0)


@dataclass(frozen=True, slots=True)
class Trained:
    """The score, and what it is worth on each set."""

    learned: Learned
    sets: tuple[SetGain, ...]

    @property
    def pays(self) -> bool:
        """Whether it pays on every set."""
        return all(found.pays for found in self.sets)


def train(examples: Sequence[Example], settings: Settings = Settings()) -> Trained:
    """Fit the score and measure it.

    Raises:
        InvalidRequest: too few questions, or all of them with the same outcome.
        PartMissing: scikit-learn is not installed.
    """
    _importable()
    gains, failed = _targets(examples)
    _enough(examples, gains, settings.fewest)
    counts = counts_of([example.text for example in examples], settings.bits)
    parts = np.array([fold(example.key, settings.folds) for example in examples])

    def scored(rows: Rows, others: Rows) -> Numbers:
        rare = idf_of(counts[rows], settings.least)
        return np.asarray(tfidf(counts[others], rare) @ fit(tfidf(counts[rows], rare), gains[rows], settings.alpha))

    scores = unseen(parts, scored)
    slope, offset = curve(scores, failed)
    sets = tuple(_sets(examples, settings, scores, gains, failed, parts))
    idf = idf_of(counts, settings.least)
    weights = fit(tfidf(counts, idf), gains, settings.alpha)
    learned = Learned(
        idf=idf.astype(np.float32),
        weights=np.where(idf > 0.0, weights, 0.0).astype(np.float32),
        slope=slope,
        offset=offset,
        rows=len(examples),
        measured={"sets": [_told(found) for found in sets]},
    )
    return Trained(learned, sets)


# ------------------------------------------------------------ what is learned


def _targets(examples: Sequence[Example]) -> tuple[Numbers, Numbers]:
    """What the large model gains on each question, and how much the small one fails."""
    failed = np.array([1.0 - example.weak for example in examples])
    strong = [example.strong for example in examples]
    if any(value is None for value in strong):
        return failed, failed
    return np.array(strong, np.float64) - (1.0 - failed), failed


def _enough(examples: Sequence[Example], gains: Numbers, fewest: int) -> None:
    if len(examples) < fewest:
        raise InvalidRequest(
            f"there are {len(examples)} labelled questions; at least {fewest} are needed to learn from"
        )
    for source in {example.source for example in examples}:
        total = gains[[example.source == source for example in examples]].sum()
        if total <= 0.0:
            raise InvalidRequest(
                f"{source}: the small model is as good as the large one there: there is nothing to learn"
            )


# ------------------------------------------------------------ what it is worth


def _sets(
    examples: Sequence[Example], settings: Settings, scores: Numbers, gains: Numbers, failed: Numbers, parts: Rows
) -> Iterator[SetGain]:
    probabilities = _probabilities(scores, failed, parts)
    others = _others(examples, settings, gains, parts) if settings.compare else {}
    sources = np.array([example.source for example in examples])
    for name in dict.fromkeys(sources.tolist()):
        rows = np.flatnonzero(sources == name)
        large = [examples[row].strong for row in rows.tolist()]
        beside = {other: (measured(order[rows], gains[rows]), order[rows]) for other, order in others.items()}
        over = {
            other: difference(scores[rows], order, gains[rows], rounds=settings.rounds)
            for other, (_, order) in beside.items()
        }
        yield SetGain(
            name=name,
            rows=len(rows),
            weak=float(1.0 - failed[rows].mean()),
            strong=None if None in large else float(np.mean(np.array(large, np.float64))),
            gain=measured(scores[rows], gains[rows]),
            over_chance=difference(scores[rows], np.zeros(len(rows)), gains[rows], rounds=settings.rounds),
            calibration=_error(probabilities[rows], failed[rows]),
            tfidf=beside["tfidf"][0] if beside else None,
            over_tfidf=over.get("tfidf"),
            complexity=beside["complexity"][0] if beside else None,
            over_complexity=over.get("complexity"),
        )


def _others(examples: Sequence[Example], settings: Settings, gains: Numbers, parts: Rows) -> dict[str, Numbers]:
    """Other orders of the same questions: plain TF-IDF, and the complexity."""
    texts = [example.text for example in examples]
    return {
        "tfidf": unseen(
            parts, lambda rows, others: plain_scores(texts, gains, rows, others, settings.least, settings.alpha)
        ),
        "complexity": np.array([complexity(Request(input=text)).score for text in texts]),
    }


def _probabilities(scores: Numbers, failed: Numbers, parts: Rows) -> Numbers:
    """Probabilities of failing, each part by a curve that was fitted on the other parts."""

    def fitted(rows: Rows, others: Rows) -> Numbers:
        slope, offset = curve(scores[rows], failed[rows])
        return np.asarray(1.0 / (1.0 + np.exp(-(slope * scores[others] + offset))), np.float64)

    return unseen(parts, fitted)


def _error(probabilities: Numbers, failed: Numbers) -> float:
    """Expected calibration error over 15 equal bins: how far off the probabilities are, on average."""
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    found = [bins == number for number in np.unique(bins)]
    return float(sum(abs(probabilities[rows].sum() - failed[rows].sum()) for rows in found) / len(failed))


def _told(found: SetGain) -> dict[str, Json]:
    def gain(value: Gain | None) -> Json:
        if value is None:
            return None
        return {"apgr": round(value.apgr, 4), "cpt50": round(value.cpt50, 4), "cpt80": round(value.cpt80, 4)}

    def over(value: Measured | None) -> Json:
        return None if value is None else [round(figure, 4) for figure in (value.value, value.low, value.high)]

    return {
        "set": found.name,
        "rows": found.rows,
        "weak": round(found.weak, 4),
        "strong": None if found.strong is None else round(found.strong, 4),
        "gain": gain(found.gain),
        "over_chance": over(found.over_chance),
        "calibration_error": round(found.calibration, 4),
        "tfidf": gain(found.tfidf),
        "over_tfidf": over(found.over_tfidf),
        "complexity": gain(found.complexity),
        "over_complexity": over(found.over_complexity),
        "pays": found.pays,
        "sentence": found.sentence(),
    }


def _importable() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise PartMissing(
            "scikit-learn is needed to train a score: install it (pip install 'stepwell[train]')"
        ) from None
