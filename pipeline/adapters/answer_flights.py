"""One answer for identical requests that are under way at the same time, over all workers.

Who finds no answer takes a lease, under the name of its request, and makes it; the others wait for it. The lease is
short and renewed by the process that took it: where that one dies, the next who looks takes over. Where the request
ends without an answer for others, they are told so and go on by themselves: a failure is not waited for one by one.

Waiting is bounded, in time and in number. A request waits for half of what is left until its deadline and for
`PATIENCE_S` at most. No more than half of the places of a lane may wait, so that a request that holds a lease and comes
a second time, after a crash or a pause, finds a place.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pipeline.adapters.answer_cache import LEASE_S, AnswerCache, Lookup
from pipeline.contracts import Envelope, Lane
from pipeline.errors import StoreUnavailable
from pipeline.ports import Clock

__all__ = ["LONGEST_S", "PATIENCE_S", "Flights"]

PATIENCE_S: Final = 30.0
"""How long a request waits for the answer to another one."""
LONGEST_S: Final = 120.0
"""How long a lease is renewed at most, whatever its request does."""
_FIRST_S: Final = 0.01
_SLOWEST_S: Final = 0.1
_SLOWER: Final = 1.6


class Flights:
    """Answers that are being made, and who waits for them. Belongs to one event loop.

    Args:
        answers: where they are found.
        clock: the time.
        most: how many may wait in this process, for each lane.
    """

    def __init__(self, answers: AnswerCache, clock: Clock, most: Mapping[Lane, int]) -> None:
        self._answers = answers
        self._clock = clock
        self._most = most
        self._waiting: Counter[Lane] = Counter()
        self._led: dict[str, tuple[str, float]] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._renewal: asyncio.Task[None] | None = None
        answers.ended.append(self._ended)

    async def find(self, envelope: Envelope) -> Lookup:
        """The answer, also one that is being made; or why this request has to make it. Never raises."""
        found = await self._answers.find(envelope, lead=True)
        if found.reason == "under_way":
            found = await self._follow(envelope, found.key)
        if found.reason == "leads":
            self._lead(envelope, found)
        return found

    async def close(self) -> None:
        """Renew nothing any more."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    # ------------------------------------------------------------ who waits

    async def _follow(self, envelope: Envelope, key: str) -> Lookup:
        lane = envelope.lane
        if self._waiting[lane] >= self._most.get(lane, 0):
            return Lookup(None, "no_room_to_wait")
        self._waiting[lane] += 1
        try:
            return await self._wait(envelope, key)
        finally:
            self._waiting[lane] -= 1

    async def _wait(self, envelope: Envelope, key: str) -> Lookup:
        left = max(0.0, envelope.deadline_at - self._clock.now())
        until = self._clock.monotonic() + min(PATIENCE_S, left / 2)
        pause = _FIRST_S
        while (left := until - self._clock.monotonic()) > 0:
            await self._end_of(key, min(pause, left))
            found = await self._answers.find(envelope, lead=True)
            if found.hit is not None:
                return replace(found, hit=found.hit.model_copy(update={"kind": "flight"}))
            if found.reason != "under_way":
                return found
            pause = min(_SLOWEST_S, pause * _SLOWER)
        return Lookup(None, "waited_too_long")

    async def _end_of(self, key: str, seconds: float) -> None:
        """Wait a while, less where the answer is made in this process."""
        ends = self._ends.get(key)
        if ends is None:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await ends.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------ who leads

    def _lead(self, envelope: Envelope, found: Lookup) -> None:
        last = min(self._clock.now() + LONGEST_S, envelope.deadline_at)
        self._led[found.key] = (found.who, last)
        if found.key not in self._ends:
            self._ends[found.key] = asyncio.Event()
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())

    def _ended(self, key: str) -> None:
        """The request that held the lease of this key has ended in this process."""
        self._led.pop(key, None)
        ends = self._ends.pop(key, None)
        if ends is not None:
            ends.set()

    async def _renew(self) -> None:
        while self._led:
            await asyncio.sleep(LEASE_S / 3)
            now = self._clock.now()
            led = list(self._led.items())
            kept = await asyncio.gather(*(self._renewed(key, who, last - now) for key, (who, last) in led))
            for (key, _), stays in zip(led, kept, strict=True):
                if not stays:
                    self._ended(key)

    async def _renewed(self, key: str, who: str, left_s: float) -> bool:
        try:
            return left_s > 0 and await self._answers.store.renew(key, who, LEASE_S)
        except StoreUnavailable:
            return True  # it may be back before the lease is over
