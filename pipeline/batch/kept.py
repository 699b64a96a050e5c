"""The reply to a line of a batch, by the id of its request, also when it stands in a settled page alone."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from pipeline.adapters.results import StreamResults
from pipeline.audit.verify import Receipt
from pipeline.batch.active import prefix_of
from pipeline.batch.model import PAGE, Batch, request_id
from pipeline.batch.shelf import Shelf
from pipeline.batch.store import Store
from pipeline.contracts import Reply
from pipeline.errors import Unreadable
from pipeline.ports import Link

__all__ = ["KeptReplies", "KeptResults"]

_NUMBERED: Final = re.compile(r"(.+)-(\d{1,9})")


class KeptReplies:
    """Replies in settled pages."""

    def __init__(self, link: Link) -> None:
        self._shelf = Shelf(link.bucket("batches"))
        self._store = Store(link.objects("files"))

    async def get(self, tenant: str, request: str) -> Reply | None:
        """The reply; None where no line of a batch has this id, or it is not settled."""
        for name, line, number in _readings(request):
            try:
                batch = await self._shelf.find(tenant, name)
            except Unreadable:
                continue
            if batch is not None and not batch.removed and number <= batch.round:
                return await self._of_line(batch, line, number)
        return None

    async def _of_line(self, batch: Batch, line: int, number: int) -> Reply | None:
        page = await self._page(batch, line)
        row = await self._row(batch, page, line, number) if page is not None else None
        if row is None or "reply" not in row or row.get("id") != request_id(batch.id, line, number):
            return None
        return Reply.model_validate(row["reply"], strict=False)

    async def _row(self, batch: Batch, page: int, line: int, number: int) -> dict[str, Any] | None:
        name = f"{prefix_of(batch)}/out/{number}/{page}"
        if await self._store.head(name) is None:
            return None
        rows = [row async for row in self._store.rows(name) if row["n"] == line]
        return rows[0] if rows else None

    async def _page(self, batch: Batch, line: int) -> int | None:
        """The page of a line; an earlier one than its number says where the file has empty lines, which are in none."""
        low, high = 0, min(batch.pages - 1, (line - 1) // PAGE)
        page = high
        while low <= high:
            numbers = [row["n"] async for row in self._store.rows(f"{prefix_of(batch)}/in/{page}")]
            if not numbers or line < numbers[0]:
                high = page - 1
            elif line > numbers[-1]:
                low = page + 1
            else:
                return page
            page = (low + high) // 2
        return None

    async def receipts(self) -> AsyncIterator[Receipt]:
        """What the reply to every line says about its record."""
        for batch in await self._shelf.all(None):
            if batch.removed or batch.in_progress_at is None:
                continue
            pages = (
                f"{prefix_of(batch)}/out/{n}/{page}" for n in range(batch.round + 1) for page in range(batch.pages)
            )
            for name in pages:
                if await self._store.head(name) is not None:
                    async for row in self._store.rows(name):
                        if "reply" in row and "of" not in row:
                            yield _receipt(batch.tenant, row["reply"])


def _receipt(tenant: str, reply: dict[str, Any]) -> Receipt:
    name, sequence, digest = reply.get("audit_id"), reply.get("audit_sequence") or 0, reply.get("audit_sha256")
    return Receipt(tenant, reply["id"], name, sequence, digest)


def _readings(request: str) -> Iterator[tuple[str, int, int]]:
    """What the id of a request on a line may say: the batch, the line, and which try it was."""
    plain = _NUMBERED.fullmatch(request)
    if plain is None:
        return
    yield plain[1], int(plain[2]), 0
    again = _NUMBERED.fullmatch(plain[1])
    if again is not None:
        yield again[1], int(again[2]), int(plain[2])


class KeptResults:
    """A `ResultStore` that also finds what was swept."""

    def __init__(self, link: Link) -> None:
        self._results = StreamResults(link.streams)
        self._kept = KeptReplies(link)

    async def put(self, reply: Reply) -> Reply:
        """Store the reply. Returns the one that counts."""
        return await self._results.put(reply)

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        reply = await self._results.get(tenant, request_id)
        return reply if reply is not None else await self._kept.get(tenant, request_id)
