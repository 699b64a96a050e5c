"""Cases of H2: the rows of one set and one pair of models, and what a threshold does on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.data import Row
from pipeline.confidence.floors import floor_threshold

__all__ = [
    "DELTA",
    "FLOORS",
    "Case",
    "Floats",
    "Outcome",
    "cases_of",
    "finite",
    "least_escalated",
    "measured",
    "plain_threshold",
    "ratios_of",
    "threshold_of",
]

FLOORS: Final = (0.90, 0.95, 0.98)
DELTA: Final = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """The rows of one set and one pair of models: scores of the drafts, and which answers were right."""

    pair: str
    group: str
    scores: Floats
    weak: Floats
    strong: Floats

    @property
    def name(self) -> tuple[str, str]:
        """By which labels and scored rows find each other."""
        return self.pair, self.group


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a threshold did: the quality served as a part of the strong model's, what it escalated, and the least."""

    case: Case
    floor: float
    quality: float
    escalated: float
    least: float
    promised: bool

    @property
    def kept(self) -> bool:
        """Whether the floor was kept."""
        return self.quality >= self.floor - 1e-9

    @property
    def ratio(self) -> float:
        """What was escalated against the least; nan where nothing had to be."""
        return self.escalated / self.least if self.least > 0.0 else float("nan")


def cases_of(rows: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> list[Case]:
    """Every set and pair that the rows have."""
    found = []
    groups = sorted({str(row["dataset"]) for row in rows})
    for weak, strong in pairs:
        for group in groups:
            own = [row for row in rows if row["dataset"] == group and weak in row and strong in row]
            if own:
                drafts = np.array([row[weak] for row in own], np.float64)
                large = np.array([row[strong][0] for row in own], np.float64)
                scores = (drafts[:, 1] + drafts[:, 3]) / 2.0 if weak == "Mixtral" else drafts[:, 1]
                found.append(
                    Case(f"{weak} → {strong}", group, scores, (drafts[:, 0] == 1).astype(float), (large == 1) * 1.0)
                )
    return found


def threshold_of(labels: Case | None, floor: float, plain: bool) -> float | None:
    """That of the product's rule, or the plain one; None: everything is escalated."""
    if labels is None:
        return None
    if plain:
        return plain_threshold(labels, floor)
    return floor_threshold(labels.scores, labels.weak, labels.strong, floor, DELTA).threshold


def measured(case: Case, floor: float, threshold: float | None) -> Outcome:
    """What a threshold did on a case; None escalates everything."""
    leaves = np.ones(len(case.scores), np.bool_) if threshold is None else case.scores < threshold
    served = float(np.where(leaves, case.strong, case.weak).mean())
    best = float(case.strong.mean())
    quality = served / best if best > 0.0 else 1.0
    return Outcome(case, floor, quality, float(leaves.mean()), least_escalated(case, floor), threshold is not None)


def least_escalated(case: Case, floor: float) -> float:
    """The smallest share that keeps the floor on these very rows, escalating the lowest scores first."""
    places, over = _over(case, floor)
    return float(places[int(np.argmax(over >= -1e-9))]) / len(case.scores)


def plain_threshold(labels: Case, floor: float) -> float | None:
    """The lowest threshold at which the labels just show the floor; None: only with everything escalated."""
    places, over = _over(labels, floor)
    place = int(places[int(np.argmax(over >= -1e-9))])
    return None if place == len(labels.scores) else float(np.sort(labels.scores)[place])


def _over(case: Case, floor: float) -> tuple[NDArray[np.int64], Floats]:
    """Numbers of rows that may be escalated, ties together, and by how much the floor is then passed in sum."""
    order = np.argsort(case.scores, kind="stable")
    ranked = case.scores[order]
    places = np.concatenate(([0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, [len(ranked)]))
    gained = np.concatenate(([0.0], np.cumsum((case.strong - case.weak)[order])))
    return places, float((case.weak - floor * case.strong).sum()) + gained[places]


def ratios_of(made: Sequence[Outcome]) -> Floats:
    """What was escalated against the least, of cases in which something had to be."""
    return finite(np.array([one.ratio for one in made]))


def finite(given: Floats) -> Floats:
    """Those of cases in which something had to be escalated."""
    found = given[np.isfinite(given)]
    return found if len(found) else np.array([np.nan])
