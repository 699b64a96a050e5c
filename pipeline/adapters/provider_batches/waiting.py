"""Which requests still stand in STEPS: nobody waits for a call, or an answer, of one that does not."""

from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from pipeline.layout import STEPS
from pipeline.ports import Clock, Streams

__all__ = ["LANE", "Waiting"]

LANE: Final = "batch"
FRESH: Final = 4
"""What was read is good for so many times as long as it took to read it: thousands may wait."""


class Waiting:
    """A request stands in a queue until it has ended, or waits for its time; while it is worked on as well."""

    def __init__(self, streams: Streams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._seen: set[str] = set()
        self._until = float("-inf")

    async def anybody(self, keys: AbstractSet[str]) -> bool:
        """Whether one of these stands somewhere; one that waited a moment ago counts, where reading takes moments."""
        began = self._clock.monotonic()
        if began >= self._until:
            self._seen = await self._later()
            now = self._clock.monotonic()
            self._until = now + FRESH * (now - began)
        return not keys.isdisjoint(self._seen) or len(await self.gone(keys)) < len(keys)

    async def gone(self, keys: AbstractSet[str]) -> set[str]:
        """Those of these `<tenant>.<id>` that stand nowhere.

        Those that wait are looked at before and after the queues, since they move from one to the other meanwhile. One
        that moves twice may be missed: what cannot be undone is done after a second look.
        """
        rest = set(keys)
        for look in (self._later, self._queued, self._later):
            if not rest:
                break
            rest -= await look()
        return rest

    async def _later(self) -> set[str]:
        subjects = await self._streams.subjects(STEPS, f"step.later.{LANE}.*.*.*.>")
        return {".".join(subject.split(".", 6)[4:6]) for subject in subjects}

    async def _queued(self) -> set[str]:
        found: set[str] = set()
        async for stored in self._streams.scan(STEPS, subject=f"step.{LANE}.>"):
            try:
                fields: dict[str, Any] = orjson.loads(stored.body)
                found.add(f"{fields['request'].get('tenant', 'default')}.{fields['id']}")
            except (ValueError, LookupError, TypeError, AttributeError):  # the stage that reads it says so
                continue
        return found
