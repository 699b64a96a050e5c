"""A copy of all keys that follows the bucket: a key that was revoked is known as such in every process within moments.

The watch begins anew now and then, so that one that has silently ended (a server that lost its memory) is no way for
a revoked key to live on.
"""

import asyncio
import logging
from typing import Final

import orjson

from pipeline.adapters.keys.store import KEY, USED, parse_record
from pipeline.errors import TransportUnavailable
from pipeline.keys import KeyRecord
from pipeline.ports import Bucket, Clock, Entry

__all__ = ["KeyBook"]

_log = logging.getLogger("stepwell.keys")

PAUSE_S: Final = 0.5
ANEW_S: Final = 30.0
USED_S: Final = 600.0
"""Seconds within which the last use of a key is written down once, by each process."""
FLUSH_S: Final = 30.0


class KeyBook:
    """Follows the bucket `keys`. While `ready` is false nobody knows who may come in."""

    def __init__(self, bucket: Bucket, clock: Clock, *, anew_s: float = ANEW_S, flush_s: float = FLUSH_S) -> None:
        self._bucket = bucket
        self._clock = clock
        self._anew_s = anew_s
        self._flush_s = flush_s
        self._records: dict[str, KeyRecord] = {}
        self._seen: set[str] = set()
        self._known = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._used: dict[str, float] = {}
        self._told: dict[str, float] = {}

    @property
    def ready(self) -> bool:
        """Whether every key has been read once."""
        return self._known.is_set()

    def find(self, public: str) -> KeyRecord | None:
        """What is known of a key now."""
        return self._records.get(public)

    def used(self, public: str, now: float) -> None:
        """A key was used; written down later, and coarsely."""
        self._used[public] = now

    async def start(self, timeout_s: float = 5.0) -> None:
        """Begin to follow; return when every key is known, at the latest after `timeout_s` seconds."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tell())]
        try:
            async with asyncio.timeout(timeout_s):
                await self._known.wait()
        except TimeoutError:
            _log.warning("the bucket of keys does not answer: nobody with a key is let in until it does")

    async def stop(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except TransportUnavailable as error:
                _log.warning("watching the keys broke off: %s", error.message)
                await asyncio.sleep(PAUSE_S)

    async def _watch(self) -> None:
        """Read every key, then its changes, for a while."""
        self._seen = set()
        reading = True
        try:
            async with asyncio.timeout(self._anew_s):
                async for entry in self._bucket.watch():
                    if entry is not None:
                        self._take(entry)
                    elif reading:
                        reading = False
                        self._all_read()
        except TimeoutError:
            return
        await asyncio.sleep(PAUSE_S)

    def _all_read(self) -> None:
        for public in [public for public in self._records if public not in self._seen]:
            del self._records[public]
        self._known.set()

    def _take(self, entry: Entry) -> None:
        if not entry.key.startswith(KEY):
            return
        public = entry.key.removeprefix(KEY)
        record = parse_record(entry.value) if entry.value else None
        if record is None or record.id != public:
            if entry.value:
                _log.warning("key %s (revision %d) cannot be read: nobody comes in by it", public, entry.revision)
            self._records.pop(public, None)
            return
        self._seen.add(public)
        if record != self._records.get(public):
            self._records[public] = record

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(self._flush_s)
            for public, at in list(self._used.items()):
                if at - self._told.get(public, 0.0) >= USED_S:
                    await self._write(public, at)
            self._used.clear()

    async def _write(self, public: str, at: float) -> None:
        try:
            await self._bucket.put(USED + public, orjson.dumps({"at": int(at)}))
            self._told[public] = at
        except TransportUnavailable as error:
            _log.info("the last use of a key was not written down: %s", error.message)
