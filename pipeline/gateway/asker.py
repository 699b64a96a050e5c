"""What the door needs of a client of one tenant; `pipeline.client.Client` is one."""

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from pipeline.contracts import Chunk, OutcomeEvent, Reply, Request

__all__ = ["Asker", "Hearer", "Keeper"]


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


@runtime_checkable
class Keeper(Protocol):
    """Has the replies of its tenant for as long as they are kept; `pipeline.client.Client` does."""

    async def result(self, request_id: str) -> Reply | None:
        """The stored reply; None: there is none, or none yet."""
        ...


@runtime_checkable
class Hearer(Protocol):
    """Is told what became of answers of its tenant; `pipeline.client.Client` is."""

    async def outcome(self, event: OutcomeEvent) -> bool:
        """Keep an event. False: one of this id is known already, and nothing was changed."""
        ...
