"""A cache in Valkey or Redis. Whatever goes wrong there, callers see one error and go on without it."""

from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pipeline.adapters.together import Together

__all__ = ["ANSWER_S", "CONNECT_S", "PREFIX", "ValkeyCache"]

PREFIX: Final = "stepwell:answer:"
"""What our keys begin with, so that a store may be shared and permissions can name them."""
CONNECT_S: Final = 0.5
"""Seconds for a connection to come about."""
ANSWER_S: Final = 0.25
"""Seconds for the store to answer."""


class _Call(NamedTuple):
    """A read, or (with a value) a write that lasts `ttl_ms` milliseconds."""

    key: str
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
        self._calls = Together("the cache", self._round_trip)

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `StoreUnavailable` when the store is away, loading, or in trouble."""
        value = await self._calls.ask(_Call(PREFIX + key))
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `StoreUnavailable` when the store is away, full, or read-only."""
        await self._calls.ask(_Call(PREFIX + key, value, max(1, round(ttl_s * 1000))))

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        await self._calls.close()
        await self._client.aclose()

    async def _round_trip(self, calls: Sequence[_Call]) -> Sequence[object]:
        if len(calls) == 1:
            return [await _ask(self._client, calls[0])]
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            _ask(pipeline, call)
        return await pipeline.execute(raise_on_error=False)


def _ask(client: Redis, call: _Call) -> Awaitable[object]:
    """Send at once, or (on a pipeline, which is a client too) note for later."""
    if call.value is None:
        return client.get(call.key)
    return client.set(call.key, call.value, px=call.ttl_ms)
