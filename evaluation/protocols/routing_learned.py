"""A pair's order, learned on the fit side of each split and applied to the other: what all sets with texts share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from evaluation.data import Folder, Row
from evaluation.protocols.routing_texts import Numbers, Rows, out_of_fold, shrunken
from evaluation.splits import Key, splits
from pipeline.calibrate.learn import Settings, learn
from pipeline.calibrate.trees import Growth

__all__ = ["Both", "Side", "gain_order", "over_splits", "topical"]

_QUICK: Final = 150
Both: TypeAlias = tuple[Numbers, Numbers]
"""A column for the known rows, made out of fold where it was learned, and for the others."""


@dataclass(frozen=True, slots=True)
class Side:
    """All rows of one split, the scored ones first; which are known, which are to be scored, and their quality."""

    rows: Sequence[Row]
    known: Rows
    others: Rows
    weak: Numbers
    strong: Numbers
    keys: Sequence[str]

    @property
    def gains(self) -> Numbers:
        """What the strong answer is better."""
        return self.strong - self.weak

    def plain(self, values: Sequence[float | None] | Numbers) -> Both:
        """A column that nothing was learned for."""
        column = np.array([np.nan if value is None else value for value in values], np.float64)
        return column[self.known], column[self.others]


def over_splits(
    fit: Folder,
    data: Folder,
    name: str,
    key: Key,
    quality: Callable[[Row], tuple[float, float]],
    scores: Callable[[Side], Sequence[Numbers]],
    *,
    quick: bool = False,
) -> tuple[Numbers, Numbers, list[Numbers]]:
    """Quality of the weak and strong answers of all scored rows, and each order that `scores` makes of them.

    `quick` looks at a few hundred rows. Raises `Absent`.
    """
    sides = _sides(fit, data, name, key, quality, quick=quick)
    size = sum(len(side.others) for side in sides)
    weak, strong = np.zeros(size), np.zeros(size)
    orders: list[Numbers] = []
    for side in sides:
        # Scored rows stand first in every split, in the same order, so their places among all are their numbers.
        weak[side.others], strong[side.others] = side.weak[side.others], side.strong[side.others]
        made = scores(side)
        orders = orders or [np.zeros(size) for _ in made]
        for order, own in zip(orders, made, strict=True):
            order[side.others] = own
    return weak, strong, orders


def _sides(
    fit: Folder, data: Folder, name: str, key: Key, quality: Callable[[Row], tuple[float, float]], *, quick: bool
) -> list[Side]:
    """The rows of each split: in one order for all splits, so that what is counted in their texts is counted once."""
    parts = splits(fit, data, name, key)
    scored = data.rows(name)
    step = max(1, len(scored) // _QUICK) if quick else 1
    rows = scored[::step]
    further = list(parts[0].fit[::step]) if len(parts) == 1 else []
    both = np.array([quality(row) for row in [*rows, *further]], np.float64)
    keys = [key(row) for row in [*rows, *further]]
    everything = np.arange(len(both))
    made = []
    for part in parts:
        others = np.array([place // step for place in part.places if place % step == 0], np.int64)
        known = np.setdiff1d(everything, others)
        made.append(Side([*rows, *further], known, others, both[:, 0], both[:, 1], keys))
    return made


def gain_order(side: Side, columns: dict[str, Both], *texts: str, quick: bool, seed: int) -> Numbers:
    """Predicted gain of the rows to score, by the product's learned score.

    Args:
        side: the rows.
        columns: signals.
        texts: columns that predict the gain by themselves; as much as the learned score is given to them together.
        quick: whether few trees do.
        seed: of the learning.
    """
    growth = Growth(trees=15, seeds=1) if quick else Growth(trees=80, seeds=1)
    score = learn(
        {name: known for name, (known, _) in columns.items()},
        side.weak[side.known],
        side.strong[side.known],
        Settings(growth=growth, seed=seed, folds=3),
    )
    learned = score.rows({name: others for name, (_, others) in columns.items()})
    return learned + sum((columns[name][1] for name in texts), np.zeros(1)) / max(1, len(texts))


def topical(side: Side, topics: Sequence[str], name: str) -> dict[str, Both]:
    """What the topic of a row says: shrunken means of the gain and of both qualities."""
    groups = np.array(topics)
    targets = {"gain": side.gains, "weak": side.weak, "strong": side.strong}
    return {
        f"{name}_{what}": out_of_fold(partial(shrunken, groups, target), side.known, side.others, side.keys)
        for what, target in targets.items()
    }
