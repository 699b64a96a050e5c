"""A cache in Valkey or Redis. Whatever goes wrong there, callers see one error and go on without it."""

from collections.abc import Awaitable
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.errors import StoreUnavailable

__all__ = ["PREFIX", "ValkeyCache"]

PREFIX: Final = "stepwell:answer:"
"""What our keys begin with, so that a store may be shared and permissions can name them."""

CONNECT_S: Final = 0.5
ANSWER_S: Final = 0.25
T = TypeVar("T")


class ValkeyCache:
    """Values under `PREFIX` with an expiry each."""

    def __init__(self, url: str, *, connections: int = 16) -> None:
        """Prepare; the first call connects.

        Args:
            url: `redis://` or `rediss://` address with the number of the database.
            connections: how many may be open at the same time.
        """
        # No retries here: a cache that has to be asked twice is slower than the question is worth.
        self._client = Redis.from_url(
            url,
            max_connections=connections,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `StoreUnavailable` when the store is away, loading, or in trouble."""
        value = await _patiently(self._client.get(PREFIX + key))
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `StoreUnavailable` when the store is away, full, or read-only."""
        await _patiently(self._client.set(PREFIX + key, value, px=max(1, round(ttl_s * 1000))))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _patiently(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"the cache at STEPWELL_VALKEY does not answer ({type(error).__name__})") from None
