"""Settled lines of the ledger in pages: many lines in one message, since each message costs nats-server memory.

A line is what stood at its place, wherever it stands now. So whoever reads takes each place once: a line may stand by
itself and in a page while the one is written and the other is not yet removed, or in two pages that were written at
once. And a page is written before what is in it is removed; so whoever reads on to the end of the stream finds every
line, whatever was removed behind or in front of it meanwhile.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final, NamedTuple

import orjson

from pipeline.adapters.money.seek import sequence_before
from pipeline.contracts import LedgerEntry, LedgerPage
from pipeline.ports import Stored, Streams
from pipeline.topology import ledger_page_subject, ledger_subject

__all__ = ["ANY_PAGE", "STREAM", "Line", "Once", "is_page", "pack", "places", "read_lines", "settled_by", "unpack"]

STREAM: Final = "LEDGER"
ANY_PAGE: Final = ledger_page_subject("*", "*", "*")
_HEAD: Final = ANY_PAGE.partition("*")[0]
_LEVEL: Final = 3
_ROW: Final = 1 << 15


class Line(NamedTuple):
    """A line, and where it stood by itself."""

    sequence: int
    entry: LedgerEntry


def is_page(stored: Stored) -> bool:
    """Whether a message of the stream is a page."""
    return stored.subject.startswith(_HEAD)


def pack(lines: Sequence[Stored]) -> bytes:
    """A page of these messages, each a line."""
    page = {
        "version": "1.0",
        "lines": [{"sequence": line.sequence, "entry": orjson.Fragment(line.body)} for line in lines],
    }
    return zlib.compress(orjson.dumps(page), _LEVEL)


def unpack(stored: Stored) -> list[Line]:
    """The lines in a message: those of a page, or the one that it is.

    Raises:
        ValueError: it cannot be read.
    """
    if not is_page(stored):
        return [Line(stored.sequence, LedgerEntry.model_validate_json(stored.body))]
    try:
        page = LedgerPage.model_validate_json(zlib.decompress(stored.body))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return [Line(line.sequence, line.entry) for line in page.lines]


def places(page: Stored) -> set[int]:
    """Where the lines of a page stood by themselves."""
    return {line.sequence for line in unpack(page)}


class Once:
    """Which places were taken, a bit for each."""

    def __init__(self) -> None:
        self._rows: dict[int, bytearray] = {}

    def take(self, place: int) -> bool:
        """Take a place. False: it was taken before."""
        number, bit = divmod(place, _ROW)
        row = self._rows.get(number)
        if row is None:
            row = self._rows[number] = bytearray(_ROW // 8)
        index, mask = bit >> 3, 1 << (bit & 7)
        new = not row[index] & mask
        row[index] |= mask
        return new

    def of(self, stored: Stored) -> list[Line]:
        """The lines of a message that were not taken before; they are now.

        Raises:
            ValueError: it cannot be read.
        """
        return [line for line in unpack(stored) if self.take(line.sequence)]


async def read_lines(
    streams: Streams, *, after: int = 0, tenant: str | None = None, kind: str | None = None
) -> AsyncIterator[LedgerEntry | None]:
    """Every line after a place once, not in their order: first what stands by itself. None: it cannot be read.

    Raises:
        TransportUnavailable: the ledger cannot be read.
    """
    once = Once()
    single = ledger_subject(f"{tenant or '*'}.*.*", kind or "*")
    for subject in (single, ANY_PAGE):  # what is removed in front of the first reading stands in the second
        async for stored in streams.scan(STREAM, after=after, subject=subject):
            try:
                lines = once.of(stored)
            except ValueError:
                yield None
                continue
            for _, entry in lines:
                if (tenant is None or entry.tenant == tenant) and (kind is None or entry.kind == kind):
                    yield entry
            if len(lines) > 1:  # others get their turn after a page
                await asyncio.sleep(0)


async def settled_by(streams: Streams, attempts: Collection[str], since: float) -> dict[str, LedgerEntry]:
    """The lines that settled these attempts at the time `since` or later, as far as there are any.

    Raises:
        ValueError: one of them cannot be read.
        TransportUnavailable: the ledger cannot be read.
    """
    found: dict[str, LedgerEntry] = {}
    for attempt in attempts:
        stored = await streams.last(ledger_subject(attempt, "settle"))
        if stored is not None:
            found[attempt] = LedgerEntry.model_validate_json(stored.body)
    missing = {attempt for attempt in attempts if attempt not in found}
    if not missing:
        return found
    place = await sequence_before(streams, STREAM, since)
    async for stored in streams.scan(STREAM, after=place, subject=ANY_PAGE):
        for _, entry in unpack(stored):
            if entry.kind == "settle" and entry.attempt in missing:
                found.setdefault(entry.attempt, entry)
    return found
