"""Caps on escalations: buckets of all workers and, while nobody can count for all, those of this worker alone."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pipeline.adapters.money.counters import Bucket, Counters
from pipeline.adapters.money.pacing import Pace
from pipeline.errors import StoreUnavailable

__all__ = ["KEPT", "REMEMBERED_S", "Caps", "LocalCaps"]

KEPT: Final = 10_000
"""Buckets, and things done once, that this process remembers."""
REMEMBERED_S: Final = 600.0
"""Seconds for which what was done once is remembered by all. What is delivered again after that counts twice, which is
too careful by one escalation; to remember each for days would take memory for every line of a batch."""


class LocalCaps:
    """What `Counters.asked` and `take` do, by the traffic of this process alone."""

    def __init__(self) -> None:
        self._paces: OrderedDict[str, Pace] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()

    def asked(self, request: str, buckets: Sequence[Bucket]) -> None:
        """Let the request, once, add its share to the buckets."""
        if self._once(f"asked:{request}"):
            for bucket in buckets:
                self._set(bucket, self._pace(bucket).asked(bucket))

    def take(self, attempt: str, buckets: Sequence[Bucket], urgency: float = 1.0) -> int | None:
        """Take one escalation out of all buckets, once. Else the position of the first that does not let it pass."""
        if f"taken:{attempt}" in self._done:
            return None
        for place, bucket in enumerate(buckets):
            if not self._pace(bucket).lets(bucket, urgency):
                self._set(bucket, self._pace(bucket).denied(bucket))
                return place
        self._once(f"taken:{attempt}")
        for bucket in buckets:
            self._set(bucket, self._pace(bucket).taken())
        return None

    def _pace(self, bucket: Bucket) -> Pace:
        return self._paces.get(bucket.name) or Pace.fresh(bucket)

    def _set(self, bucket: Bucket, pace: Pace) -> None:
        self._paces[bucket.name] = pace
        self._paces.move_to_end(bucket.name)
        if len(self._paces) > KEPT:
            self._paces.popitem(last=False)

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

    async def take(self, attempt: str, buckets: Sequence[Bucket], urgency: float = 1.0) -> Bucket | None:
        """Take one escalation out of all buckets. Else the first that does not let one of this urgency pass."""
        shut = await self._take(attempt, buckets, urgency)
        return None if shut is None else buckets[shut]

    async def _take(self, attempt: str, buckets: Sequence[Bucket], urgency: float) -> int | None:
        if self._counters is not None:
            with suppress(StoreUnavailable):
                return await self._counters.take(attempt, buckets, keep_s=REMEMBERED_S, urgency=urgency)
        return self._local.take(attempt, buckets, urgency)
