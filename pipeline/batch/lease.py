"""One of many processes leads. Who leads says so again and again; when it falls silent, another one does."""

import logging
from typing import Final

import orjson

from pipeline.ports import Bucket, Clock, Conflict, Entry

__all__ = ["LEASE_S", "Lease", "may_take"]

_log = logging.getLogger("stepwell.batch")

LEASE_S: Final = 6.0
"""Seconds after which a silent leader is taken for dead."""
_KEY: Final = "feeder"


def may_take(lease: Entry | None, who: str, now: float) -> bool:
    """Whether `who` may lead: nobody does, or it does itself, or who did has been silent too long."""
    if lease is None:
        return True
    fields = orjson.loads(lease.value)
    return bool(fields["who"] == who or fields["until"] <= now)


class Lease:
    """The lead, in the bucket `batches`.

    Two that believe to lead at the same time do no harm: the ids of requests follow from the lines.
    """

    def __init__(self, bucket: Bucket, clock: Clock, who: str) -> None:
        self._bucket = bucket
        self._clock = clock
        self._who = who

    async def take(self) -> bool:
        """Lead, or go on leading, until `LEASE_S` from now. False: somebody else does."""
        entry = await self._bucket.get(_KEY)
        if not may_take(entry, self._who, self._clock.now()):
            return False
        return await self._write(entry, self._clock.now() + LEASE_S)

    async def leave(self) -> None:
        """Let somebody else lead at once."""
        entry = await self._bucket.get(_KEY)
        if entry is not None and orjson.loads(entry.value)["who"] == self._who:
            await self._write(entry, 0.0)

    async def _write(self, entry: Entry | None, until: float) -> bool:
        body = orjson.dumps({"who": self._who, "until": until})
        try:
            await self._bucket.put(_KEY, body, expected=entry.revision if entry else 0)
        except Conflict:
            return False
        return True
