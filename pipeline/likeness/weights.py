"""What each measure of a pair weighs. The weights that come along are set by hand; labels may teach others."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from pipeline.likeness.features import FEATURES
from pipeline.likeness.objections import CHECKS

__all__ = ["BUILTIN", "LEARNED_CHECKS", "Weights"]

LEARNED_CHECKS: Final = (
    "length", "script", "instructions", "symbols", "layout", "case", "numbers", "units", "negation", "opposites",
    "sides", "crossed", "asks", "repair",
)  # fmt: skip
"""The checks that nothing learned may outweigh."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A sum of measures, and of words that only one of two questions has; above `threshold` they have one answer.

    Attributes:
        checks: those that forbid, whatever the sum.
        measures: weight by the name of a measure.
        words: weight of a word (in its stem) where it is in one question only; of `~word` where its form differs.
        source: where the weights come from, for people.
    """

    bias: float
    threshold: float
    measures: Mapping[str, float]
    checks: tuple[str, ...] = tuple(CHECKS)
    words: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        unknown = sorted({*self.measures} - {*FEATURES}) + sorted({*self.checks} - {*CHECKS})
        if unknown:
            raise ValueError(f"The guard has no measure or check {unknown[0]!r}; use the names of those it has.")
        if not math.isfinite(self.bias + self.threshold + sum(self.measures.values()) + sum(self.words.values())):
            raise ValueError("A weight of the guard is no finite number; fit it again.")

    def sure(self, measures: Mapping[str, float], marks: Iterable[str]) -> float:
        """The sum of what was measured of a pair and of what differs (`Pair.marks`), as a share."""
        total = self.bias + sum(weight * measures[name] for name, weight in self.measures.items())
        if self.words:
            total += sum(self.words.get(mark, 0.0) for mark in marks)
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, total))))

    def to_json(self) -> bytes:
        """As a file."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_json(cls, raw: bytes | str) -> Self:
        """Read a file. Raises `ValueError` where it is none."""
        try:
            given = json.loads(raw)
            return cls(**{**given, "checks": tuple(given.get("checks", CHECKS))})
        except (TypeError, AttributeError) as wrong:
            raise ValueError(f"This is no file of the guard's weights: {wrong}.") from None


BUILTIN: Final = Weights(
    bias=6.0,
    threshold=0.9,
    measures={
        "articles": -0.3,
        "small_missing": -0.8,
        "small_extra": -0.8,
        "spelling": -2.0,
        "forms": -4.0,
        "left_out": -1.0,
        "share_left_out": -2.0,
        "short": -0.5,
    },
    source="set by hand",
)
