"""Caps on escalations: buckets of all workers and, while nobody can count for all, those of this worker alone."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pipeline.adapters.money.counters import Bucket, Counters
from pipeline.errors import StoreUnavailable

__all__ = ["KEPT", "REMEMBERED_S", "Caps", "LocalCaps"]

KEPT: Final = 10_000
"""Buckets, and things done once, that this process remembers."""
REMEMBERED_S: Final = 172_800.0
"""Seconds for which what was done once is remembered by all: as long as a request may be delivered again."""
_ONE: Final = 1_000_000


class LocalCaps:
    """What `Counters.asked` and `take` do, by the traffic of this process alone."""

    def __init__(self) -> None:
        self._levels: OrderedDict[str, int] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()

    def asked(self, request: str, buckets: Sequence[Bucket]) -> None:
        """Let the request, once, add its share to the buckets."""
        if self._once(f"asked:{request}"):
            for bucket in buckets:
                self._set(bucket, min(bucket.burst * _ONE, self._level(bucket) + round(bucket.share * _ONE)))

    def take(self, attempt: str, buckets: Sequence[Bucket]) -> int | None:
        """Take one escalation out of all buckets, once. Else the position of the first that has none."""
        if f"taken:{attempt}" in self._done:
            return None
        for place, bucket in enumerate(buckets):
            if self._level(bucket) < _ONE:
                return place
        self._once(f"taken:{attempt}")
        for bucket in buckets:
            self._set(bucket, self._level(bucket) - _ONE)
        return None

    def _level(self, bucket: Bucket) -> int:
        return self._levels.get(bucket.name, bucket.burst * _ONE)

    def _set(self, bucket: Bucket, level: int) -> None:
        self._levels[bucket.name] = level
        self._levels.move_to_end(bucket.name)
        if len(self._levels) > KEPT:
            self._levels.popitem(last=False)

    def _once(self, what: str) -> bool:
        if what in self._done:
            return False
        self._done[what] = None
        if len(self._done) > KEPT:
            self._done.popitem(last=False)
        return True


class Caps:
    """Caps on escalations over all workers, as far as that can be had.

    Requests are counted here as well, so that this worker knows the share when nobody else answers.
    """

    def __init__(self, counters: Counters | None) -> None:
        self._counters = counters
        self._local = LocalCaps()

    async def asked(self, request: str, buckets: Sequence[Bucket]) -> None:
        """Let the request, once, add its share to the buckets."""
        self._local.asked(request, buckets)
        if self._counters is not None:
            with suppress(StoreUnavailable):
                await self._counters.asked(request, buckets, keep_s=REMEMBERED_S)

    async def take(self, attempt: str, buckets: Sequence[Bucket]) -> Bucket | None:
        """Take one escalation out of all buckets. Else the first that has none."""
        empty = await self._take(attempt, buckets)
        return None if empty is None else buckets[empty]

    async def _take(self, attempt: str, buckets: Sequence[Bucket]) -> int | None:
        if self._counters is not None:
            with suppress(StoreUnavailable):
                return await self._counters.take(attempt, buckets, keep_s=REMEMBERED_S)
        return self._local.take(attempt, buckets)
