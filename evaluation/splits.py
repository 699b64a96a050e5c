"""Which rows are learned from and which are scored. What belongs together by key is never on both sides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.data import Absent, Folder, Row
from pipeline.calibrate.folds import fold

__all__ = ["FOLDS", "Split", "fold", "halves", "splits"]

FOLDS: Final = 5

Key = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from, rows to score, and where the scored ones stand among all that are scored."""

    fit: tuple[Row, ...]
    data: tuple[Row, ...]
    places: tuple[int, ...]


def splits(fit: Folder, data: Folder, name: str, key: Key) -> list[Split]:
    """One split where the folders differ; five, each part against the other four, where they are the same.

    Rows of `fit` whose key occurs in `data` are left out, so that a question that stands in both is not learned from.
    Raises `Absent`.
    """
    scored = data.rows(name)
    if fit.path.resolve() != data.path.resolve():
        known = {key(row) for row in scored}
        learned = tuple(row for row in fit.rows(name) if key(row) not in known)
        if not learned:
            raise Absent(f"{name}: nothing is left to learn from")
        return [Split(learned, tuple(scored), tuple(range(len(scored))))]
    parts = [fold(key(row)) for row in scored]
    return [
        Split(
            tuple(row for row, part in zip(scored, parts, strict=True) if part != number),
            tuple(row for row, part in zip(scored, parts, strict=True) if part == number),
            tuple(place for place, part in enumerate(parts) if part == number),
        )
        for number in range(FOLDS)
    ]


def halves(rows: Sequence[Row], key: Key, seed: int, share: float = 0.75) -> tuple[list[Row], list[Row]]:
    """Rows to fit, and rows to calibrate: `share` of the keys, and the others."""
    first = [row for row in rows if fold(key(row), f"half-{seed}", 1000) < share * 1000]
    second = [row for row in rows if fold(key(row), f"half-{seed}", 1000) >= share * 1000]
    return first, second
