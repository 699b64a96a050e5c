"""A pair's order, learned on the fit side of each split and applied to the other: what all sets with texts share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from evaluation.data import Folder, Row
from evaluation.protocols.routing_texts import Numbers, Rows, out_of_fold, shrunken
from evaluation.splits import Key, splits
from pipeline.calibrate.learn import Settings, learn
from pipeline.calibrate.trees import Growth

__all__ = ["Both", "Side", "gain_order", "over_splits", "topical"]

Both: TypeAlias = tuple[Numbers, Numbers]
"""A column for the known rows, made out of fold where it was learned, and for the others."""


@dataclass(frozen=True, slots=True)
class Side:
    """All rows of one split, the known ones first; which are known, which are to be scored, and their quality."""

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
) -> tuple[Numbers, Numbers, list[Numbers]]:
    """Quality of the weak and strong answers of all scored rows, and each order that `scores` makes of them.

    Raises `Absent`.
    """
    parts = splits(fit, data, name, key)
    size = sum(len(part.places) for part in parts)
    weak, strong = np.zeros(size), np.zeros(size)
    orders: list[Numbers] = []
    for part in parts:
        places = np.array(part.places)
        if len(parts) == 1:
            rows = [*part.data, *part.fit]
            known, others = np.arange(size, len(rows)), places
        else:  # one order of the rows for all splits, so that what is counted in their texts is counted once
            rows, known, others = data.rows(name), np.setdiff1d(np.arange(size), places), places
        both = np.array([quality(row) for row in rows], np.float64)
        weak[places], strong[places] = both[others, 0], both[others, 1]
        made = scores(Side(rows, known, others, both[:, 0], both[:, 1], [key(row) for row in rows]))
        orders = orders or [np.zeros(size) for _ in made]
        for order, own in zip(orders, made, strict=True):
            order[places] = own
    return weak, strong, orders


def gain_order(side: Side, columns: dict[str, Both], *texts: str, quick: bool, seed: int) -> Numbers:
    """Predicted gain of the rows to score, by the product's learned score.

    Args:
        side: the rows.
        columns: signals.
        texts: columns that predict the gain by themselves; as much as the learned score is given to them together.
        quick: whether few trees do.
        seed: of the learning.
    """
    growth = Growth(trees=20, seeds=1) if quick else Growth(trees=80, seeds=1)
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
