"""One page of a batch that is not settled: what runs of it, and how its lines ended so far.

How lines ended is held in memory until the page is settled, or until others need the memory: then it is stored early,
and read again when the page is settled.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.batch.store import Store

__all__ = ["Early", "Page", "rows_of"]


@dataclass(frozen=True, slots=True)
class Early:
    """What was stored early of a page: so many times, of these places, and what all of it cost."""

    times: int = 0
    states: tuple[tuple[int, str], ...] = ()
    cost: float = 0.0
    unpriced: int = 0
    shared: int = 0


@dataclass(slots=True)
class Page:
    """A page that is not settled. `waiting` of the lines that run wait for a batch of their provider."""

    number: int
    rows: AsyncIterator[dict[str, Any]]
    name: str
    early: Early = Early()
    running: int = 0
    waiting: int = 0
    read: bool = False
    done: dict[int, bytes] = field(default_factory=dict)
    held: int = 0
    since: float = 0.0
    same: dict[int, dict[str, Any]] = field(default_factory=dict)
    cost: float = 0.0
    unpriced: int = 0
    shared: int = 0
    stored: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        early = self.early
        self.cost, self.unpriced, self.shared = early.cost, early.unpriced, early.shared
        self.stored = frozenset(place for place, _ in early.states)

    @property
    def busy(self) -> bool:
        """Whether there is something to do about it, other than to wait for a batch of a provider."""
        return not self.read or not self.waiting or self.running > self.waiting

    def note(self, place: int, row: bytes, now: float) -> None:
        """How a line ended."""
        if not self.done:
            self.since = now
        self.done[place] = row
        self.held += len(row)

    def places(self) -> Iterator[int]:
        """Those of which it is known how they ended."""
        yield from self.done
        yield from self.stored

    async def store_early(self, store: Store, states: bytearray) -> int:
        """Hold no row in memory any more; returns how many bytes that were."""
        places = sorted(self.done)
        told = (*self.early.states, *((place, chr(states[place])) for place in places))
        after = Early(self.early.times + 1, told, self.cost, self.unpriced, self.shared)
        await store.put_early(
            self.name,
            self.early.times,
            [self.done[place] for place in places],
            {"states": told, "cost": self.cost, "unpriced": self.unpriced, "shared": self.shared},
        )
        for place in places:
            del self.done[place]
        self.early, self.stored = after, self.stored.union(places)
        before, self.held = self.held, sum(map(len, self.done.values()))
        return before - self.held

    async def settle(self, store: Store, head: dict[str, Any]) -> None:
        """Store it for good."""
        rows = dict(self.done)
        for number in range(self.early.times):
            async for row in store.early(self.name, number):
                rows[orjson.loads(row)["o"]] = row
        await store.put_rows(self.name, [rows[place] for place in sorted(rows)])
        await store.put_head(self.name, head)
        if self.early.times:
            await store.drop_early(self.name)


async def rows_of(store: Store, name: str, first: int) -> AsyncIterator[dict[str, Any]]:
    """The rows of a page as they are to run, each with its place."""
    place = first
    async for row in store.rows(name):
        yield row | {"o": place}
        place += 1
