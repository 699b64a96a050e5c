"""Boosted trees of scikit-learn as data: fitted with several seeds, whose trees together are one score."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.confidence.score import Trees

__all__ = ["Growth", "boosted"]

_EXACT: Final = 9
"""Significant digits that are written of a number."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees are grown.

    Attributes:
        trees: of one seed.
        depth: of a tree.
        rate: share of each tree's advice that is taken.
        share: of the rows that each tree sees.
        leaf: fewest rows in a leaf.
        seeds: how many fits are averaged.
    """

    trees: int = 100
    depth: int = 3
    rate: float = 0.05
    share: float = 0.7
    leaf: int = 10
    seeds: int = 2


def boosted(
    table: NDArray[np.float64],
    target: NDArray[np.float64],
    inputs: tuple[str, ...],
    fill: tuple[float, ...],
    growth: Growth,
    seed: int,
) -> Trees:
    """Trees that predict the target by least squares.

    Args:
        table: a row for each answer, a column for each input, nothing missing.
        target: what is to be predicted, for each row.
        inputs: names of the columns.
        fill: what stood for missing values in the table.
        growth: how they are grown.
        seed: of the rows that each tree sees.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    nodes = _Nodes()
    base = 0.0
    for place in range(growth.seeds):
        fitted = GradientBoostingRegressor(
            n_estimators=growth.trees,
            max_depth=growth.depth,
            learning_rate=growth.rate,
            subsample=growth.share,
            min_samples_leaf=min(growth.leaf, max(1, len(target) // 10)),
            random_state=seed + place,
        ).fit(table, target)
        base += float(np.ravel(fitted.init_.constant_)[0]) / growth.seeds
        for tree in fitted.estimators_.ravel():
            nodes.add(tree.tree_, growth.rate / growth.seeds)
    return nodes.score(inputs, fill, base)


class _Nodes:
    """Nodes of all trees, one after another."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.split: list[int] = []
        self.limit: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.value: list[float] = []

    def add(self, tree: Any, factor: float) -> None:
        """Write one tree of scikit-learn behind the others; what its leaves say is multiplied by `factor`."""
        first = len(self.split)
        self.roots.append(first)
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            here = first + node
            self.split.append(-1 if leaf else int(tree.feature[node]))
            self.limit.append(0.0 if leaf else float(tree.threshold[node]))
            self.left.append(here if leaf else first + int(tree.children_left[node]))
            self.right.append(here if leaf else first + int(tree.children_right[node]))
            self.value.append(_short(factor * float(tree.value[node].ravel()[0])) if leaf else 0.0)

    def score(self, inputs: tuple[str, ...], fill: tuple[float, ...], base: float) -> Trees:
        """All of them as one score."""
        return Trees(
            inputs=inputs,
            fill=fill,
            base=_short(base),
            roots=tuple(self.roots),
            split=tuple(self.split),
            limit=tuple(self.limit),
            left=tuple(self.left),
            right=tuple(self.right),
            value=tuple(self.value),
        )


def _short(value: float) -> float:
    return float(f"{value:.{_EXACT}g}")
