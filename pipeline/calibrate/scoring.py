"""Which score a gate rests on: one signal as it is, or one learned from all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.labels import Label
from pipeline.confidence.curves import CLIP
from pipeline.confidence.score import Blend, Linear, Trees, column, scorer, signals_of
from pipeline.errors import InvalidRequest
from pipeline.policy.calibration import Signal

__all__ = ["FEWEST_TO_LEARN", "Scoring", "scoring_of"]

FEWEST_TO_LEARN: Final = 300
"""Labels to fit from which a score of many signals is worth trying."""
_TO_CURVE, _TO_LEARN = 0.25, 0.5
_COVERED: Final = 0.5
_FOLDS: Final = 3
_FEWEST_AT_ALL: Final = 100
"""Labels to fit from which a score is learned where no single signal lies between 0 and 1."""
_CLEARLY: Final = 0.005
"""By how much a learned score has to tell right from wrong better than one signal to be preferred."""

Learned = Linear | Trees | Blend
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scoring:
    """A score and what it does to labels.

    Attributes:
        document: what stands in the file.
        value: the score of a label; None: every signal that it asks for is missing.
        aside: scores of the labels it was fitted to, by their keys, each by a score that has not seen it.
        gain: the score of what the large model is expected to add.
        lost: what it has to do without.
    """

    document: Signal | Learned
    value: Callable[[Label], float | None]
    aside: dict[str, float]
    gain: Learned | None = None
    lost: str | None = None

    def of(self, label: Label) -> float | None:
        """The score of a label, between 0 and 1."""
        return self.value(label)

    def unseen(self, labels: Sequence[Label]) -> list[float]:
        """Scores of labels it was fitted to, as if it had not seen them."""
        return [self.aside.get(label.key, self.value(label) or CLIP) for label in labels]


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of score, before it is fitted."""

    name: str
    fit_share: float
    seed: int
    confident: bool
    learns: bool

    def fitted(self, labels: Sequence[Label]) -> Scoring:
        """The score, fitted to these labels alone.

        Raises:
            InvalidRequest: no label has a signal to score by.
        """
        lost = None if self.confident else "no label had log-probabilities: how sure the model sounded is not known"
        if self.name not in ("auto", "learned"):
            return _single(self.name, lost)
        plain = _best_single(labels)
        if not self.learns and (plain is not None or len(labels) < _FEWEST_AT_ALL):
            return _single(_or_refuse(plain)[0], lost)
        learned, aside = _learned(labels, self.seed)
        right = np.array([label.right for label in labels])
        if learned is None or (self.name == "auto" and plain and plain[1] + _CLEARLY > _tells(aside, right)):
            return _single(_or_refuse(plain)[0], lost)
        keys = [label.key for label in labels]
        unseen = dict(zip(keys, map(float, aside), strict=True))
        return Scoring(learned, _value_of(learned), unseen, _gain(labels, self.seed), lost)


def scoring_of(labels: Sequence[Label], name: str, seed: int) -> Choice:
    """What to score by: `auto`, `learned`, or the name of one signal."""
    known = [label.confidence is not None for label in labels]
    confident = bool(known) and any(known)
    enough = 0.8 * _TO_LEARN * len(labels) >= FEWEST_TO_LEARN and _several(labels)
    learns = name == "learned" or (name == "auto" and enough)
    return Choice(name, _TO_LEARN if learns else _TO_CURVE, seed, confident, learns)


def _several(labels: Sequence[Label]) -> bool:
    return any(len([name for name, value in label.signals.items() if value is not None]) > 1 for label in labels)


# ---------------------------------------------------------------- one signal


def _single(name: str, lost: str | None) -> Scoring:
    def value(label: Label) -> float | None:
        found = label.inputs.get(name)
        return None if found is None else min(max(found, CLIP), 1.0 - CLIP)

    return Scoring(Signal(name=name), value, {}, None, lost)


def _best_single(labels: Sequence[Label]) -> tuple[str, float] | None:
    """The signal that tells right from wrong best, and how well; the confidence where most labels have it."""
    best: tuple[str, float] | None = None
    for name in _names(labels, _COVERED):
        there = [label for label in labels if label.inputs.get(name) is not None]
        values = np.array([label.inputs[name] for label in there], np.float64)
        if values.min() < 0.0 or values.max() > 1.0:
            continue
        tells = _tells(values, np.array([label.right for label in there]))
        if name == "confidence":
            return name, tells
        if best is None or tells > best[1]:
            best = name, tells
    return best


def _or_refuse(found: tuple[str, float] | None) -> tuple[str, float]:
    if found is None:
        raise InvalidRequest(
            "no signal that differs occurs in half of the labels: give a confidence or signals with each of them"
        )
    return found


def _names(labels: Sequence[Label], covered: float) -> list[str]:
    """Signals that occur in such a share of the labels and are not always the same."""
    names = {name: None for label in labels for name in label.inputs}
    found = []
    for name in sorted(names, key=lambda each: (each != "confidence", each)):
        values = [value for label in labels if (value := label.inputs.get(name)) is not None]
        if len(values) >= max(1, covered * len(labels)) and len(set(values)) > 1:
            found.append(name)
    return found


def _tells(scores: Floats, right: NDArray[np.bool_]) -> float:
    """How likely a right draft has the higher score of two (the area under the receiver's curve)."""
    hits = int(right.sum())
    if hits in (0, len(right)):
        return 0.5
    _values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[places]
    return float((ranks[right].sum() - hits * (hits + 1) / 2.0) / (hits * (len(right) - hits)))


# ---------------------------------------------------------------- all of them


def _learned(labels: Sequence[Label], seed: int) -> tuple[Learned | None, Floats]:
    """A score of all signals, and what scores of its kind say of labels that they have not seen."""
    from pipeline.calibrate.learn import Settings, learn, unseen  # it needs scikit-learn

    names = _names(labels, 0.05)
    if not names:
        return None, np.zeros(len(labels))
    columns = {name: column([label.inputs.get(name) for label in labels]) for name in names}
    right = np.array([float(label.right) for label in labels])
    folds = np.random.default_rng(seed).permutation(len(labels)) % _FOLDS
    settings = Settings(seed=seed)
    return learn(columns, right, settings=settings), unseen(columns, right, folds, settings=settings)


def _value_of(score: Learned) -> Callable[[Label], float | None]:
    made, asked = scorer(score), signals_of(score)

    def value(label: Label) -> float | None:
        inputs = label.inputs
        if all(inputs.get(name) is None for name in asked):
            return None
        return min(max(made(inputs), CLIP), 1.0 - CLIP)

    return value


def _gain(labels: Sequence[Label], seed: int) -> Learned | None:
    """A score of what the large model adds, where enough labels tell how it did."""
    from pipeline.calibrate.learn import Settings, learn

    known = [label for label in labels if label.large_right is not None]
    names = _names(known, 0.05)
    if len(known) < FEWEST_TO_LEARN or not names:
        return None
    columns = {name: column([label.inputs.get(name) for label in known]) for name in names}
    right = np.array([float(label.right) for label in known])
    strong = np.array([float(bool(label.large_right)) for label in known])
    if not np.ptp(strong - right):
        return None
    return learn(columns, right, strong, Settings(seed=seed))
