"""Requests that go on when their caller is gone: those with an idempotency key, whose caller may come back."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from pipeline.contracts import Chunk, Reply, Request
from pipeline.gateway.asker import Asker

__all__ = ["Lasting", "Tasks"]

T = TypeVar("T")


class Tasks:
    """Work that outlives its handler, until the door closes."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin `work`."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, because its caller may be gone

    async def settle(self, patience_s: float) -> None:
        """Let it end, for at most `patience_s` seconds."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience_s)


class Lasting:
    """An asker that cancellation does not reach: the request ends by itself, and its result is kept."""

    def __init__(self, asker: Asker, tasks: Tasks) -> None:
        self._asker = asker
        self._tasks = tasks

    async def ask(self, request: Request, *, traceparent: str | None = None, fresh: bool = False) -> Reply:
        """Await the reply."""
        return await asyncio.shield(self._tasks.start(self._asker.ask(request, traceparent=traceparent, fresh=fresh)))

    async def stream(
        self, request: Request, *, traceparent: str | None = None, fresh: bool = False
    ) -> AsyncIterator[Chunk | Reply]:
        """Pieces of the answer, then the reply."""
        items: asyncio.Queue[Chunk | Reply | Exception | None] = asyncio.Queue()
        self._tasks.start(_pump(self._asker.stream(request, traceparent=traceparent, fresh=fresh), items))
        while (item := await items.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


async def _pump(source: AsyncIterator[Chunk | Reply], items: "asyncio.Queue[Chunk | Reply | Exception | None]") -> None:
    """Read `source` to its end, whoever still listens; what it raises goes to the one who listens."""
    try:
        async for item in source:
            items.put_nowait(item)
    except Exception as error:  # noqa: BLE001 - handed on, and raised by the reader
        items.put_nowait(error)
    finally:
        items.put_nowait(None)
