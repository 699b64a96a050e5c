"""A cache in Valkey or Redis. Whatever goes wrong there, callers see one error and go on without it."""

from typing import Final

from pipeline.adapters.money.calls import ScriptCalls

__all__ = ["ANSWER_S", "PREFIX", "ValkeyCache"]

PREFIX: Final = "stepwell:answer:"
"""What our keys begin with, so that a store may be shared and permissions can name them."""
ANSWER_S: Final = 0.25
"""Seconds for the store to answer."""


class ValkeyCache:
    """Values under `PREFIX`, each with an expiry. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        """Prepare; the first call connects. `url` is a `redis://` or `rediss://` address with a database number."""
        self._calls = ScriptCalls(url, None, rest_s=0.0, answer_s=ANSWER_S, whose="the cache")

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `StoreUnavailable` when the store is away, loading, or in trouble."""
        value = await self._calls.command("GET", PREFIX + key)
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `StoreUnavailable` when the store is away, full, or read-only."""
        await self._calls.command("SET", PREFIX + key, value, "PX", max(1, round(ttl_s * 1000)))

    async def close(self) -> None:
        """Close the connection. Calls that still wait end with `StoreUnavailable`."""
        await self._calls.close()
