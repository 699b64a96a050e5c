"""Sliding windows of rates: counted by the library `limits`, and read in the same moment.

`limits` tells whether there was room, and, asked again, what is left. Between the two others count too. Here both come
from one moment, so that each request is told what is left after itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage

__all__ = ["MemoryWindows", "Take", "ValkeyWindows", "Window", "Windows"]

_ANY: Final = 2**53
"""A limit that nothing reaches."""
_MARGIN_S: Final = 0.001
"""Beyond the moment at which there is exactly as much as is wanted."""


class Take(NamedTuple):
    """What is to be counted in one window: how much, and for whom."""

    item: RateLimitItem
    place: tuple[str, ...]
    cost: int

    @property
    def key(self) -> str:
        """The name of the window."""
        return self.item.key_for(*self.place)


class Window(NamedTuple):
    """What stands in a window.

    Attributes:
        limit: how much fits.
        per_s: seconds it is long.
        before: what was counted in the window before; of that counts the part that the last `per_s` seconds cover.
        before_left_s: seconds until nothing of it counts any more.
        present: what is counted in the present one.
        left_s: seconds until nothing of that counts any more: the rest of this window, and the whole next one.
    """

    limit: int
    per_s: float
    before: int
    before_left_s: float
    present: int
    left_s: float

    @property
    def remaining(self) -> int:
        """How much fits now."""
        counted = int(self.before * self.before_left_s / self.per_s) + self.present
        return min(self.limit, max(0, self.limit - counted))

    @property
    def full_s(self) -> float:
        """Seconds until all of it is free again; more than 0 until it is."""
        return self.wait_s(self.limit)

    def wait_s(self, cost: int) -> float:
        """Seconds until there is room for `cost`, if nobody comes between; at most two windows."""
        if cost <= self.remaining:
            return 0.0
        may_stand = self.limit - cost + 1  # what still counts is rounded down, so it must be below this
        if self.before > 0 and self.present < may_stand:
            free = self.before_left_s - (may_stand - self.present) * self.per_s / self.before
            if free <= self.left_s - self.per_s:
                return max(0.0, free) + _MARGIN_S
        free = self.left_s - may_stand * self.per_s / self.present if self.present > 0 else self.left_s - self.per_s
        return min(max(0.0, free) + _MARGIN_S, 2 * self.per_s)


class Windows(Protocol):
    """Where windows are counted. Whatever keeps it from counting is raised as it comes."""

    async def look(self, once: str, takes: Sequence[Take]) -> tuple[bool, list[Window]]:
        """Whether `once` was counted before, and the windows as they stand."""
        ...

    async def take(self, once: str, once_s: int, takes: Sequence[Take]) -> tuple[list[bool], list[Window]]:
        """Count, in one moment: in which windows there was room, and how each stands after it.

        Where one had no room, nothing of it is counted, and `once` is not either.
        """
        ...

    async def add(self, once: str, once_s: int, takes: Sequence[Take]) -> None:
        """Count what is used already, room or not, unless `once` was counted before."""
        ...


class MemoryWindows(MemoryStorage):
    """`Windows` in this process."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    async def look(self, once: str, takes: Sequence[Take]) -> tuple[bool, list[Window]]:
        """See `Windows`."""
        async with self._turn:
            return bool(await self.get(once)), await self._stand(takes)

    async def take(self, once: str, once_s: int, takes: Sequence[Take]) -> tuple[list[bool], list[Window]]:
        """See `Windows`."""
        async with self._turn:
            taken = [
                await self.acquire_sliding_window_entry(take.key, take.item.amount, take.item.get_expiry(), take.cost)
                for take in takes
            ]
            stand = await self._stand(takes)
            if all(taken):
                await self.incr(once, once_s)
            for had, take in zip(taken, takes, strict=True):
                if had and not all(taken):
                    await self.acquire_sliding_window_entry(
                        take.key, take.item.amount, take.item.get_expiry(), -take.cost
                    )
            return taken, stand if all(taken) else _given_back(taken, stand, takes)

    async def add(self, once: str, once_s: int, takes: Sequence[Take]) -> None:
        """See `Windows`."""
        async with self._turn:
            if await self.incr(once, once_s) == 1:
                for take in takes:
                    await self.acquire_sliding_window_entry(take.key, _ANY, take.item.get_expiry(), take.cost)

    async def _stand(self, takes: Sequence[Take]) -> list[Window]:
        return [_window(take, *await self.get_sliding_window(take.key, take.item.get_expiry())) for take in takes]


