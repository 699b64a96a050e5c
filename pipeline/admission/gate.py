"""What a worker knows of how much is on its way, and for whom: enough to say at once that it is too much.

How much there is in all, over all workers, NATS tells: the queue keeps every message until it is acknowledged. For whom
it is, each worker estimates from what it let in last: work is done in its order, about, so that what is still on its
way is what came last. Nothing of this is kept when the worker ends, and nothing has to be.
"""

import asyncio
import contextlib
import functools
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from pipeline.admission.fairness import share_of, water_level
from pipeline.contracts import Lane
from pipeline.errors import Overloaded, StepwellError
from pipeline.policy.models.limits import AdmissionLimits
from pipeline.ports import Clock
from pipeline.topology import LANES

__all__ = ["Gate"]

_log = logging.getLogger("stepwell.admission")

LOOK_EVERY_S: Final = 0.25
STALE_S: Final = 2.0
"""After so long a count says nothing any more; that is so after a pause, when the first requests ask for a new one."""
FEW: Final = 64
"""While a worker has let in less than the limit divided by this since it looked, it need not look again."""
HANDLED: Final = 4096
"""Requests in the hands of this worker's endpoints at a time: those that NATS has not confirmed yet."""
WAITING: Final = 1024
"""Callers that wait here for the answer to a request with the same id."""
WAITING_OF_ONE: Final = 256


class _Lane:
    """One lane as this worker sees it."""

    def __init__(self) -> None:
        self.counted = 0
        """What NATS said last."""
        self.since = 0
        """What this worker let in since it asked."""
        self.admitted = 0
        self.confirmed = 0
        """How many of those are in the queue, by now."""
        self.level = float("inf")
        self._last: deque[str] = deque()
        self._of: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self.counted + self.since

    def let_in(self, tenant: str) -> None:
        self.since += 1
        self.admitted += 1
        self._last.append(tenant)
        self._of[tenant] += 1

    def has_confirmed(self, number: int) -> bool:
        return self.confirmed >= number

    def look(self, counted: int, since: int, limits: AdmissionLimits, limit: int) -> None:
        """NATS said how much there is: forget what has ended, the oldest first."""
        self.counted, self.since = counted, since
        while len(self._last) > self.total:
            tenant = self._last.popleft()
            self._of[tenant] -= 1
            if not self._of[tenant]:
                del self._of[tenant]
        self.level = water_level(self._held(), limits.weights, limit)

    def _held(self) -> Mapping[str, float]:
        """What each tenant has on its way; what this worker knows nothing of, under no name."""
        return {**self._of, "": max(0, self.total - len(self._last))}

    def own(self, tenant: str) -> float:
        return self._of.get(tenant, 0)

    def rise(self, limits: AdmissionLimits, limit: int) -> None:
        """The limit was reached since NATS was asked."""
        self.level = water_level(self._held(), limits.weights, limit)


class Gate:
    """Lets requests in, or raises `Overloaded` at once. One for each worker.

    Args:
        count: how many messages of a lane are on their way, over all workers.
        clock: the time.
    """

    def __init__(self, count: Callable[[Lane], Awaitable[int]], clock: Clock) -> None:
        self._count = count
        self._clock = clock
        self._lanes = {lane: _Lane() for lane in LANES}
        self._looked = dict.fromkeys(LANES, float("-inf"))
        self._asked = dict.fromkeys(LANES, float("-inf"))
        self._looking: set[asyncio.Task[None]] = set()
        self._handled = 0
        self._waiting: Counter[str] = Counter()

    def admit(self, tenant: str, lane: Lane, limits: AdmissionLimits) -> None:
        """Let a request of `tenant` in.

        `confirmed` has to follow, whatever comes of it.

        Raises:
            Overloaded: the lane is full, and this tenant has its share of it.
        """
        here, limit = self._lanes[lane], limits.of(lane)
        self._refresh(lane, limits)
        if here.total >= limit:
            if here.level == float("inf"):
                here.rise(limits, limit)
            pause = share_of(here.own(tenant), limits.weights.get(tenant, 1.0), here.level, here.total, limit)
            if pause is not None:
                raise Overloaded(
                    f"{here.total} {lane} requests are on their way and {limit} are allowed, and this tenant has its "
                    f"share of them: ask again in {pause:.0f} s",
                    retry_after_s=round(pause, 3),
                )
        here.let_in(tenant)

    def _refresh(self, lane: Lane, limits: AdmissionLimits) -> None:
        here, limit = self._lanes[lane], limits.of(lane)
        if here.since < limit // FEW and here.counted < limit // 2:
            return
        now = self._clock.monotonic()
        if now - self._asked[lane] < LOOK_EVERY_S:
            return
        if now - self._looked[lane] > STALE_S:
            here.look(0, here.admitted - here.confirmed, limits, limit)
        self._asked[lane] = now
        task = asyncio.ensure_future(self._look(lane, limits))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, lane: Lane, limits: AdmissionLimits) -> None:
        """Ask, once what was let in before is in the queue: NATS would count some of it and not the rest."""
        here = self._lanes[lane]
        await _until(functools.partial(here.has_confirmed, here.admitted))
        known = here.since
        try:
            counted = await self._count(lane)
        except StepwellError as error:
            _log.debug("how much is on its way is not known: %s", error.message)
            return
        self._looked[lane] = self._clock.monotonic()
        here.look(counted, max(0, here.since - known), limits, limits.of(lane))  # since: a pause may have reset it

    def confirmed(self, lane: Lane) -> None:
        """What was let in is in the queue now, or never came there."""
        self._lanes[lane].confirmed += 1

    def enter(self) -> None:
        """An endpoint has a request in its hands. `leave` has to follow.

        Raises:
            Overloaded: it has too many.
        """
        if self._handled >= HANDLED:
            raise Overloaded(f"{HANDLED} requests wait to be taken: ask again in a second", retry_after_s=1.0)
        self._handled += 1

    def leave(self) -> None:
        """It has it no more."""
        self._handled -= 1

    @contextlib.contextmanager
    def waiting(self, tenant: str) -> Iterator[None]:
        """While a caller waits for the answer to a request that another one has asked.

        Raises:
            Overloaded: too many do.
        """
        if self._waiting[tenant] >= WAITING_OF_ONE or self._waiting.total() >= WAITING:
            raise Overloaded(
                "too many wait for requests with the same ids: fetch the result by its id", retry_after_s=1.0
            )
        self._waiting[tenant] += 1
        try:
            yield
        finally:
            self._waiting[tenant] -= 1
            if not self._waiting[tenant]:
                del self._waiting[tenant]


async def _until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds, or has not for long."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0.01)
