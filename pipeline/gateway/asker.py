"""What the door needs of a client of one tenant; `pipeline.client.Client` is one."""

from collections.abc import AsyncIterator
from typing import Protocol

from pipeline.contracts import Chunk, Reply, Request

__all__ = ["Asker"]


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
