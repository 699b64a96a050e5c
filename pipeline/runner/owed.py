"""What stages began to write and did not wait for."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["Owing"]


class Owing:
    """The `Owed` of one delivery. Who stops waiting for it, since it was cancelled, stops nothing of it."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun: list[asyncio.Task[Any]] = []

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin it."""
        self._begun.append(asyncio.ensure_future(work))

    async def paid(self) -> None:
        """Return when all of it is done. Raises the first error, after all of it has ended."""
        trouble: BaseException | None = None
        while self._begun:
            task = self._begun[0]
            if not task.done():
                await asyncio.wait((task,))
            del self._begun[0]
            trouble = trouble or task.exception()
        if trouble is not None:
            raise trouble
