"""Bytes too many for one message."""

from collections.abc import AsyncIterator
from typing import Protocol

__all__ = ["Objects"]


class Objects(Protocol):
    """A bucket of objects by name. All raise `errors.TransportUnavailable` when the store does not confirm."""

    async def put(self, name: str, body: bytes) -> None:
        """Store `body` whole; return when durable. The same bytes under the same name are not stored again."""
        ...

    async def get(self, name: str, *, most: int | None = None) -> bytes | None:
        """The bytes of `name`; None where there are none, they are incomplete, or more than `most`."""
        ...

    async def delete(self, name: str) -> bool:
        """Delete it. False: there was none."""
        ...

    def names(self) -> AsyncIterator[str]:
        """The names of all objects."""
        ...
