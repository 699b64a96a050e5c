"""Calls over one connection that are sent together.

What comes while others are under way waits, and goes with the next round trip. Under load that costs the event loop a
tenth of a round trip for each call, and one connection is enough.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from redis.exceptions import RedisError

from pipeline.errors import StoreUnavailable

__all__ = ["BATCH", "Together"]

BATCH: Final = 128
"""Calls that are sent together at most."""

Call = TypeVar("Call")


class Together(Generic[Call]):
    """A queue before a connection. Belongs to one event loop.

    Args:
        whose: what does not answer where something goes wrong, such as "the cache".
        send: sends calls and brings an answer for each, an exception where that one went wrong.
        failed: told when nothing was answered at all.
    """

    def __init__(
        self,
        whose: str,
        send: Callable[[Sequence[Call]], Awaitable[Sequence[Any]]],
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._whose = whose
        self._send = send
        self._failed = failed
        self._waiting: deque[tuple[Call, asyncio.Future[Any]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, call: Call) -> Any:
        """The answer. Raises `StoreUnavailable` where there is none; what was sent may have happened all the same."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._empty())
        return await answer

    async def close(self) -> None:
        """Send nothing any more. Calls that still wait end with `StoreUnavailable`."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        while self._waiting:
            self._settle(self._waiting.popleft()[1], ConnectionError("closed"))

    async def _empty(self) -> None:
        """Send what waits, batch by batch, until nothing waits."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                answers = await self._send([call for call, _ in batch])
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            except (RedisError, OSError, TimeoutError) as error:
                self._failed()
                answers = [error] * len(batch)
            for (_, waiting), answer in zip(batch, answers, strict=True):
                self._settle(waiting, answer)

    def _settle(self, waiting: "asyncio.Future[Any]", answer: Any) -> None:
        """Give the caller its answer, unless it no longer waits."""
        if waiting.done():
            return
        if isinstance(answer, Exception):
            kind = type(answer).__name__
            waiting.set_exception(StoreUnavailable(f"{self._whose} at STEPWELL_VALKEY does not answer ({kind})"))
        else:
            waiting.set_result(answer)
