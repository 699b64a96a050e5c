"""A weak and a strong model on the same questions, two orders of them, and the figures of these orders."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import areas_of, interval, shares_of
from evaluation.metrics import POINTS, PRICES, Order, Worth, charged, cost, oracle, recovered, worth
from evaluation.report import Curve, Figure, Options

__all__ = ["LEAD", "Compared", "Pair", "compared", "curves", "figures", "row"]

Numbers: TypeAlias = NDArray[np.float64]

LEAD: Final = 0.05
"""How much the strong model must lead in a group of questions for the group to count."""
_DRAWN: Final = 101


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair of models. In both orders the highest score is escalated first, and is escalated by no knowledge of it.

    Attributes:
        name: of the pair.
        source: of its questions; pairs with the same questions are drawn together in the bootstrap.
        weak: quality of each draft.
        strong: quality of each strong answer.
        ours: the order that is measured, each score by what was learned from other questions.
        baseline: the order it is held against, likewise.
        baseline_name: how that was made.
        opinions: what ours asked beside the draft for each request, in prices of a weak answer.
        baseline_opinions: the same of the baseline.
        groups: of the questions; then figures are means over those groups where the strong model leads by `LEAD`.
        counted: whether it belongs to the mean over pairs.
        steps: rows of a table of what each second opinion adds and costs.
    """

    name: str
    source: str
    weak: Numbers
    strong: Numbers
    ours: Numbers
    baseline: Numbers
    baseline_name: str
    opinions: float = 0.0
    baseline_opinions: float = 0.0
    groups: NDArray[np.str_] | None = None
    counted: bool = True
    steps: tuple[dict[str, Any], ...] = ()

    def parts(self) -> list[tuple[str, NDArray[np.int64]]]:
        """The rows of each group that counts, by a name."""
        if self.groups is None:
            return [("", np.arange(len(self.weak)))]
        found = [(str(name), np.flatnonzero(self.groups == name)) for name in np.unique(self.groups)]
        led = [(name, rows) for name, rows in found if (self.strong - self.weak)[rows].mean() >= LEAD]
        return led or found


@dataclass(frozen=True, slots=True)
class Compared:
    """Both orders of a pair and the oracle, and APGR of both orders in each round of the bootstrap."""

    pair: Pair
    ours: Worth
    baseline: Worth
    oracle: Worth
    charged: tuple[float, ...]
    baseline_charged: tuple[float, ...]
    drawn: Numbers
    baseline_drawn: Numbers
    parts: tuple[str, ...] = field(default=())


def compared(pair: Pair, options: Options) -> Compared:
    """Measure both orders."""
    parts = pair.parts()

    def figured(scores: Numbers) -> Worth:
        each = [worth(scores[rows], pair.weak[rows], pair.strong[rows]) for _, rows in parts]
        return Worth(*(float(np.mean([getattr(one, name) for one in each])) for name in Worth.__slots__))

    def paid(scores: Numbers, opinions: float, price: float) -> float:
        return float(
            np.mean([charged(scores[rows], pair.weak[rows], pair.strong[rows], opinions * price) for _, rows in parts])
        )

    return Compared(
        pair,
        figured(pair.ours),
        figured(pair.baseline),
        figured(oracle(pair.weak, pair.strong)),
        tuple(paid(pair.ours, pair.opinions, price) for price in PRICES),
        tuple(paid(pair.baseline, pair.baseline_opinions, price) for price in PRICES),
        _rounds(pair, pair.ours, options),
        _rounds(pair, pair.baseline, options),
        tuple(name for name, _ in parts),
    )


