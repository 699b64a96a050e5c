"""Stores that may forget."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["AnswerStore", "Asked", "Cache", "Kept"]


class Cache(Protocol):
    """A store that may forget and may be away. Neither is an error for the caller of the cascade."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `errors.StoreUnavailable` when the store is away."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `errors.StoreUnavailable` when the store is away."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """The value; without one, who is to make it: whoever took the lease, `-` where that one made none."""

    value: bytes | None
    leader: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that is to be kept.

    Attributes:
        key: where.
        value: its bytes.
        ttl_s: how long.
        groups: names under which it can be erased.
        asked_at: Unix time of the request that it answers; a group that was erased since takes it no more.
        lease: the lease that ends with it; None: there is none.
        list_name: a list that it is added to, newest last; None: none.
        list_most: how many that list holds; the oldest make room.
    """

    key: str
    value: bytes
    ttl_s: float
    groups: tuple[str, ...] = ()
    asked_at: float = 0.0
    lease: str | None = None
    list_name: str | None = None
    list_most: int = 0


class AnswerStore(Protocol):
    """A store of answers: values in groups that can be erased, leases for those under way, and lists of the newest.

    Every method raises `errors.StoreUnavailable` when the store is away.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        ...

    async def ask(self, key: str, lease: str, who: str, lease_s: float) -> Asked:
        """The value; where there is none, `who` takes the lease, unless another one has it. One round trip."""
        ...

    async def renew(self, lease: str, who: str, lease_s: float) -> bool:
        """Let a lease last longer. False: it is not (any more) of `who`."""
        ...

    async def land(self, lease: str, who: str, rest_s: float) -> None:
        """End a lease without a value; for `rest_s` seconds those who ask are told that there will be none."""
        ...

    async def keep(self, kept: Kept) -> bool:
        """Keep a value. False: one of its groups was erased since it was asked for, and nothing is kept."""
        ...

    async def many(self, keys: list[str]) -> list[bytes | None]:
        """The values of several keys."""
        ...

    async def newer(self, list_name: str, after: int) -> list[tuple[str, int]]:
        """What was added to a list after a place, with the places, in their order."""
        ...

    async def erase(self, group: str, at: float) -> int:
        """Erase a group now, and for whatever was asked for before `at`. How many values there were."""
        ...

    async def count(self, group: str) -> int:
        """How many values are in a group."""
        ...

    async def size(self) -> tuple[int, int]:
        """How many answers there are, and how many questions are kept beside them to be compared."""
        ...

    async def floor(self, name: str) -> float | None:
        """The similarity that was learned under a name."""
        ...

    async def served(self, name: str) -> None:
        """Count a hit by likeness under a name."""
        ...

    async def wrong(self, name: str, event: str, similarity: float) -> float | None:
        """Count a hit by likeness that was wrong, once for each event. The floor that follows, where it rises."""
        ...
