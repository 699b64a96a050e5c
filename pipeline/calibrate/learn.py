"""Learn a score of answers from signals: a linear form and boosted trees, blended as they fare on rows not seen.

What is learned is whether an answer is right (`right`: the score is a probability), or how much better the answer of
the large model is (`gain`). A gain is learned in two ways that are blended too: directly, and by way of where the small
model is wrong, which has less noise where the large one is nearly always right. Everything depends on the seed alone.
Needs the extra `train`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.trees import Growth, boosted
from pipeline.confidence.score import MISSING, Blend, Columns, Linear, Part, Trees
from pipeline.errors import InvalidRequest, PartMissing

__all__ = ["FEWEST", "Settings", "learn", "parts_of", "unseen"]

Numbers: TypeAlias = NDArray[np.float64]
Single: TypeAlias = Linear | Trees

FEWEST: Final = 40
"""Rows below which nothing is learned."""
_SELDOM: Final = 0.005
"""Share of rows in which a signal must be missing, or there, for its absence to be an input."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a score is learned.

    Attributes:
        growth: of the trees.
        penalty: of the linear forms, for each row, on inputs of deviation 1.
        folds: parts of the rows by which the blend is chosen.
        seed: of all chance.
    """

    growth: Growth = field(default_factory=Growth)
    penalty: float = 0.06
    folds: int = 4
    seed: int = 7


def learn(
    columns: Columns,
    right: Numbers,
    strong: Numbers | None = None,
    settings: Settings = Settings(),
    groups: NDArray[np.int64] | None = None,
) -> Blend:
    """The score of an answer.

    Args:
        columns: signals, a column for each, nan where one is missing.
        right: how good each answer is, from 0 to 1.
        strong: how good the large model's answer to the same is; then the score is the gain by asking it.
        settings: how it is learned.
        groups: the part of each row for the choice of the blend; rows that belong together have the same.

    Raises:
        InvalidRequest: too few rows, or all alike.
        PartMissing: scikit-learn is not installed.
    """
    _importable()
    target = right if strong is None else strong - right
    if len(right) < FEWEST or not np.ptp(target):
        raise InvalidRequest(
            f"a score needs {FEWEST} labelled answers of which not all are alike; there are {len(right)}"
        )
    parts = _parts(len(right), settings) if groups is None else groups
    makers = parts_of(right, strong, settings)
    rows = np.arange(len(right))
    seen = np.zeros((len(right), len(makers)))
    for part in np.unique(parts):
        apart = parts == part
        for place, make in enumerate(makers):
            seen[apart, place] = make(_of(columns, ~apart), rows[~apart]).rows(_of(columns, apart))
    whole = [make(columns, rows) for make in makers]
    return _blended(whole, seen, target, probability=strong is None)


def unseen(
    columns: Columns,
    right: Numbers,
    folds: NDArray[np.int64],
    strong: Numbers | None = None,
    settings: Settings = Settings(),
) -> Numbers:
    """The score of every row by what was learned from the rows of the other folds."""
    scores = np.zeros(len(right))
    for part in np.unique(folds):
        apart = folds == part
        others = None if strong is None else strong[~apart]
        score = learn(_of(columns, ~apart), right[~apart], others, settings)
        scores[apart] = score.rows(_of(columns, apart))
    return scores


def parts_of(
    right: Numbers, strong: Numbers | None, settings: Settings
) -> list[Callable[[Columns, NDArray[np.int64]], Single]]:
    """What is blended: functions that learn from the columns of some rows."""
    wrong = 1.0 - right
    growth, seed = settings.growth, settings.seed
    if strong is None:
        return [
            lambda columns, rows: _odds(columns, right[rows], settings),
            lambda columns, rows: _grown(columns, right[rows], growth, seed),
        ]
    gain = strong - right
    return [
        lambda columns, rows: _ridge(columns, gain[rows], settings),
        lambda columns, rows: _grown(columns, gain[rows], growth, seed),
        lambda columns, rows: _odds(columns, wrong[rows], settings),
        lambda columns, rows: _grown(columns, wrong[rows], replace(growth, depth=max(1, growth.depth - 1)), seed),
    ]


# ------------------------------------------------------------ single scores


def _grown(columns: Columns, target: Numbers, growth: Growth, seed: int) -> Trees:
    inputs, fill, table = _table(columns)
    return boosted(table, target, inputs, fill, growth, seed)


def _ridge(columns: Columns, target: Numbers, settings: Settings) -> Linear:
    from sklearn.linear_model import Ridge

    inputs, fill, table = _table(columns)
    means, deviations = _scale(table)
    fitted = Ridge(alpha=settings.penalty * len(target)).fit((table - means) / deviations, target)
    return _linear(inputs, fill, fitted.coef_, float(fitted.intercept_), means, deviations)


def _odds(columns: Columns, target: Numbers, settings: Settings) -> Linear:
    """Log odds that the target is 1; a target between 0 and 1 counts as that share of a row."""
    from sklearn.linear_model import LogisticRegression

    inputs, fill, table = _table(columns)
    means, deviations = _scale(table)
    if not np.ptp(target):
        return Linear(inputs=(), fill=(), weights=())
    plain = (table - means) / deviations
    outcome = np.repeat((1, 0), len(target))
    # What logistic regression weighs is a quarter of what least squares weighs where both outcomes are equally likely.
    strength = 4.0 / (settings.penalty * len(target))
    fitted = LogisticRegression(C=strength, max_iter=300).fit(
        np.concatenate((plain, plain)), outcome, sample_weight=np.concatenate((target, 1.0 - target))
    )
    return _linear(inputs, fill, fitted.coef_[0], float(fitted.intercept_[0]), means, deviations)


def _linear(
    inputs: tuple[str, ...], fill: tuple[float, ...], slopes: Numbers, start: float, means: Numbers, deviations: Numbers
) -> Linear:
    """A form over standardised inputs as one over the inputs themselves."""
    weights = np.asarray(slopes, np.float64) / deviations
    return Linear(
        inputs=inputs,
        fill=fill,
        weights=tuple(weights.tolist()),
        intercept=start - float(weights @ means),
    )


# ------------------------------------------------------------ the blend


def _blended(scores: list[Single], seen: Numbers, target: Numbers, *, probability: bool) -> Blend:
    """The scores with weights, none negative, that fit best where their parts had not seen the rows."""
    from scipy.optimize import nnls

    means, deviations = _scale(seen)
    plain = (seen - means) / deviations
    weights, _ = nnls(plain, target - target.mean())
    if not weights.any():
        weights = np.full(len(scores), 1e-6)
    slope, start = (1.0, float(target.mean()))
    if probability:
        slope, start = _platt(plain @ weights, target)
    kept = [place for place in range(len(scores)) if weights[place] > 0.0]
    return Blend(
        parts=tuple(
            Part(
                score=scores[place],
                weight=slope * float(weights[place]),
                mean=float(means[place]),
                deviation=float(deviations[place]),
            )
            for place in kept
        ),
        intercept=start,
        link="logistic" if probability else "identity",
    )


def _platt(sums: Numbers, target: Numbers) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    outcome = np.repeat((1, 0), len(target))
    sure = np.concatenate((target, 1.0 - target))
    spread = float(np.std(sums)) or 1.0
    twice = np.concatenate((sums, sums))[:, None] / spread
    fitted = LogisticRegression(C=10.0).fit(twice, outcome, sample_weight=sure)
    return max(float(fitted.coef_[0, 0]) / spread, 1e-6), float(fitted.intercept_[0])


# ------------------------------------------------------------ tables


def _table(columns: Columns) -> tuple[tuple[str, ...], tuple[float, ...], Numbers]:
    """Inputs in the order of their names, what fills them, and a table without gaps."""
    inputs: list[str] = []
    fill: list[float] = []
    made: list[Numbers] = []
    for name in sorted(columns):
        values = columns[name]
        absent = np.isnan(values)
        share = float(absent.mean())
        if share == 1.0:
            continue
        middle = float(np.median(values[~absent]))
        if np.ptp(values[~absent]):
            inputs.append(name)
            fill.append(middle)
            made.append(np.where(absent, middle, values))
        if _SELDOM < share < 1.0 - _SELDOM:
            inputs.append(name + MISSING)
            fill.append(0.0)
            made.append(absent.astype(np.float64))
    if not made:
        raise InvalidRequest("no signal differs between the labelled answers; nothing can be learned from them")
    return tuple(inputs), tuple(fill), np.column_stack(made)


def _scale(table: Numbers) -> tuple[Numbers, Numbers]:
    deviations = table.std(axis=0)
    return table.mean(axis=0), np.where(deviations > 1e-12, deviations, 1.0)


def _of(columns: Columns, rows: NDArray[np.bool_]) -> Mapping[str, Numbers]:
    return {name: values[rows] for name, values in columns.items()}


def _parts(size: int, settings: Settings) -> NDArray[np.int64]:
    return np.random.default_rng(settings.seed).permutation(np.arange(size) % settings.folds)


def _importable() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise PartMissing("learning a score needs scikit-learn: pip install 'stepwell[train]'") from None
