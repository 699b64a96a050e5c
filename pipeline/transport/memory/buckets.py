"""Buckets of this process: of objects, and of values by their keys."""

import asyncio
from collections.abc import AsyncIterator

from pipeline.ports import Conflict, Entry

__all__ = ["MemoryBucket", "MemoryObjects"]


class MemoryObjects:
    """A bucket of objects as a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, body: bytes) -> None:
        """Store `body`."""
        self._objects[name] = bytes(body)

    async def get(self, name: str, *, most: int | None = None) -> bytes | None:
        """The bytes of `name`."""
        body = self._objects.get(name)
        return None if body is None or (most is not None and len(body) > most) else body

    async def delete(self, name: str) -> bool:
        """Delete it."""
        return self._objects.pop(name, None) is not None

    async def names(self) -> AsyncIterator[str]:
        """The names of all objects."""
        for name in tuple(self._objects):
            yield name


class MemoryBucket:
    """A bucket as a dictionary, with one queue for each watcher."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._revision = 0
        self._watchers: list[tuple[str | None, asyncio.Queue[Entry | None]]] = []

    async def get(self, key: str) -> Entry | None:
        """The value of `key`."""
        return self._entries.get(key)

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write; see the port."""
        present = self._entries.get(key)
        if expected is not None and (present.revision if present else 0) != expected:
            raise Conflict(key)
        self._revision += 1
        entry = Entry(key, value, self._revision)
        self._entries[key] = entry
        for wanted, watcher in self._watchers:
            if wanted in (None, key):
                watcher.put_nowait(entry)
        return self._revision

    async def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(self._entries)

    async def watch(self, key: str | None = None) -> AsyncIterator[Entry | None]:
        """Present values, None, then changes."""
        queue: asyncio.Queue[Entry | None] = asyncio.Queue()
        for entry in self._entries.values():
            if key in (None, entry.key):
                queue.put_nowait(entry)
        queue.put_nowait(None)
        watcher = (key, queue)
        self._watchers.append(watcher)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(watcher)
