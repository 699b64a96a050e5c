"""How the lines of a batch ended: from settled pages, from results that are not settled yet, and from its own end."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Literal, Protocol

from pipeline.batch.active import STATES, prefix_of
from pipeline.batch.model import PAGE, Batch, LineStatus, Row, request_id
from pipeline.batch.store import Store
from pipeline.contracts import ErrorBody, Reply

__all__ = ["Only", "Order", "Pages", "Results", "Shared"]

WINDOW: Final = 32
"""Results that are fetched at the same time."""
CACHED: Final = 8
"""Pages that are kept for lines that share an answer."""
LOOK_S: Final = 0.5

Order = Literal["file", "come"]
Only = Literal["all", "answered", "errors"]
Fields = dict[str, Any]
_WHY: Final[dict[str, str]] = {
    "expired": "the line did not run before the completion window of the batch was over",
    "cancelled": "the batch was cancelled before the line ran",
}


class Found(Protocol):
    """Where results lie that are not settled yet."""

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        ...


class Pages:
    """Settled pages of one batch: for each place the newest row, and of which round it is."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self._store = store
        self.batch = batch
        self._prefix = prefix_of(batch)
        self._kept: OrderedDict[int, dict[int, Fields]] = OrderedDict()

    async def settled(self, page: int) -> dict[int, Fields]:
        """The rows of a page by place."""
        kept = self._kept.get(page)
        if kept is not None:
            self._kept.move_to_end(page)
            return kept
        found: dict[int, Fields] = {}
        for number in range(self.batch.round + 1):
            name = f"{self._prefix}/out/{number}/{page}"
            if await self._store.head(name) is not None:
                found |= {row["o"]: row | {"round": number} async for row in self._store.rows(name)}
        self._kept[page] = found
        if len(self._kept) > CACHED:
            self._kept.popitem(last=False)
        return found

    async def at(self, place: int) -> Fields | None:
        """The row of one place."""
        return (await self.settled(place // PAGE)).get(place)

    def forget(self, page: int) -> None:
        """Read it again next time: it may be settled by then."""
        self._kept.pop(page, None)

    async def asked(self, page: int) -> AsyncIterator[Fields]:
        """The lines of a page as they are to run, each with its place."""
        place = page * PAGE
        async for row in self._store.rows(f"{self._prefix}/in/{page}"):
            yield row | {"o": place}
            place += 1


class Results:
    """Reads the results of one batch as it stood when it was given."""

    def __init__(self, store: Store, results: Found, batch: Batch) -> None:
        self.batch = batch
        self._results = results
        self._pages = Pages(store, batch)

    async def page(self, page: int) -> list[Row]:
        """The rows of a page that are there, in the order of the file."""
        settled = await self._pages.settled(page)
        rows = await self._unsettled(page, settled) if len(settled) < self._size(page) else {}
        for place, fields in settled.items():
            rows[place] = await self._row(fields)
        return [rows[place] for place in sorted(rows)]

    def _size(self, page: int) -> int:
        return min(PAGE, self.batch.counts.total - page * PAGE)

    async def _unsettled(self, page: int, settled: Mapping[int, Fields]) -> dict[int, Row]:
        """Rows of a page that is not settled: results that are there already, and what the end of the batch says."""
        self._pages.forget(page)
        gate = asyncio.Semaphore(WINDOW)

        async def look(asked: Fields) -> Row | None:
            async with gate:
                return await self._now(asked)

        missing = [asked async for asked in self._pages.asked(page) if asked["o"] not in settled]
        rows = await asyncio.gather(*(look(asked) for asked in missing))
        return {asked["o"]: row for asked, row in zip(missing, rows, strict=True) if row is not None}

    async def _now(self, asked: Fields) -> Row | None:
        batch = self.batch
        own = request_id(batch.id, asked["n"], batch.round)
        if "p" in asked:
            return _line(asked, "invalid", own, error=ErrorBody(**asked["p"]))
        if batch.ended:
            return _line(asked, *_not_run(batch, own))
        if "same" in asked:
            return None
        reply = await self._results.get(batch.tenant, own)
        return None if reply is None else _line(asked, reply.status, own, reply, reply.error, batch.round)

    async def _row(self, fields: Fields) -> Row:
        """A settled row; one that shares an answer is resolved."""
        own = request_id(self.batch.id, fields["n"])
        if "same" in fields:
            other = await self._pages.at(fields["same"])
            if other is None:
                return _line(fields, STATES[fields["s"]], own)
            row = await self._row(other)
            shared = _line(fields, row.status, row.request_id, row.reply, row.error, row.round)
            return _sharing(shared, row.line, None)
        reply = Reply.model_validate(fields["reply"], strict=False) if "reply" in fields else None
        error = ErrorBody(**fields["e"]) if "e" in fields else reply.error if reply else None
        status = STATES[fields["s"]]
        if reply is not None and reply.provisional:
            newer = await self._results.get(self.batch.tenant, fields["id"])
            if newer is not None and not newer.provisional:
                reply, error, status = newer, newer.error, newer.status
        row = _line(fields, status, fields.get("id", own), reply, error, fields["round"])
        return _sharing(row, fields["of"][1], fields["of"][0]) if "of" in fields else row


def _line(
    fields: Fields,
    status: LineStatus,
    own: str,
    reply: Reply | None = None,
    error: ErrorBody | None = None,
    number: int = 0,
) -> Row:
    return Row(fields["n"], fields["c"], status, own, reply, error, number)


def _sharing(row: Row, line: int, of: str | None) -> Row:
    return Row(row.line, row.custom_id, row.status, row.request_id, row.reply, row.error, row.round, line, of)


def _not_run(batch: Batch, own: str) -> tuple[LineStatus, str, None, ErrorBody]:
    status: LineStatus = "cancelled" if batch.status == "cancelled" else "expired"
    return status, own, None, ErrorBody(code=f"batch_{status}", message=_WHY[status])


async def rows(
    results: Results, refreshed: Callable[[], Any], *, order: Order, only: Only, follow: bool
) -> AsyncIterator[Row]:
    """The rows of a batch.

    Args:
        results: reads them.
        refreshed: reads the batch again; asked while it runs and rows are followed.
        order: that of the file, or as they come; where nothing is followed, both are that of the file.
        only: which of them.
        follow: wait for rows that are missing until the batch has ended.
    """
    waiting = dict.fromkeys(range(results.batch.pages), frozenset[int]())
    while waiting:
        ended = results.batch.ended
        for page in list(waiting):
            found = [row for row in await results.page(page) if row.line not in waiting[page]]
            whole = ended or not follow or len(found) + len(waiting[page]) >= results._size(page)
            if not whole and order == "file":
                break
            for row in found:
                if only == "all" or (only == "answered") == (row.status == "answered"):
                    yield row
            waiting[page] = waiting[page] | {row.line for row in found}
            if whole:
                del waiting[page]
            elif not found:
                break
        if waiting:
            await asyncio.sleep(LOOK_S)
            results.batch = results._pages.batch = await refreshed()


class Shared:
    """Answers of other batches of the same tenant, to lines that ask the same."""

    def __init__(self, store: Store, revision: Callable[[], str]) -> None:
        self._store = store
        self._revision = revision
        self._pages: OrderedDict[tuple[str, int], Pages] = OrderedDict()

    async def find(
        self, of: tuple[str, int], batches: Mapping[tuple[str, str], Batch], tenant: str
    ) -> tuple[Reply, tuple[str, int]] | None:
        """The answer of the line at a place of a batch; None unless it was answered, under the policies in force."""
        other = batches.get((tenant, of[0].rpartition("/")[2]))
        if other is None or other.removed:
            return None
        key = (other.id, other.round)
        pages = self._pages.setdefault(key, Pages(self._store, other))
        self._pages.move_to_end(key)
        if len(self._pages) > CACHED:
            self._pages.popitem(last=False)
        fields = await pages.at(of[1])
        if fields is None:
            pages.forget(of[1] // PAGE)
        if fields is None or fields["s"] != "a" or "reply" not in fields:
            return None
        reply = Reply.model_validate(fields["reply"], strict=False)
        return (reply, (other.id, fields["n"])) if reply.policy_revision == self._revision() else None
