"""Stores in this process, for tests."""

from collections import OrderedDict

from pipeline.adapters.cache_answers import LANDED, RISE, SHARE, WRONG
from pipeline.ports import Asked, Clock, Kept

__all__ = ["MemoryAnswers", "MemoryCache"]


class MemoryCache:
    """Keeps the newest `capacity` values. Time comes from the clock it is given."""

    def __init__(self, clock: Clock, capacity: int = 10_000) -> None:
        self._clock = clock
        self._capacity = capacity
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none or its time is over."""
        found = self._values.get(key)
        if found is None:
            return None
        value, until = found
        if self._clock.monotonic() >= until:
            del self._values[key]
            return None
        return value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds; a later value replaces an earlier one, and the oldest make room."""
        self._values.pop(key, None)
        self._values[key] = (value, self._clock.monotonic() + ttl_s)
        while len(self._values) > self._capacity:
            self._values.popitem(last=False)

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()


class MemoryAnswers(MemoryCache):
    """`AnswerStore` in this process."""

    def __init__(self, clock: Clock, capacity: int = 10_000) -> None:
        super().__init__(clock, capacity)
        self._groups: dict[str, set[str]] = {}
        self._erased: dict[str, float] = {}
        self._lists: dict[str, list[tuple[str, int]]] = {}
        self._floors: dict[str, dict[str, float]] = {}
        self._events: set[str] = set()
        self._added = 0

    async def ask(self, key: str, lease: str, who: str, lease_s: float) -> Asked:
        """The value, or who is to make it."""
        value = await self.get(key)
        if value is not None:
            return Asked(value)
        leader = await self.get(f"air:{lease}")
        if leader is None or leader == who.encode():
            leader = who.encode()
            await self.put(f"air:{lease}", leader, lease_s)
        return Asked(None, leader.decode())

    async def renew(self, lease: str, who: str, lease_s: float) -> bool:
        """Let a lease last longer."""
        if await self.get(f"air:{lease}") != who.encode():
            return False
        await self.put(f"air:{lease}", who.encode(), lease_s)
        return True

    async def land(self, lease: str, who: str, rest_s: float) -> None:
        """End a lease without a value."""
        if await self.get(f"air:{lease}") == who.encode():
            await self.put(f"air:{lease}", LANDED.encode(), rest_s)

    async def keep(self, kept: Kept) -> bool:
        """Keep a value in its groups, unless one of them was erased since."""
        if any(self._erased.get(group, float("-inf")) >= round(kept.asked_at * 1000) for group in kept.groups):
            return False
        await self.put(kept.key, kept.value, kept.ttl_s)
        self._values.pop(f"air:{kept.lease}", None)
        for group in kept.groups:
            self._groups.setdefault(group, set()).add(kept.key)
        if kept.list_name is not None:
            self._added += 1
            held = [one for one in self._lists.get(kept.list_name, []) if one[0] != kept.key]
            self._lists[kept.list_name] = [*held, (kept.key, self._added)][-kept.list_most :]
        return True

    async def many(self, keys: list[str]) -> list[bytes | None]:
        """The values of several keys."""
        return [await self.get(key) for key in keys]

    async def newer(self, list_name: str, after: int) -> list[tuple[str, int]]:
        """What was added to a list after a place."""
        return [one for one in self._lists.get(list_name, []) if one[1] > after]

    async def erase(self, group: str, at: float) -> int:
        """Erase a group."""
        self._erased[group] = round(at * 1000)
        found = [self._values.pop(key, None) for key in self._groups.pop(group, set())]
        return sum(value is not None for value in found)

    async def count(self, group: str) -> int:
        """How many values are in a group."""
        return sum([await self.get(key) is not None for key in self._groups.get(group, set())])

    async def size(self) -> tuple[int, int]:
        """How many answers and questions there are."""
        return sum(":" not in key for key in self._values), sum(key.startswith("near:") for key in self._values)

    async def floor(self, name: str) -> float | None:
        """The similarity that was learned under a name."""
        return self._floors.get(name, {}).get("floor")

    async def served(self, name: str) -> None:
        """Count a hit by likeness."""
        learned = self._floors.setdefault(name, {})
        learned["hits"] = learned.get("hits", 0) + 1

    async def wrong(self, name: str, event: str, similarity: float) -> float | None:
        """Count a wrong hit by likeness, and raise the floor where there are too many."""
        if event in self._events:
            return None
        self._events.add(event)
        learned = self._floors.setdefault(name, {})
        learned["wrong"] = learned.get("wrong", 0) + 1
        if learned["wrong"] < WRONG or learned["wrong"] <= learned.get("hits", 0) * SHARE:
            return None
        raised = max(learned.get("floor", 0.0), min(1.0, similarity + RISE))
        self._floors[name] = {"floor": raised}
        return raised
