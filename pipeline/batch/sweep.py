"""What lines leave in NATS, removed once it is kept elsewhere: replies, what says they were paid, and what they cost.

Both stand on subjects of their own, which is what makes a line answered and paid once while it is on its way, and
nats-server holds every subject in memory. Once the page of a line is settled, its reply is in there; and once no
message of the line stands in a queue, no stage will ever ask what was paid for it. Then nobody needs them. Lines of
the ledger are kept, in pages; those that belong to no batch are put there when they are old.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from pipeline.adapters.money.folding import FOLLOW_S, Folder, OldLines, Removal
from pipeline.batch.active import Active, prefix_of
from pipeline.batch.model import DAY_S, Batch
from pipeline.batch.shelf import Shelf
from pipeline.batch.store import Store
from pipeline.errors import StepwellError
from pipeline.ports import Clock, Streams
from pipeline.topology import journal_subject, result_subject

__all__ = ["GRACE_S", "Sweeper"]

_log = logging.getLogger("stepwell.batch")

GRACE_S: Final = 20.0
"""How long what a settled page makes needless stays, for those who are just about to read it."""
EVERY_S: Final = 2.0
SOON_S: Final = 0.1
"""Seconds until the next pages are swept where these were not all that are due: who falls behind is slower for it."""
TOGETHER: Final = 64
"""Lines of which what they left is removed at the same time."""
PAGES: Final = 32
"""Pages of a batch that are swept in one go."""
BESIDE: Final = 4
"""Pages that are swept at the same time: sweeping keeps up with a loop that is full of other work."""

Key = tuple[str, str]


class Sweeper:
    """Sweeps behind the batches of whoever leads, page by page and in order.

    `Batch.swept` says how far; whoever leads next sweeps the pages after it, some of them for the second time.

    Args:
        streams: what is swept.
        shelf: where it is written how far.
        store: the pages.
        clock: the time.
        queued: every line that stands in a queue.
    """

    def __init__(
        self,
        streams: Streams,
        shelf: Shelf,
        store: Store,
        clock: Clock,
        queued: Callable[[], Awaitable[set[Key]]],
    ) -> None:
        self._streams = streams
        self._shelf = shelf
        self._store = store
        self._clock = clock
        self._queued = queued
        self._folder = Folder(streams)
        self._old = OldLines(streams, self._folder)
        self._folded: list[Removal] = []
        self._since: dict[tuple[str, str, int], dict[int, float]] = {}

    async def run(self, known: Mapping[Key, Batch], active: Mapping[Key, Active]) -> None:
        """Sweep until cancelled."""
        behind = False
        while True:
            await asyncio.sleep(SOON_S if behind else EVERY_S)
            behind = False
            try:
                behind = await self.once(known, active)
            except StepwellError as error:
                _log.info("what batches left is removed later: %s", error.message)
            except Exception as error:  # noqa: BLE001 - where, and never what: its text may hold that of a line
                where = "".join(traceback.format_tb(error.__traceback__))
                _log.error("a defect: what batches left is not removed: %s\n%s", type(error).__name__, where)

    async def once(self, known: Mapping[Key, Batch], active: Mapping[Key, Active]) -> bool:
        """Sweep what is due now, or as much as is swept at once. True: so many pages were due that some are left."""
        due = [(batch, pages) for key, batch in list(known.items()) if (pages := self._due(batch, active.get(key)))]
        self._folded = await self._old.fold(self._clock.now())
        queued = await self._queued() if due else set()
        done = [(batch, await self._sweep(batch, pages[:PAGES], queued)) for batch, pages in due]
        if self._folded:
            await asyncio.sleep(FOLLOW_S)
            await self._folder.remove(self._folded)
        for batch, swept in done:
            if swept > batch.swept:
                await self._shelf.update(batch.tenant, batch.id, lambda b, a=batch, s=swept: _noted(b, a.round, s))  # type: ignore[misc]
            self._forget(batch, swept)
        return any(
            len(pages) > PAGES and swept > batch.swept for (batch, swept), (_, pages) in zip(done, due, strict=True)
        )

    # ------------------------------------------------------------ which

    def _due(self, batch: Batch, active: Active | None) -> list[int]:
        """Pages that were settled long enough ago, the oldest first and none left out."""
        if not self._concerns(batch) or (active is None and not batch.ended):
            return []
        now = self._clock.monotonic()
        since = self._since.setdefault((*_key(batch), batch.round), {})
        pages: list[int] = []
        whole = True
        for page in range(batch.swept, batch.pages):
            if active is not None and not active.is_settled(page):
                break
            seen = since.setdefault(page, now)
            whole = whole and now - seen >= GRACE_S
            if whole:
                pages.append(page)
        return pages

    def _concerns(self, batch: Batch) -> bool:
        """Whether it has lines whose replies may still stand in the stream: they vanish there after a day."""
        if batch.removed or batch.in_progress_at is None or batch.swept >= batch.pages:
            return False
        ended = batch.completed_at or batch.expired_at or batch.cancelled_at
        return not batch.ended or ended is None or self._clock.now() - ended < DAY_S

    def _forget(self, batch: Batch, swept: int) -> None:
        key = (*_key(batch), batch.round)
        left = {page: at for page, at in self._since.get(key, {}).items() if page >= swept}
        self._since[key] = left
        if not left:
            del self._since[key]

    # ------------------------------------------------------------ what

    async def _sweep(self, batch: Batch, pages: Sequence[int], queued: set[Key]) -> int:
        """Remove what the lines of these pages left, and fold their lines of the ledger, which go after that.

        Returns the first page that is not swept.
        """
        swept = batch.swept
        for start in range(0, len(pages), BESIDE):
            some = pages[start : start + BESIDE]
            done = await asyncio.gather(*(self._page(batch, page, queued) for page in some))
            if not all(done):
                return swept + done.index(False)
            swept += len(some)
        return swept

    async def _page(self, batch: Batch, page: int, queued: set[Key]) -> bool:
        """Sweep a page. False: something of it stands in a queue."""
        requests = await self._requests(batch, page)
        if any((batch.tenant, request) in queued for request in requests):
            return False
        for start in range(0, len(requests), TOGETHER):
            await asyncio.gather(*(self._remove(batch.tenant, one) for one in requests[start : start + TOGETHER]))
        folded = await self._folder.fold(batch.id, [f"{batch.tenant}.{request}" for request in requests])
        self._folded += folded
        return True

    async def _requests(self, batch: Batch, page: int) -> list[str]:
        """Ids of the requests on the lines of a page: those that ran, and of which no other reply may come."""
        name = f"{prefix_of(batch)}/out/{batch.round}/{page}"
        if await self._store.head(name) is None:  # the batch ended before the page was begun
            return []
        return [row["id"] async for row in self._store.rows(name) if _is_over(row)]

    async def _remove(self, tenant: str, request: str) -> None:
        left = result_subject(tenant, request), journal_subject(f"{tenant}.{request}", "*")
        await asyncio.gather(*map(self._streams.purge, left))


def _is_over(row: Mapping[str, Any]) -> bool:
    """Whether the line ran and its reply will stay. The dead letter of a provisional one may be tried again."""
    return "id" in row and "of" not in row and "reply" in row and not row["reply"].get("provisional", False)


def _noted(batch: Batch, number: int, swept: int) -> Batch:
    return batch.model_copy(update={"swept": max(swept, batch.swept)}) if batch.round == number else batch


def _key(batch: Batch) -> Key:
    return batch.tenant, batch.id
