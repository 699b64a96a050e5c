"""A cache in Valkey or Redis. Whatever goes wrong there, callers see one error and go on without it.

Calls that come while another one is under way are sent together as soon as it is answered. Under load that costs the
event loop a tenth of a round trip for each call, and one connection is enough.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.errors import StoreUnavailable

__all__ = ["ANSWER_S", "BATCH", "CONNECT_S", "PREFIX", "ValkeyCache"]

PREFIX: Final = "stepwell:answer:"
"""What our keys begin with, so that a store may be shared and permissions can name them."""
CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 0.25
"""Seconds for the store to answer."""
BATCH: Final = 128
"""Calls that are sent together at most."""


class _Call(NamedTuple):
    """A read, or (with a value) a write that lasts `ttl_ms` milliseconds."""

    key: str
    answer: "asyncio.Future[object]"
    value: bytes | None = None
    ttl_ms: int = 0


class ValkeyCache:
    """Values under `PREFIX`, each with an expiry. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        """Prepare; the first call connects. `url` is a `redis://` or `rediss://` address with a database number."""
        # No retries here: a cache that has to be asked twice is slower than the question is worth.
        self._client = Redis.from_url(
            url, socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
        )
        self._waiting: deque[_Call] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `StoreUnavailable` when the store is away, loading, or in trouble."""
        value = await self._call(_Call(PREFIX + key, _future()))
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `StoreUnavailable` when the store is away, full, or read-only."""
        await self._call(_Call(PREFIX + key, _future(), value, max(1, round(ttl_s * 1000))))

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        while self._waiting:
            _settle(self._waiting.popleft(), ConnectionError("closed"))
        await self._client.aclose()

    async def _call(self, call: _Call) -> object:
        self._waiting.append(call)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await call.answer

    async def _send(self) -> None:
        """Send what waits, batch by batch, until nothing waits."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                answers = await self._round_trip(batch)
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            except (RedisError, OSError, TimeoutError) as error:
                answers = [error] * len(batch)
            for call, answer in zip(batch, answers, strict=True):
                _settle(call, answer)

    async def _round_trip(self, calls: Sequence[_Call]) -> Sequence[object]:
        if len(calls) == 1:
            return [await _ask(self._client, calls[0])]
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            _ask(pipeline, call)
        return await pipeline.execute(raise_on_error=False)


def _future() -> "asyncio.Future[object]":
    return asyncio.get_running_loop().create_future()


def _ask(client: Redis, call: _Call) -> Awaitable[object]:
    """Send at once, or (on a pipeline, which is a client too) note for later."""
    if call.value is None:
        return client.get(call.key)
    return client.set(call.key, call.value, px=call.ttl_ms)


def _settle(call: _Call, answer: object) -> None:
    """Give the caller its answer, unless it no longer waits."""
    future = call.answer
    if future.done():
        return
    if isinstance(answer, Exception):
        kind = type(answer).__name__
        future.set_exception(StoreUnavailable(f"the cache at STEPWELL_VALKEY does not answer ({kind})"))
    else:
        future.set_result(answer)
