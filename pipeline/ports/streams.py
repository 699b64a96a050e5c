"""Durable streams and watched buckets."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Appended", "Bucket", "Conflict", "Entry", "Stored", "Streams"]


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message was stored. `duplicate`: it was there before, under the same `once` id."""

    sequence: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message."""

    subject: str
    sequence: int
    body: bytes
    at: float = 0.0


class Conflict(Exception):
    """The subject or key was written by somebody else since it was read."""


class Streams(Protocol):
    """Append-only durable streams. All raise `errors.TransportUnavailable` when the store does not confirm."""

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        """Append to the stream that holds `subject`; return when durable.

        Args:
            subject: where it belongs.
            body: the bytes.
            once: appending again under the same id within the stream's window stores nothing.
            expected: sequence of the last message on this very subject (0: there is none).

        Raises:
            Conflict: the last message on the subject is another one than `expected`.
        """
        ...

    async def last(self, subject: str) -> Stored | None:
        """The newest message on `subject`."""
        ...

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this sequence number."""
        ...

    async def following(self, stream: str, sequence: int) -> Stored | None:
        """The first message with this sequence number or a higher one."""
        ...

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        """The newest message on each subject that matches one of `patterns`, in the order of the stream."""
        ...

    def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """All messages stored so far after sequence `after`, oldest first; `subject` may filter with wildcards."""
        ...

    async def subjects(self, stream: str, pattern: str) -> set[str]:
        """The subjects of all messages that match `pattern`; no message is read."""
        ...

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message where the stream permits it. False: there is none."""
        ...

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        """Delete every message on `subject`, which may have wildcards, where the stream permits it.

        With `upto` only those with this sequence number or a lower one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a bucket with its revision."""

    key: str
    value: bytes
    revision: int


class Bucket(Protocol):
    """A watched key-value bucket."""

    async def get(self, key: str) -> Entry | None:
        """The value of `key`."""
        ...

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write and return the new revision. With `expected`, only if that is the present one (0: the key is new).

        Raises:
            Conflict: it is not.
        """
        ...

    async def keys(self) -> tuple[str, ...]:
        """All keys."""
        ...

    def watch(self, key: str | None = None) -> AsyncIterator[Entry | None]:
        """Every present value, then None, then each change as it happens; of one key alone where it is given."""
        ...
