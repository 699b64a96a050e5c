"""The pair of H1 with calls of functions: a small system's draft, a large one, and a third as a second opinion."""

import numpy as np

from evaluation.data import Folder, Row
from evaluation.protocols.functions_cases import GEMMA, GLYPHH, Cases, cases_of, joined, key, learned, scored
from evaluation.protocols.pairs import Pair
from evaluation.report import Options
from evaluation.splits import FOLDS, fold

__all__ = ["OPINION_PRICE", "apart", "pairs"]

OPINION_PRICE = 5.0
"""Price of a second opinion, in prices of a draft: a system of four billion parameters beside one of 0.8."""


def apart(fit: Folder, data: Folder) -> tuple[list[Row], list[tuple[list[int], list[int]]], list[int]]:
    """All rows, and for each split the places to learn from and to score; then the places that are scored at all."""
    scored_rows = joined(data)
    if fit.path.resolve() == data.path.resolve():
        parts = [fold(key(row)) for row in scored_rows]
        found = [
            ([i for i, part in enumerate(parts) if part != k], [i for i, part in enumerate(parts) if part == k])
            for k in range(FOLDS)
        ]
        return scored_rows, [each for each in found if all(each)], list(range(len(scored_rows)))
    known = {key(row) for row in scored_rows}
    others = [row for row in joined(fit) if key(row) not in known]
    places = list(range(len(scored_rows)))
    return scored_rows + others, [(list(range(len(scored_rows), len(scored_rows) + len(others))), places)], places


def pairs(fit: Folder, data: Folder, options: Options) -> list[Pair]:
    """AIREV → glyphh, with gemma4 as the second opinion. Raises `Absent`."""
    options.step("calls of functions: AIREV → glyphh")
    rows, splits, places = apart(fit, data)
    cases = cases_of(rows, strong=GLYPHH, opinion=GEMMA)
    ours = np.zeros(len(rows))
    for learn_from, score in splits:
        made = learned(cases.all, cases, np.array(learn_from), quick=options.quick)
        ours[score] = scored(made, cases.all, cases, np.array(score))
    return [
        Pair(
            "function calls: AIREV 0.8B → glyphh",
            "bfcl-function-calls/recorded_outputs",
            cases.weak[places],
            cases.strong[places],
            ours[places],
            _baseline(cases)[places],
            "schema and agreement of raw outputs with gemma4",
            opinions=OPINION_PRICE,
            baseline_opinions=OPINION_PRICE,
        )
    ]


def _baseline(cases: Cases) -> np.ndarray:
    """What the schema objects to, and what another system does not say in the same words."""
    return np.asarray(cases.flagged - cases.raw_same, np.float64)
