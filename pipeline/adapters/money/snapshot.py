"""The counters as they followed from the stream up to one line, so that nobody has to read it from the beginning again.

A snapshot is made from lines and from nothing else. It is not trusted for more: what does not read well is left aside,
and the stream is read instead.
"""

import logging
import zlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from pipeline.adapters.money.counters import Amount, Holding, Slot, Total
from pipeline.adapters.money.fold import Fold, Pending
from pipeline.adapters.money.windows import frame_named

__all__ = ["LARGEST", "dump", "load"]

_log = logging.getLogger("stepwell.ledger")

LARGEST: Final = 900_000
"""Bytes; more does not fit into one value of a bucket."""
_FORMAT: Final = 1


def dump(fold: Fold) -> bytes | None:
    """The fold as bytes; None when it is too large to keep."""
    slots: dict[Slot, int] = {}

    def number(slot: Slot) -> int:
        return slots.setdefault(slot, len(slots))

    document = {
        "format": _FORMAT,
        "upto": fold.upto,
        "spent": [(number(slot), *total) for slot, total in fold.spent.items()],
        "pending": [
            (at, made.attempt, made.request, *made.amount, [number(slot) for slot in made.slots], made.opens)
            for at, made in fold.pending.values()
        ],
        "opened": [(request, number(slot), at) for (request, slot), at in fold.opened.items()],
        "slots": [(slot.budget, slot.scope, slot.frame.name) for slot in slots],
    }
    packed = zlib.compress(orjson.dumps(document), 6)
    return packed if len(packed) <= LARGEST else None


def load(packed: bytes) -> Fold | None:
    """The fold that was kept; None where it cannot be read."""
    try:
        document = orjson.loads(zlib.decompress(packed))
        if document["format"] != _FORMAT:
            return None
        slots = tuple(_slots(document["slots"]))
        return Fold(
            upto=int(document["upto"]),
            spent={slots[place]: Total(*map(int, total)) for place, *total in document["spent"]},
            pending={made.holding.attempt: made for made in _pending(document["pending"], slots)},
            opened={(request, slots[place]): float(at) for request, place, at in document["opened"]},
        )
    except (zlib.error, ValueError, KeyError, TypeError, IndexError):
        _log.warning("the snapshot of the ledger cannot be read: its stream is read from further back")
        return None


def _slots(written: Any) -> Iterator[Slot]:
    for budget, scope, name in written:
        frame = frame_named(name)
        if frame is None:
            raise ValueError(name)
        yield Slot(budget, scope, frame)


def _pending(written: Any, slots: tuple[Slot, ...]) -> Iterator[Pending]:
    for at, attempt, request, nanos, tokens, places, opens in written:
        held = tuple(slots[place] for place in places)
        yield Pending(float(at), Holding(attempt, request, Amount(nanos, tokens), held, tuple(opens)))
