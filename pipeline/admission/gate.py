"""What a worker knows of how much is on its way, and for whom: enough to say at once that it is too much.

How much there is, over all workers and for each tenant, NATS tells: the queue keeps every message until it is
acknowledged. What this worker lets in between two such answers it counts itself. Nothing of this is kept when the
worker ends, and nothing has to be.
"""

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from pipeline.admission.fairness import row_for
from pipeline.admission.standing import Standing
from pipeline.contracts import Lane
from pipeline.errors import Overloaded, StepwellError
from pipeline.policy.models.limits import AdmissionLimits
from pipeline.ports import Clock
from pipeline.topology import LANES, ROWS

__all__ = ["Gate"]

_log = logging.getLogger("stepwell.admission")

LOOK_EVERY_S: Final = 0.25
LOOK_SOON_S: Final = 0.05
"""While a lane is full and nobody knows well how fast it empties: those kept back are told when to come again."""
LOOK_FOR_EACH_S: Final = 20e-6
"""And so much longer for each tenant in the last answer: reading it takes its time."""
STALE_S: Final = 2.0
"""After so long a count says nothing any more; that is so after a pause, when the first requests ask for a new one."""
FEW: Final = 64
"""While a worker has let in less than the limit divided by this since it looked, it need not look again."""
HANDLED: Final = 8192
"""Requests in the hands of this worker's endpoints at a time: those that NATS has not confirmed yet."""
HANDLED_OF_ONE: Final = HANDLED - 128
"""The last places are for others."""
WAITING: Final = 1024
"""Callers that wait here for the answer to a request with the same id."""
WAITING_OF_ONE: Final = 256


class Gate:
    """Lets requests in, or raises `Overloaded` at once. One for each worker.

    Args:
        count: how many messages of a lane are on their way for each tenant, over all workers.
        clock: the time.
    """

    def __init__(self, count: Callable[[Lane], Awaitable[Mapping[str, int]]], clock: Clock) -> None:
        self._count = count
        self._clock = clock
        self._lanes = {lane: Standing() for lane in LANES}
        self._looked = dict.fromkeys(LANES, float("-inf"))
        self._asked = dict.fromkeys(LANES, float("-inf"))
        self._looking: dict[Lane, asyncio.Task[None]] = {}
        self._handled: Counter[str] = Counter()
        self._handles = 0
        self._waiting: Counter[str] = Counter()

    def admit(self, tenant: str, lane: Lane, limits: AdmissionLimits) -> int:
        """Let a request of `tenant` in; the row of the lane in which it stands.

        `confirmed` has to follow, whatever comes of it.

        Raises:
            Overloaded: the lane is full, and this tenant has its share of it.
        """
        here, limit = self._lanes[lane], limits.of(lane)
        self._refresh(lane, limits)
        weight = limits.weights.get(tenant, 1.0)
        if here.total >= limit:
            pause = here.kept_back(tenant, weight, limits.weights, limit)
            if pause is not None:
                raise Overloaded(
                    f"{here.total} {lane} requests are on their way and {limit} are allowed, and this tenant has its "
                    f"share of them: ask again in {pause:.0f} s",
                    retry_after_s=round(pause, 3),
                )
        row = row_for(tenant, here.own(tenant), weight, ROWS[lane])
        here.let_in(tenant)
        return row

    def _refresh(self, lane: Lane, limits: AdmissionLimits) -> None:
        """Ask NATS, where it is time to; one question at a time."""
        here, limit = self._lanes[lane], limits.of(lane)
        if here.since < limit // FEW and here.counted < limit // 2:
            return
        now = self._clock.monotonic()
        pause = LOOK_SOON_S if here.total >= limit and not here.sure else LOOK_EVERY_S
        if lane in self._looking or now - self._asked[lane] < pause + LOOK_FOR_EACH_S * here.tenants:
            return
        if STALE_S < now - max(self._looked[lane], self._asked[lane]) < float("inf"):
            here.forget()
        self._asked[lane] = now
        self._looking[lane] = asyncio.ensure_future(self._look(lane))

    async def _look(self, lane: Lane) -> None:
        """Ask, if possible once what was let in before is in the queue: it counts as on its way until that is known."""
        here = self._lanes[lane]
        await _until(functools.partial(here.knows, here.admitted))
        here.ask()
        try:
            counted = await self._count(lane)
        except StepwellError as error:
            _log.debug("how much is on its way is not known: %s", error.message)
            if self._clock.monotonic() - self._looked[lane] > STALE_S:
                here.forget()
        else:
            self._looked[lane] = now = self._clock.monotonic()
            here.answer(counted, now)
        finally:
            del self._looking[lane]

    def confirmed(self, tenant: str, lane: Lane, stored: bool) -> None:
        """What was let in is in the queue now; or, not `stored`, it never came there."""
        self._lanes[lane].settle(tenant, stored)

    def enter(self, tenant: str) -> None:
        """An endpoint has a request in its hands. `leave` has to follow.

        Raises:
            Overloaded: it has too many, or too many of this tenant.
        """
        if self._handles >= HANDLED or self._handled[tenant] >= HANDLED_OF_ONE:
            raise Overloaded(f"{self._handles} requests wait to be taken: ask again in a second", retry_after_s=1.0)
        self._handles += 1
        self._handled[tenant] += 1

    def leave(self, tenant: str) -> None:
        """It has it no more."""
        self._handles -= 1
        _one_less(self._handled, tenant)

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
            _one_less(self._waiting, tenant)


def _one_less(counts: Counter[str], tenant: str) -> None:
    counts[tenant] -= 1
    if not counts[tenant]:
        del counts[tenant]


async def _until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds, or has not for long."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0.01)
