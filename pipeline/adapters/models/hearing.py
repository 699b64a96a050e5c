"""The body of an answer, digested as it comes: within the turn of the loop in which its bytes came, where that can be.

A piece of a stream that nobody has to wait for is with its caller before anything else has its turn. Where somebody has
to (a caller who takes no more for now), the task that runs it waits, and what comes meanwhile stays with the
connection, which is not read any further when that is much.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.adapters.ahead import Ahead
from pipeline.adapters.models.posting import Posted

__all__ = ["Hearing"]


class Hearing:
    """Reads one body, once.

    Args:
        response: whose body.
        digest: takes what came; True: it wants no more. One piece at a time, in order.

    Attributes:
        done: `digest` wants no more.
    """

    __slots__ = ("_ahead", "_digest", "_response", "_task", "_waiter", "done")

    def __init__(self, response: Posted, digest: Callable[[bytes], Awaitable[bool]]) -> None:
        self._response = response
        self._digest = digest
        self._task: asyncio.Task[object] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ahead: Ahead[bool] | None = None
        self.done = False

    async def run(self) -> None:
        """Return when there is no more, or no more is wanted. Raises what reading or digesting raises."""
        loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._response.hear(self._heard)
        try:
            over = await self._some()
            while not over:
                self._waiter = loop.create_future()
                await self._waiter
                ahead, self._ahead = self._ahead, None
                over = await (self._some() if ahead is None else ahead)
        finally:
            self._waiter = None
            self._response.hear(None)
            if self._ahead is not None:  # the task was stopped after that had begun
                self._ahead.drop()

    async def _some(self) -> bool:
        """Digest what is there; True: nothing follows."""
        content = self._response.content
        while piece := content.read_nowait():
            if await self._digest(piece):
                self.done = True
                return True
        return content.at_eof()

    def _heard(self) -> None:
        """Something came: digest it now, and wake the task where it has to wait, or at the end."""
        waiter, task = self._waiter, self._task
        if waiter is None or task is None or waiter.done():
            return  # the task is at it, or is stopped
        if asyncio.current_task() is not None:
            waiter.set_result(None)
            return
        self._waiter = None
        ahead = Ahead(self._some(), task)
        if ahead.returned(False):
            self._waiter = waiter
        else:
            self._ahead = ahead
            waiter.set_result(None)
