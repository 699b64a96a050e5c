"""A connection: core messages, conversations, services."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.ports.objects import Objects
from pipeline.ports.road import Transport
from pipeline.ports.streams import Bucket, Streams

__all__ = ["Conversation", "Endpoint", "Incoming", "Link", "Spoken", "Subscription"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a core subject: at most once, not stored.

    Attributes:
        near: it was said in this process, so that who said it dies with who heard it.
    """

    subject: str
    body: bytes
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    near: bool = False


class Spoken(Incoming):
    """An answer that was given in this process, as what it is; its bytes are written where somebody wants to read them.

    Attributes:
        made: what it is, a contract.
    """

    __slots__ = ("_dump", "made")
    made: object

    def __init__(self, subject: str, made: object, dump: Callable[[], bytes]) -> None:
        given = {"subject": subject, "reply_to": None, "headers": {}, "near": True, "made": made, "_dump": dump}
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def body(self) -> bytes:
        """Its bytes."""
        written: bytes = self._dump()  # type: ignore[attr-defined]
        return written


Endpoint = Callable[[Incoming], Awaitable[str | None]]
"""Answers a request itself, and returns the error that it answered with, `503:overloaded`; None: with none."""


class Subscription(Protocol):
    """Something that can be ended."""

    async def stop(self) -> None:
        """No more messages after this."""
        ...


class Conversation(Protocol):
    """A request that was sent, and its answers."""

    async def next(self, timeout_s: float) -> Incoming | None:
        """The next answer; None when there was none within `timeout_s` seconds. An empty body ends a stream.

        Raises:
            NoWorker: nobody listens on the subject; known at once.
        """
        ...

    def close(self) -> None:
        """No more answers are wanted."""
        ...


class Link(Protocol):
    """A connection to NATS, or to its in-memory likeness: streams, buckets, and core messages."""

    @property
    def streams(self) -> Streams:
        """The durable streams."""
        ...

    def bucket(self, name: str) -> Bucket:
        """A key-value bucket that the provisioner made."""
        ...

    def objects(self, name: str) -> Objects:
        """A bucket of objects that the provisioner made."""
        ...

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a core message: at most once, to whoever listens now."""
        ...

    async def subscribe(
        self, subject: str, handler: Callable[[Incoming], Awaitable[None]], *, queue: str | None = None
    ) -> Subscription:
        """Hand each core message on `subject` to `handler`; with `queue`, to one member of the group."""
        ...

    def serves(self, subject: str) -> bool:
        """Whether who asks on `subject` is answered by this process itself: nothing of it is lost on its way."""
        ...

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> "Conversation":
        """Send a request and return the place where its answers arrive, one or many."""
        ...

    async def serve(self, name: str, version: str, endpoints: Mapping[str, Endpoint], *, alone: bool = False) -> None:
        """Answer requests: subject -> handler. Every member of the service shares the work.

        With `alone` only those of this process, where the connection can tell: others see the name and no endpoint.
        """
        ...

    def transport(self) -> Transport:
        """The work queue over this connection."""
        ...

    async def close(self) -> None:
        """Flush and close."""
        ...
