"""The eight pairs of H1 on questions with choices: five by probabilities alone, three by answers and texts.

Every score is learned from rows other than those it is given to. What a second opinion costs stands beside each pair,
in prices of a draft (`choices_learn.PRICES`); `steps` is what each opinion adds to a pair in cross-validation.
"""

from collections.abc import Callable
from typing import Any

from evaluation.data import Absent, Folder
from evaluation.protocols.choices_mcq import mcq_pairs
from evaluation.protocols.choices_pro import pro_pairs
from evaluation.protocols.pairs import Pair
from evaluation.report import Options

__all__ = ["pairs", "pairs_and_steps"]


def pairs(fit: Folder, data: Folder, options: Options) -> list[Pair]:
    """The pairs whose sets are there. Raises `Absent` where none is."""
    return pairs_and_steps(fit, data, options)[0]


def pairs_and_steps(fit: Folder, data: Folder, options: Options) -> tuple[list[Pair], list[dict[str, Any]], list[str]]:
    """The pairs whose sets are there, what each opinion adds, and which sets are missing. Raises `Absent`."""
    found: list[Pair] = []
    table: list[dict[str, Any]] = []
    missing: list[str] = []

    def probabilities() -> None:
        made, steps = mcq_pairs(fit, data, options)
        found.extend(made)
        table.extend(steps)

    def answers() -> None:
        found.extend(pro_pairs(fit, data, options))

    parts: tuple[Callable[[], None], ...] = (probabilities, answers)
    for part in parts:
        try:
            part()
        except Absent as absent:
            missing.append(str(absent))
    if not found:
        raise Absent("; ".join(missing))
    return found, table, missing
