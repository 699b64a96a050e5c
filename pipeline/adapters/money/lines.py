"""The lines of the ledger in their stream: at most one of each kind for an attempt, and the first one counts."""

from pydantic import ValidationError

from pipeline.adapters.money.pages import STREAM
from pipeline.contracts import LedgerEntry
from pipeline.errors import TransportUnavailable
from pipeline.ports import Conflict, Stored, Streams
from pipeline.topology import ledger_subject

__all__ = ["LedgerLines"]


class LedgerLines:
    """Writes lines."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def append(self, entry: LedgerEntry) -> tuple[LedgerEntry, int]:
        """Write a line, durably, unless there is one of its kind for the attempt.

        Returns the line that counts, and its place in the stream; 0 where it was written before and thus counted.

        Raises:
            TransportUnavailable: it is not certain that it is written.
        """
        subject = ledger_subject(entry.attempt, entry.kind)
        hidden = None if entry.kind == "settle" else {"usage"}
        body = entry.model_dump_json(exclude_none=True, exclude=hidden).encode()
        try:
            written = await self._streams.append(subject, body, expected=0)
        except Conflict:
            return await self._first(subject, entry), 0
        return entry, written.sequence

    async def settled(self, attempt: str) -> bool:
        """Whether there is a line that says what the attempt cost."""
        return await self._streams.last(ledger_subject(attempt, "settle")) is not None

    async def reserved(self, attempt: str) -> LedgerEntry | None:
        """The line that says what was set aside for the attempt. Raises `TransportUnavailable`."""
        stored = await self._streams.last(ledger_subject(attempt, "reserve"))
        return None if stored is None else _read(stored)

    async def give_up(self, attempt: str, now: float) -> None:
        """Write that what was set aside for the attempt is held no more, unless it was settled.

        Who counts again from the lines would hold it otherwise. Raises `TransportUnavailable`.
        """
        held = await self.reserved(attempt)
        if held is not None and not await self.settled(attempt):
            await self.append(held.model_copy(update={"kind": "release", "at": now, "opens": ()}))

    async def attempts_of(self, request: str) -> list[str]:
        """The attempts of a request (`<tenant>.<id>`) for which something was set aside. Raises as `reserved`."""
        found = await self._streams.newest_of(STREAM, [ledger_subject(f"{request}.*", "reserve")])
        return [stored.subject.split(".", 1)[1].rpartition(".")[0] for stored in found]

    async def _first(self, subject: str, entry: LedgerEntry) -> LedgerEntry:
        stored = await self._streams.last(subject)
        # a replica may not have it yet; ours says the same
        return entry if stored is None else _read(stored)


def _read(stored: Stored) -> LedgerEntry:
    try:
        return LedgerEntry.model_validate_json(stored.body)
    except ValidationError:
        raise TransportUnavailable(f"line {stored.sequence} of the ledger cannot be read") from None
