"""One of all collectors leads. Who falls silent is taken for dead, and whoever was silent too long stops by itself."""

from typing import Final

import orjson

from pipeline.ports import Clock, Conflict, Stored, Streams
from pipeline.topology import shelf_subject

__all__ = ["LEASE_S", "Lease"]

LEASE_S: Final = 15.0
"""Seconds after which a silent leader is taken for dead."""
_PLACE: Final = shelf_subject("lease")


class Lease:
    """The lead, on the shelf."""

    def __init__(self, streams: Streams, clock: Clock, who: str) -> None:
        self._streams = streams
        self._clock = clock
        self._who = who
        self._until = float("-inf")

    @property
    def held(self) -> bool:
        """Whether nobody else can have taken it, nor will while one request to a provider is begun."""
        return self._clock.monotonic() < self._until - LEASE_S / 3

    async def take(self) -> bool:
        """Lead, or go on leading. False: somebody else does."""
        begun = self._clock.monotonic()
        stored = await self._streams.last(_PLACE)
        if stored is not None and not self._may(stored):
            return False
        if not await self._write(stored, self._clock.now() + LEASE_S):
            return False
        self._until = begun + LEASE_S
        return True

    async def leave(self) -> None:
        """Let somebody else lead at once."""
        stored = await self._streams.last(_PLACE)
        if stored is not None and orjson.loads(stored.body)["who"] == self._who:
            await self._write(stored, 0.0)
        self._until = float("-inf")

    def _may(self, stored: Stored) -> bool:
        told = orjson.loads(stored.body)
        return bool(told["who"] == self._who or told["until"] <= self._clock.now())

    async def _write(self, before: Stored | None, until: float) -> bool:
        body = orjson.dumps({"who": self._who, "until": until})
        try:
            await self._streams.append(_PLACE, body, expected=before.sequence if before is not None else 0)
        except Conflict:
            return False
        return True
