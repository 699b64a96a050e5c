"""What the door needs of a client of one tenant."""

from collections.abc import AsyncIterator
from typing import Protocol

from pipeline.contracts import Chunk, Reply, Request

__all__ = ["Asker"]


class Asker(Protocol):
    """Sends requests of one tenant down the cascade."""

    async def ask(self, request: Request, *, traceparent: str | None = None) -> Reply:
        """Await the reply."""
        ...

    def stream(self, request: Request, *, traceparent: str | None = None) -> AsyncIterator[Chunk | Reply]:
        """Pieces of the answer as they come; the reply is the last item."""
        ...

    async def cancel(self, request_id: str) -> None:
        """Take the request back."""
        ...
