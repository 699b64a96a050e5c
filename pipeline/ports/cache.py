"""A store that may forget."""

from typing import Protocol

__all__ = ["Cache"]


class Cache(Protocol):
    """A store that may forget and may be away. Neither is an error for the caller of the cascade."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `errors.StoreUnavailable` when the store is away."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `errors.StoreUnavailable` when the store is away."""
        ...
