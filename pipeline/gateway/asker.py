"""What the door needs of a client of one tenant, and the client over NATS that serves it."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from pipeline.admission import FRESH_HEADER
from pipeline.client import Client
from pipeline.contracts import Chunk, Reply, Request
from pipeline.ports import Conversation, Link

__all__ = ["Asker", "NatsAsker"]


class Asker(Protocol):
    """Sends requests of one tenant down the cascade.

    `fresh` says that the id of the request was made up just now, so that nothing can be known under it. Cancelling
    `ask`, or closing what `stream` returned, takes the request back.
    """

    async def ask(self, request: Request, *, traceparent: str | None = None, fresh: bool = False) -> Reply:
        """Await the reply."""
        ...

    def stream(
        self, request: Request, *, traceparent: str | None = None, fresh: bool = False
    ) -> AsyncIterator[Chunk | Reply]:
        """Pieces of the answer as they come; the reply is the last item."""
        ...


class NatsAsker:
    """The client of one tenant, with the trace of each caller handed on."""

    def __init__(self, link: Link, tenant: str) -> None:
        self._link = link
        self._tenant = tenant

    async def ask(self, request: Request, *, traceparent: str | None = None, fresh: bool = False) -> Reply:
        """Await the reply."""
        return await self._client(traceparent, fresh).ask(request)

    def stream(
        self, request: Request, *, traceparent: str | None = None, fresh: bool = False
    ) -> AsyncIterator[Chunk | Reply]:
        """Pieces of the answer, then the reply."""
        return self._client(traceparent, fresh).stream(request)

    def _client(self, traceparent: str | None, fresh: bool) -> Client:
        headers = {FRESH_HEADER: "1"} if fresh else {}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        return Client(_Tagged(self._link, headers) if headers else self._link, self._tenant)


class _Tagged:
    """A link that adds headers to the requests sent through it. What is fresh is so once: not when sent again."""

    def __init__(self, link: Link, headers: dict[str, str]) -> None:
        self._link = link
        self._headers = headers
        self.streams = link.streams
        self.bucket = link.bucket
        self.publish = link.publish
        self.subscribe = link.subscribe
        self.serve = link.serve
        self.transport = link.transport
        self.close = link.close

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Conversation:
        """Send a request with the headers."""
        merged = {**(headers or {}), **self._headers}
        self._headers.pop(FRESH_HEADER, None)
        return await self._link.converse(subject, body, headers=merged)