def figures(found: Compared, options: Options, marks: dict[str, tuple[float, float]]) -> list[Figure]:
    """APGR and CPT80 of a pair with intervals; `marks` of CPT80 by the name of the pair: mark and goal, in %."""
    pair = found.pair
    over = found.drawn - found.baseline_drawn
    size = sum(len(rows) for _, rows in pair.parts())
    area = Figure(
        f"APGR {pair.name}",
        found.ours.apgr,
        *interval(found.drawn),
        found.baseline.apgr,
        found.ours.apgr - found.baseline.apgr,
        *interval(over),
        rows=size,
    )
    if pair.name not in marks:
        return [area]
    mark, goal = marks[pair.name]
    ours, baseline = (_rounds(pair, scores, options, 0.8) * 100.0 for scores in (pair.ours, pair.baseline))
    share = Figure(
        f"CPT80 in % {pair.name}",
        found.ours.cpt80 * 100.0,
        *interval(ours),
        found.baseline.cpt80 * 100.0,
        (found.ours.cpt80 - found.baseline.cpt80) * 100.0,
        *interval(ours - baseline),
        mark=mark,
        better="lower",
        rows=size,
        goal=goal,
    )
    return [area, share]


def row(found: Compared) -> dict[str, Any]:
    """The row of a pair in the table of costs: prices in strong answers for each request."""
    pair, ours = found.pair, found.ours
    rows = np.concatenate([rows for _, rows in pair.parts()])
    told: dict[str, Any] = {
        "pair": pair.name,
        "weak": float(pair.weak[rows].mean()),
        "strong": float(pair.strong[rows].mean()),
        "union": float(np.maximum(pair.weak, pair.strong)[rows].mean()),
        "APGR oracle": found.oracle.apgr,
        "baseline": pair.baseline_name,
        "CPT50 %": ours.cpt50 * 100.0,
        "(base)": found.baseline.cpt50 * 100.0,
        "CPT80 %": ours.cpt80 * 100.0,
        "(base) ": found.baseline.cpt80 * 100.0,
        "q(20 %)": ours.q20,
        "(base)  ": found.baseline.q20,
    }
    return told


def costs(found: Compared) -> dict[str, Any]:
    """What 80 % of the gain costs, and APGR when the second opinions are paid out of the same budget."""
    pair = found.pair
    told: dict[str, Any] = {"pair": pair.name, "opinions": pair.opinions, "(base)": pair.baseline_opinions}
    for place, price in enumerate(PRICES):
        told[f"cost at 80 %, c_w={price}"] = cost(found.ours.cpt80, pair.opinions, price)
        told[f"(base){' ' * (2 * place + 1)}"] = cost(found.baseline.cpt80, pair.baseline_opinions, price)
        told[f"APGR charged, c_w={price}"] = found.charged[place]
        told[f"(base){' ' * (2 * place + 2)}"] = found.baseline_charged[place]
    return told


def curves(pair: Pair) -> tuple[Curve, ...]:
    """Recovered part of the gain by share escalated: random, baseline, ours, oracle."""
    keep = np.linspace(0, POINTS - 1, _DRAWN).astype(int)
    grid = np.linspace(0.0, 1.0, POINTS)[keep]
    named = {"baseline": pair.baseline, "ours": pair.ours, "oracle": oracle(pair.weak, pair.strong)}
    made = [Curve("random", tuple(grid.tolist()), tuple(grid.tolist()))]
    for name, scores in named.items():
        each = [recovered(scores[rows], pair.weak[rows], pair.strong[rows])[1][keep] for _, rows in pair.parts()]
        made.append(Curve(name, tuple(grid.tolist()), tuple(np.mean(each, axis=0).tolist())))
    return tuple(made)


def _rounds(pair: Pair, scores: Numbers, options: Options, share: float | None = None) -> Numbers:
    """The mean over the groups of APGR in each round, or of CPT(share)."""
    each = []
    for name, rows in pair.parts():
        order = Order(scores[rows], pair.weak[rows], pair.strong[rows])
        label = f"{pair.source}/{name}"
        drawn = (
            areas_of(order, options.rounds, options.seed, label)
            if share is None
            else shares_of(order, share, options.rounds, options.seed, label)
        )
        each.append(drawn)
    return np.asarray(np.mean(each, axis=0), np.float64)
