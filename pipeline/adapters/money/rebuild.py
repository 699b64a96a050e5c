"""Count again what was lost: from the last snapshot and the lines after it, before anybody is answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Final

from pipeline.adapters.money.counters import Counters
from pipeline.adapters.money.fold import KEPT_S, Fold
from pipeline.adapters.money.pages import STREAM, Line, Once, is_page, unpack
from pipeline.adapters.money.seek import sequence_before
from pipeline.adapters.money.snapshot import dump, load
from pipeline.adapters.money.windows import frame_at
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.policy.models import Window
from pipeline.ports import Bucket, Clock, Conflict, Entry, Stored, Streams

__all__ = ["GRACE_S", "PATIENCE_S", "SNAPSHOT", "Rebuilder", "read_fold"]

_log = logging.getLogger("stepwell.ledger")

SNAPSHOT: Final = "snapshot"
"""Key of the snapshot in the bucket."""
GRACE_S: Final = 0.5
"""Seconds between the loss and the reading. A line is written within them, or its holding is asked for again."""
PATIENCE_S: Final = 5.0
"""Seconds that a call waits for somebody else to have counted again."""
_POLL_S: Final = 0.05
_YIELD: Final = 100
"""Lines after which others get their turn, and the lock is kept."""
_GROWN: Final = 50_000
"""From this size on a fold is looked through, whenever it has doubled, for what no longer matters."""

Told = Callable[[int], Awaitable[None]]
"""Told from time to time how many lines were read."""


async def read_fold(
    streams: Streams,
    bucket: Bucket | None,
    now: float,
    pers: Collection[Window],
    told: Told | None = None,
) -> tuple[Fold, Entry | None]:
    """The counters as they follow from the stream, and the snapshot they were counted on from.

    What a line says up to the snapshot is not counted again, were it that its page came later.

    Without a snapshot the stream is read from the beginning of the oldest window that is open, for windows of the
    lengths `pers`; in which of its lines are counted, each line says itself.

    Raises:
        TransportUnavailable: the stream cannot be read.
    """
    kept = await _kept(bucket)
    fold = load(kept.value) if kept is not None else None
    if fold is None:
        fold = Fold(upto=await _begin(streams, now, pers))
    once, counted = Once(), fold.upto
    lines = due = 0
    bound = _GROWN
    async for stored in streams.scan(STREAM, after=counted):
        for few in _in_parts(stored):
            _take(fold, once, few, counted, over=is_page(stored))
            lines += max(1, len(few))
            if lines >= due:
                due = lines + _YIELD
                if len(fold) >= bound:
                    fold.forget(now)
                    bound = max(_GROWN, 2 * len(fold))
                await (told(lines) if told is not None else asyncio.sleep(0))
        fold.upto = stored.sequence
    if told is not None:
        await told(lines)
    return fold, kept


def _in_parts(stored: Stored) -> Iterator[list[Line]]:
    """The lines of a message, a few at a time: others get their turn within a page. One list at least."""
    try:
        lines = unpack(stored)
    except ValueError:
        _log.error("message %d of the ledger cannot be read and is not counted", stored.sequence)
        lines = []
    for start in range(0, max(1, len(lines)), _YIELD):
        yield lines[start : start + _YIELD]


def _take(fold: Fold, once: Once, lines: Sequence[Line], counted: int, *, over: bool) -> None:
    """Count of these lines what was not counted up to that place. `over`: they stand in a page."""
    for sequence, entry in lines:
        if sequence > counted and once.take(sequence):
            fold.take(entry, sequence)
        if over:  # only what is over stands in pages: a million lines of a batch need no place in a snapshot
            fold.over(entry)


async def _kept(bucket: Bucket | None) -> Entry | None:
    if bucket is None:
        return None
    try:
        return await bucket.get(SNAPSHOT)
    except TransportUnavailable:
        return None


async def _begin(streams: Streams, now: float, pers: Collection[Window]) -> int:
    """After which line to read: what is older concerns no window that is open."""
    if not pers or "total" in pers:
        return 0
    oldest = min(frame_at(per, now).begins for per in pers)
    return await sequence_before(streams, STREAM, oldest - KEPT_S)


class Rebuilder:
    """Makes counters trustworthy again. One of all workers reads the stream; the others wait for it.

    Args:
        counters: what is counted again.
        streams: where the lines are.
        bucket: where snapshots are kept; None: nowhere.
        clock: the time.
        pers: the lengths of the windows that the policy in force has.
        grace_s: how long a line may be on its way.
    """

    def __init__(
        self,
        counters: Counters,
        streams: Streams,
        bucket: Bucket | None,
        clock: Clock,
        pers: Callable[[], Collection[Window]],
        *,
        grace_s: float = GRACE_S,
    ) -> None:
        self._counters = counters
        self._streams = streams
        self._bucket = bucket
        self._clock = clock
        self._pers = pers
        self._grace_s = grace_s
        self._alone = asyncio.Lock()
        self._seen = 0

    async def restore(self) -> None:
        """Return when there are counters that can be trusted.

        Raises:
            StoreUnavailable: Valkey is away, or nobody counted again in time.
            TransportUnavailable: the stream cannot be read.
        """
        async with self._alone:
            for _ in range(round(PATIENCE_S / _POLL_S)):
                if await self._counters.adopt():
                    return
                if await self._counters.lock():
                    await self._count_again()
                    return
                await asyncio.sleep(_POLL_S)
        raise StoreUnavailable("the counters of the ledger are being counted again")

    async def _count_again(self) -> None:
        try:
            if await self._counters.adopt():
                return
            _log.info("the counters of budgets are not there: they are counted from the ledger")
            await asyncio.sleep(self._grace_s)
            fold, kept = await read_fold(self._streams, self._bucket, self._clock.now(), self._pers(), self._locked)
            image = fold.image(self._clock.now())
            await self._counters.install(image)
            if image.totals:
                _log.warning("counters of budgets were lost: %d of them are counted again", len(image.totals))
            await self._keep(fold, kept)
        finally:
            await self._counters.unlock()

    async def _locked(self, _: int) -> None:
        """Stay the one who counts."""
        await self._counters.lock()

    async def is_due(self) -> bool:
        """Whether no worker made a snapshot since this was asked last, nor this one. One of many is enough."""
        kept = await _kept(self._bucket)
        revision = 0 if kept is None else kept.revision
        seen, self._seen = self._seen, revision
        return revision == seen

    async def refresh(self) -> None:
        """Make a newer snapshot, so that counting again stays short. Never raises."""
        try:
            fold, kept = await read_fold(self._streams, self._bucket, self._clock.now(), self._pers())
            await self._keep(fold, kept)
        except TransportUnavailable as error:
            _log.info("no snapshot of the ledger is made: %s", error.message)

    async def _keep(self, fold: Fold, kept: Entry | None) -> None:
        if self._bucket is None:
            return
        fold.forget(self._clock.now())
        packed = dump(fold)
        if packed is None:
            _log.warning(
                "%d counters make no snapshot that fits: counting again reads the whole stream", len(fold.spent)
            )
            return
        try:
            self._seen = await self._bucket.put(SNAPSHOT, packed, expected=0 if kept is None else kept.revision)
        except Conflict:
            pass  # somebody made one at the same time
        except TransportUnavailable as error:
            _log.info("the snapshot of the ledger is not kept: %s", error.message)
