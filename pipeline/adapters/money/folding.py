"""Puts settled lines of the ledger into pages, and removes what stands in one.

Whoever dies in between leaves lines that stand twice, which every reader counts once, and that are folded again. Two
that fold at once do no harm for the same reason.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from pydantic import ValidationError

from pipeline.adapters.money.pages import STREAM, pack, places
from pipeline.contracts import LedgerEntry
from pipeline.ports import Conflict, Stored, Streams
from pipeline.topology import ledger_page_subject, ledger_subject

__all__ = ["FOLLOW_S", "TRAFFIC", "Folder", "OldLines", "Removal"]

TRAFFIC: Final = "traffic"
"""The group of lines that belong to no batch."""
FOLLOW_S: Final = 1.0
"""How long lines stay after their page was written, so that a replica that is behind does not show neither."""
LINES: Final = 1_000
"""Lines in a page at most."""
LARGEST: Final = 512 * 1024
"""Bytes of a page at most."""
READ: Final = 64
"""Requests whose lines are read in one answer."""
TOGETHER: Final = 64
"""Removals that are asked for at the same time."""
OLD_S: Final = 25 * 3_600.0
"""Seconds after which lines are folded that belong to no settled batch: the journal knows of them no longer."""
EACH_S: Final = 60.0
"""Seconds between two looks for old lines."""
MANY: Final = 1_000
"""Requests whose old lines are folded in one look; then the next look follows at once."""
AGAIN_S: Final = 3_600.0
"""Seconds after which what was passed over is looked at again."""

T = TypeVar("T")


class Removal(NamedTuple):
    """What stands in a page: messages on this subject up to this place."""

    subject: str
    upto: int


class Folder:
    """Folds lines of requests of which nothing stands in a queue any more.

    An attempt is folded whole and only once it is settled or given back: what comes later of it changes nothing that
    its other lines say. Lines that cannot be read stay where they are.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def fold(self, group: str, requests: Sequence[str], before: float | None = None) -> list[Removal]:
        """Write pages for the lines of these requests, each as `<tenant>.<id>`. Returns what may be removed then.

        Args:
            group: what the pages are known by: the batch.
            requests: whose lines.
            before: leave requests alone of which a line was stored at this time or later.

        Raises:
            TransportUnavailable: NATS does not confirm; some pages may be written.
        """
        found: dict[str, list[Stored]] = {}
        wanted = [[ledger_subject(request, ">") for request in some] for some in _parts(requests, READ)]
        for lines in await asyncio.gather(*(self._streams.newest_of(STREAM, some) for some in wanted)):
            found.update(_by_request(lines))
        if before is not None:
            found = {key: lines for key, lines in found.items() if all(line.at < before for line in lines)}
        whole = sorted((line for lines in found.values() for line in _finished(lines)), key=lambda line: line.sequence)
        written: set[int] = set()
        for part in _parts(whole, LINES):
            written |= await self._page(group, part)
        return [removal for key, lines in found.items() for removal in _removals(key, lines, written)]

    async def _page(self, group: str, lines: Sequence[Stored]) -> set[int]:
        """Write them in as many pages as it takes. Returns the places of those that stand in one now."""
        body = await asyncio.to_thread(pack, lines)
        if len(body) > LARGEST:
            half = len(lines) // 2
            return await self._page(group, lines[:half]) | await self._page(group, lines[half:]) if half else set()
        subject = ledger_page_subject(group, lines[0].sequence, lines[-1].sequence)
        try:
            await self._streams.append(subject, body, expected=0)
        except Conflict:  # somebody folds at the same time, or did before and died: what stands there counts
            page = await self._streams.last(subject)
            return set() if page is None else places(page) & {line.sequence for line in lines}
        return {line.sequence for line in lines}

    async def remove(self, removals: Sequence[Removal]) -> None:
        """Remove what stands in pages; not before `FOLLOW_S` after they were written.

        Raises:
            TransportUnavailable: NATS does not confirm; some may be left.
        """
        for some in _parts(removals, TOGETHER):
            await asyncio.gather(*(self._streams.purge(subject, upto=upto) for subject, upto in some))


class OldLines:
    """Folds what became old beside batches, from the beginning of the stream on."""

    def __init__(self, streams: Streams, folder: Folder) -> None:
        self._streams = streams
        self._folder = folder
        self._after = 0
        self._due = 0.0
        self._again = 0.0

    async def fold(self, now: float) -> list[Removal]:
        """Write pages for some of the old lines, where that is due. Returns what may be removed then.

        Raises:
            TransportUnavailable: NATS does not confirm.
        """
        if now < self._due:
            return []
        if now >= self._again:
            self._after, self._again = 0, now + AGAIN_S
        requests, upto = await self._old(now - OLD_S)
        removals = await self._folder.fold(TRAFFIC, requests, now - OLD_S)
        self._after = upto
        self._due = now if len(requests) >= MANY else now + EACH_S
        return removals

    async def _old(self, before: float) -> tuple[list[str], int]:
        """Requests that have lines of before that time, and up to which place these are all."""
        found: dict[str, None] = {}
        upto = self._after
        async for stored in self._streams.scan(STREAM, after=self._after, subject=ledger_subject("*.*.*", "*")):
            if not 0 < stored.at < before or len(found) >= MANY:  # a store that keeps no times has nothing old
                break
            found[_request_of(stored)] = None
            upto = stored.sequence
        return list(found), upto


def _parts(whole: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), most):
        yield whole[start : start + most]


def _request_of(line: Stored) -> str:
    """`<tenant>.<id>`."""
    return ".".join(line.subject.split(".", 3)[1:3])


def _by_request(lines: Sequence[Stored]) -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = defaultdict(list)
    for line in lines:
        found[_request_of(line)].append(line)
    return found


def _finished(lines: Sequence[Stored]) -> Iterator[Stored]:
    """The lines of attempts that are settled or given back, where all of them can be read."""
    attempts: dict[str, list[Stored]] = defaultdict(list)
    for line in lines:
        attempts[line.subject.rpartition(".")[0]].append(line)
    for made in attempts.values():
        kinds = {line.subject.rpartition(".")[2] for line in made}
        if kinds & {"settle", "release"} and all(map(_is_readable, made)):
            yield from made


def _is_readable(line: Stored) -> bool:
    try:
        LedgerEntry.model_validate_json(line.body)
    except ValidationError:
        return False
    return True


def _removals(request: str, lines: Sequence[Stored], written: set[int]) -> Iterator[Removal]:
    """All lines of a request at once where all stand in pages; a line that came since then stays in any case."""
    if all(line.sequence in written for line in lines):
        yield Removal(ledger_subject(request, ">"), max(line.sequence for line in lines))
        return
    yield from (Removal(line.subject, line.sequence) for line in lines if line.sequence in written)
