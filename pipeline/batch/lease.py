"""One of many processes leads. Who leads says so again and again; when it falls silent, another one does."""

import logging
from hashlib import sha256
from typing import Any, Final

import orjson

from pipeline.errors import NoWorker
from pipeline.ports import Clock, Conflict, Entry, Incoming, Link, Subscription
from pipeline.topology import leader_subject

__all__ = ["LEASE_S", "Lease", "may_take"]

_log = logging.getLogger("stepwell.batch")

LEASE_S: Final = 6.0
"""Seconds after which a silent leader is taken for dead."""
GONE: Final = 2
"""So many times in a row nobody must listen where the leader would: a connection that broke may be back in a moment."""
ANSWER_S: Final = 0.5
_KEY: Final = "feeder"


def may_take(lease: Entry | None, who: str, now: float) -> bool:
    """Whether `who` may lead: nobody does, or it does itself, or who did has been silent too long."""
    if lease is None:
        return True
    fields = orjson.loads(lease.value)
    return bool(fields["who"] == who or fields["until"] <= now)


class Lease:
    """The lead, in the bucket `batches`.

    Whoever may lead listens on a subject of its own. The server knows at once when a process is gone, so that nobody
    has to wait for the end of its lease; one that is there and does nothing loses the lead when its lease ends.

    Two that believe to lead at the same time do no harm: the ids of requests follow from the lines.
    """

    def __init__(self, link: Link, clock: Clock, who: str) -> None:
        self._link = link
        self._bucket = link.bucket("batches")
        self._clock = clock
        self._who = who
        self._ear: Subscription | None = None
        self._gone = 0

    async def _here(self, incoming: Incoming) -> None:
        if incoming.reply_to is not None:
            await self._link.publish(incoming.reply_to, b"{}")

    async def take(self) -> bool:
        """Lead, or go on leading, until `LEASE_S` from now. False: somebody else does."""
        if self._ear is None:
            self._ear = await self._link.subscribe(_place(self._who), self._here)
        entry = await self._bucket.get(_KEY)
        if entry is not None and not may_take(entry, self._who, self._clock.now()):
            fields: dict[str, Any] = orjson.loads(entry.value)
            self._gone = self._gone + 1 if await self._is_gone(fields) else 0
            if self._gone < GONE:
                return False
        self._gone = 0
        return await self._write(entry, self._clock.now() + LEASE_S)

    async def _is_gone(self, lease: dict[str, Any]) -> bool:
        """Whether nobody listens where the leader would; one of an older version never does."""
        if not lease.get("listens", False):
            return False
        conversation = await self._link.converse(_place(lease["who"]), b"")
        try:
            await conversation.next(ANSWER_S)
        except NoWorker:
            return True
        finally:
            conversation.close()
        return False

    async def leave(self) -> None:
        """Let somebody else lead at once."""
        entry = await self._bucket.get(_KEY)
        if entry is not None and orjson.loads(entry.value)["who"] == self._who:
            await self._write(entry, 0.0)
        await self.deafen()

    async def deafen(self) -> None:
        """Be there no more."""
        ear, self._ear = self._ear, None
        if ear is not None:
            await ear.stop()

    async def _write(self, entry: Entry | None, until: float) -> bool:
        body = orjson.dumps({"who": self._who, "until": until, "listens": self._ear is not None})
        try:
            await self._bucket.put(_KEY, body, expected=entry.revision if entry else 0)
        except Conflict:
            return False
        return True


def _place(who: str) -> str:
    return leader_subject(sha256(who.encode()).hexdigest()[:16])