class ValkeyWindows(RedisStorage):
    """`Windows` in Valkey or Redis, in transactions of the scripts of `limits`."""

    async def look(self, once: str, takes: Sequence[Take]) -> tuple[bool, list[Window]]:
        """See `Windows`."""
        transaction = self._transaction()
        transaction.get(self.bridge.prefixed_key(once))
        for take in takes:
            await self._stands(transaction, take)
        known, *stand = await transaction.execute()
        return bool(known), [_read(take, answer) for take, answer in zip(takes, stand, strict=True)]

    async def take(self, once: str, once_s: int, takes: Sequence[Take]) -> tuple[list[bool], list[Window]]:
        """See `Windows`."""
        transaction = self._transaction()
        for take in takes:
            await self._counts(transaction, take, take.cost)
        for take in takes:
            await self._stands(transaction, take)
        await self._script("lua_incr_expire")([self.bridge.prefixed_key(once)], [once_s, 1], client=transaction)
        answers = await transaction.execute()
        taken = [bool(answer) for answer in answers[: len(takes)]]
        stand = [_read(take, answer) for take, answer in zip(takes, answers[len(takes) : -1], strict=True)]
        if all(taken):
            return taken, stand
        transaction = self._transaction()
        transaction.delete(self.bridge.prefixed_key(once))
        for had, take in zip(taken, takes, strict=True):
            if had:
                await self._counts(transaction, take, -take.cost)
        await transaction.execute()
        return taken, _given_back(taken, stand, takes)

    async def add(self, once: str, once_s: int, takes: Sequence[Take]) -> None:
        """See `Windows`."""
        if await self.incr(once, once_s) == 1:
            transaction = self._transaction()
            for take in takes:
                await self._counts(transaction, take, take.cost, _ANY)
            await transaction.execute()

    def _transaction(self) -> Any:
        bridge: Any = self.bridge
        return bridge.get_connection().pipeline(transaction=True)

    def _script(self, name: str) -> Any:
        return getattr(self.bridge, name)

    def _keys(self, take: Take) -> list[str]:
        named = (self._previous_window_key(take.key), self._current_window_key(take.key))
        return [self.bridge.prefixed_key(key) for key in named]

    async def _counts(self, transaction: Any, take: Take, cost: int, limit: int | None = None) -> None:
        numbers = [take.item.amount if limit is None else limit, take.item.get_expiry(), cost]
        await self._script("lua_acquire_sliding_window")(self._keys(take), numbers, client=transaction)

    async def _stands(self, transaction: Any, take: Take) -> None:
        await self._script("lua_sliding_window")(self._keys(take), [take.item.get_expiry()], client=transaction)


def _read(take: Take, answer: Any) -> Window:
    before, before_ms, count, left_ms = answer
    return _window(take, int(before or 0), max(0, before_ms) / 1000, int(count or 0), max(0, left_ms) / 1000)


def _window(take: Take, before: int, before_left_s: float, count: int, left_s: float) -> Window:
    return Window(take.item.amount, take.item.get_expiry(), max(0, before), before_left_s, max(0, count), left_s)


def _given_back(taken: Sequence[bool], stand: Sequence[Window], takes: Sequence[Take]) -> list[Window]:
    """The windows after what was taken from some of them was given back."""
    return [
        window._replace(present=max(0, window.present - take.cost)) if had else window
        for had, window, take in zip(taken, stand, takes, strict=True)
    ]
