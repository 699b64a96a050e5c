"""Where requests are counted already, as far as this process knows it.

A request counts once in each counter, with the first of its attempts there. The counters know that for certain; who has
to know it sooner looks here, and finds nothing where an earlier attempt was made elsewhere or gave its part back.
"""

from collections.abc import Sequence
from typing import Final

from pipeline.adapters.money.counters import Slot
from pipeline.ports import Charge

__all__ = ["MOST", "Opened"]

MOST: Final = 4_096
"""Requests that are known at most."""


class Opened:
    """Counters of the last requests whose attempts this process made."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[Slot]] = {}

    def foresee(self, charge: Charge, slots: Sequence[Slot]) -> tuple[int, ...] | None:
        """The positions of the counters in which the attempt counts its request; None: that is not known here."""
        if charge.lost:
            return None
        if charge.purpose == "draft" and charge.attempt.endswith(".draft-1"):
            return tuple(range(len(slots)))
        known = self._known.get(_request(charge))
        return None if known is None else tuple(n for n, slot in enumerate(slots) if slot not in known)

    def counted(self, charge: Charge, slots: Sequence[Slot]) -> None:
        """The attempt holds its part of these counters."""
        request = _request(charge)
        before = self._known.get(request)
        self._known[request] = frozenset(slots) if before is None else before.union(slots)
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def forget(self, charge: Charge) -> None:
        """An attempt of the request gave its part back."""
        self._known.pop(_request(charge), None)


def _request(charge: Charge) -> str:
    return f"{charge.tenant}.{charge.request_id}"
