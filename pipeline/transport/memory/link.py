"""All of one process together, as a worker and a client see it."""

from collections import defaultdict

from pipeline.ports import Bucket, Incoming, Objects, Streams
from pipeline.transport.claims import BUCKET, Claims
from pipeline.transport.memory.buckets import MemoryBucket, MemoryObjects
from pipeline.transport.memory.core import MemoryCore
from pipeline.transport.memory.queue import MemoryTransport
from pipeline.transport.memory.streams import MemoryStreams

__all__ = ["MemoryLink"]


class MemoryLink(MemoryCore):
    """A NATS of one process: core messages, streams and buckets."""

    def __init__(self) -> None:
        super().__init__()
        self._objects: dict[str, MemoryObjects] = defaultdict(MemoryObjects)
        self.claims = Claims(self.objects(BUCKET))
        self._streams = MemoryStreams(self._spread, self.claims)
        self._buckets: dict[str, MemoryBucket] = defaultdict(MemoryBucket)
        self._transport = MemoryTransport(self, self.claims)

    @property
    def streams(self) -> Streams:
        """The durable streams."""
        return self._streams

    def bucket(self, name: str) -> Bucket:
        """A key-value bucket."""
        return self._buckets[name]

    def objects(self, name: str) -> Objects:
        """A bucket of objects."""
        return self._objects[name]

    def _spread(self, subject: str, body: bytes) -> None:
        self.deliver(Incoming(subject, body))

    def serves(self, _subject: str) -> bool:
        """Who asks is told that the request is durable, as by a server."""
        return False

    def transport(self) -> MemoryTransport:
        """The work queue of this process."""
        return self._transport

    async def close(self) -> None:
        """Forget all listeners."""
        self.listeners.clear()
