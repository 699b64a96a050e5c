"""Which requests of the lane of batches stand in queues, and what those wait for that wait for their time."""

from typing import Any, Final

import orjson

from pipeline.layout import STEPS
from pipeline.ports import Streams
from pipeline.topology import AT_PROVIDER, LANES

__all__ = ["Key", "Queues"]

Key = tuple[str, str]
"""Tenant and id of a request."""
_LANE: Final = LANES[-1]


class Queues:
    """The queues of the lane."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def all(self) -> set[Key]:
        """Every request of the lane that stands in a queue, or waits for its time.

        Those that wait are looked at before and after: they may be put into a queue meanwhile, and the other way round.
        """
        found = set(await self.waiting())
        async for stored in self._streams.scan(STEPS, subject=f"step.{_LANE}.>"):
            try:
                fields: dict[str, Any] = orjson.loads(stored.body)
                found.add((fields["request"].get("tenant", "default"), fields["id"]))
            except (ValueError, LookupError, TypeError, AttributeError):  # the stage that reads it says so
                continue
        return found.union(await self.waiting())

    async def waiting(self) -> dict[Key, bool]:
        """Requests that wait for their time, and whether it is for a batch of their provider: their subjects say so."""
        found: dict[Key, bool] = {}
        for subject in await self._streams.subjects(STEPS, f"step.later.{_LANE}.*.*.*.>"):
            *_, tenant, request, rest = subject.split(".", 6)
            found[tenant, request] = rest.endswith(f".{AT_PROVIDER}")
        return found
