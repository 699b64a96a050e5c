"""What counters stood at a moment ago, so that planning need not ask for it each time.

A standing is advice: it says which variants a plan may count on, and stands in its record. What enforces a budget is
the reserve before each call, which asks the counters always. So a plan may look at a standing a moment old while much
of the budget is left. Near its end, where a moment decides who answers, the counters are asked each time.

Every reserve tells what the counters stand at with it, so in a worker that has work this is hardly ever older than the
last call of a model.
"""

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.adapters.money.counters import Slot, Total

__all__ = ["FRESH_S", "MUCH", "Stood"]

FRESH_S: Final = 0.25
"""Seconds for which a standing is believed."""
MUCH: Final = 0.5
"""The share of a budget that has to be left for that."""
_MANY: Final = 4_096


class Stood:
    """The last totals of counters, at most `_MANY`.

    Args:
        monotonic: the time.
        fresh_s: for how many seconds they are believed; 0: never.
    """

    def __init__(self, monotonic: Callable[[], float], fresh_s: float = FRESH_S) -> None:
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._known: dict[Slot, tuple[Total, float]] = {}

    def note(self, slots: Sequence[Slot], totals: Sequence[Total]) -> None:
        """Keep what the counters said."""
        if len(slots) != len(totals):
            return  # they told of some alone, and not of which
        if len(self._known) >= _MANY:
            self._known.clear()
        now = self._monotonic()
        for slot, total in zip(slots, totals, strict=True):
            self._known[slot] = (total, now)

    def totals(self, slots: Sequence[Slot], left: Callable[[int, Total], float]) -> tuple[Total, ...] | None:
        """What all of these stood at; None: one of them has to be asked.

        Args:
            slots: the counters.
            left: the share that a total leaves of the budget at this place.
        """
        edge = self._monotonic() - self._fresh_s
        found: list[Total] = []
        for place, slot in enumerate(slots):
            total, at = self._known.get(slot, _NEVER)
            if at <= edge or left(place, total) < MUCH:
                return None
            found.append(total)
        return tuple(found)


_NEVER: Final = (Total(), float("-inf"))
