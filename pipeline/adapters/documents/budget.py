"""How much work holding one document against one schema may take, counted in steps and in seconds of patterns.

The reference is written in Python and cannot be interrupted, and it runs where every other request of the worker waits
for it. So every keyword and every subschema it comes to is counted, whatever the schema and whatever the document.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["MOST_STEPS", "PATTERNS_S", "Budget", "TooComplex", "begin", "current", "nodes"]

MOST_STEPS: Final = 20_000
"""Keywords and subschemas that are come to, with what each of them looks at."""
PATTERNS_S: Final = 0.2
"""Seconds that all regular expressions of a schema may take on one document."""


class TooComplex(Exception):
    """Holding this document against this schema takes more work than it is given."""


@dataclass(slots=True)
class Budget:
    """What is left.

    Attributes:
        steps: of those that are counted.
        patterns_s: seconds of regular expressions.
    """

    steps: int = MOST_STEPS
    patterns_s: float = PATTERNS_S

    def spend(self, steps: int = 1) -> None:
        """Count `steps`. Raises `TooComplex` where that many are not left."""
        self.steps -= steps
        if self.steps < 0:
            raise TooComplex

    def spend_pattern(self, seconds: float) -> None:
        """Count the time of a regular expression. Raises `TooComplex` where it is used up."""
        self.patterns_s -= seconds
        if self.patterns_s <= 0:
            raise TooComplex


_budget: ContextVar[Budget] = ContextVar("budget")


def begin(steps: int = MOST_STEPS) -> Budget:
    """Begin to count from nothing."""
    budget = Budget(steps)
    _budget.set(budget)
    return budget


def current() -> Budget:
    """What is left of the work that was begun last."""
    return _budget.get()


def nodes(value: Any, most: int | None = None) -> int:
    """Values in a document, itself and all beneath it; no more than `most` and a few are counted."""
    count, waiting = 0, [value]
    while waiting and (most is None or count <= most):
        each = waiting.pop()
        count += 1
        if isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return count
