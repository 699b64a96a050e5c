"""What a protocol says in the end: figures with intervals beside a baseline and a mark, rows, and curves to draw."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from evaluation.data import Folder

__all__ = ["Curve", "Figure", "Options", "Protocol", "Report"]


def _unwatched(said: str) -> None:
    """Nobody watches `said`."""
    _ = said


@dataclass(frozen=True, slots=True)
class Options:
    """How thorough: `rounds` of the bootstrap, the seed of all chance, `quick` for a look at whether it runs.

    `step` is told in a few words what is done now, for whoever watches.
    """

    rounds: int = 1000
    seed: int = 7
    quick: bool = False
    step: Callable[[str], None] = field(default=_unwatched, compare=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ours with a 95 % interval, the baseline, and their paired difference with a 95 % interval.

    `mark` is what was asked for, and `better` which way. `met`: whether `ours` reaches it; None: there is no mark.
    `goal` lies beyond the mark.
    """

    name: str
    ours: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    over: float | None = None
    over_low: float | None = None
    over_high: float | None = None
    mark: float | None = None
    better: Literal["higher", "lower"] = "higher"
    rows: int = 0
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the mark is reached."""
        if self.mark is None:
            return None
        return self.ours >= self.mark if self.better == "higher" else self.ours <= self.mark


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve, and what it is: `ours`, `baseline`, `random`, `oracle`."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What came out of one protocol. `tables`: rows of further tables by title; `curves` by the title of their plot."""

    protocol: str
    title: str
    figures: tuple[Figure, ...]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    curves: dict[str, tuple[Curve, ...]] = field(default_factory=dict)
    axes: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()


Protocol = Callable[[Folder, Folder, Options], Report]
"""Learns from the first folder, scores on the second. Raises `Absent` where a set is missing."""
