"""What is in reach of H2: the same rule with fewer and more labels, and with the truth known.

Labels and rows to score are drawn anew, with replacement and apart from each other, as if the rows of the folder were
all requests there are. A margin shrinks as one through the root of the labels and of the rows that are scored. With the
truth known there is nothing left to estimate, and the margin covers the chance in the scored rows alone: no rule that
keeps the floors as often can escalate much less with the same scores.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from evaluation.protocols.floors_cases import DELTA, FLOORS, Case, Outcome, measured, ratios_of, threshold_of
from pipeline.confidence.floors import floor_threshold

__all__ = ["reach"]

_PARTS: Final = (0.25, 0.5, 1.0, 2.0)
_OFTEN: Final = 50
"""How often the rows are repeated to stand for the truth: a margin for labels of a fiftieth is none."""


def reach(cases: Sequence[Case], rounds: int, seed: int) -> list[dict[str, Any]]:
    """A row for each number of labels, as a part of the rows that there are, without and with the truth known."""
    chance = np.random.default_rng(seed)
    told = []
    for part in _PARTS:
        truths = {(case.name, floor): _truth(case, floor, part) for case in cases for floor in FLOORS}
        learned: list[Outcome] = []
        known: list[Outcome] = []
        for _ in range(rounds):
            for case in cases:
                labels, rows = _drawn(case, part, chance), _drawn(case, part, chance)
                for floor in FLOORS:
                    learned.append(measured(rows, floor, threshold_of(labels, floor, plain=False)))
                    known.append(measured(rows, floor, truths[case.name, floor]))
        told.append(
            {
                "labels and scored rows": f"{part:g} x those there are",
                "kept": float(np.mean([one.kept for one in learned])),
                "x least, median": float(np.median(ratios_of(learned))),
                "truth known: kept": float(np.mean([one.kept for one in known])),
                "truth known: x least, median": float(np.median(ratios_of(known))),
            }
        )
    return told


def _drawn(case: Case, part: float, chance: np.random.Generator) -> Case:
    rows = chance.integers(0, len(case.scores), max(1, round(part * len(case.scores))))
    return Case(case.pair, case.group, case.scores[rows], case.weak[rows], case.strong[rows])


def _truth(case: Case, floor: float, part: float) -> float | None:
    """The threshold where the labels are so many that they are no matter of chance."""
    scores, weak, strong = (np.tile(column, _OFTEN) for column in (case.scores, case.weak, case.strong))
    ahead = max(1, round(part * len(case.scores)))
    return floor_threshold(scores, weak, strong, floor, DELTA, ahead).threshold
