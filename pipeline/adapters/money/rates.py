"""Rates of requests and tokens, in sliding windows, counted by the library `limits` in Valkey or in this process."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
)
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.adapters.money.sliding import MemoryWindows, Take, ValkeyWindows, Window
from pipeline.contracts import RateState
from pipeline.policy.models import Rate
from pipeline.policy.source import PolicySource
from pipeline.ports import RateCheck, RateVerdict

__all__ = ["ANSWER_S", "ONCE_S", "LimitsMeter"]

_log = logging.getLogger("stepwell.rates")

ANSWER_S: Final = 0.25
"""Seconds that a request waits to be counted."""
ONCE_S: Final = 900
"""Seconds for which it is remembered that a request was counted, for when it is delivered again."""
CONNECTIONS: Final = 8
PREFIX: Final = "stepwell:rate"
_AWAY_S: Final = 1.0
_ITEMS: Final = {
    "second": RateLimitItemPerSecond,
    "minute": RateLimitItemPerMinute,
    "hour": RateLimitItemPerHour,
    "day": RateLimitItemPerDay,
}


class _Meter(NamedTuple):
    """One window that a request counts in, and for how much."""

    spec: Rate
    counts: str
    scope: str
    item: RateLimitItem
    cost: int

    @property
    def place(self) -> tuple[str, str, str]:
        return self.spec.name, self.counts, self.scope


class LimitsMeter:
    """A `RateMeter`. A window slides: of the one before, the part counts that the last `per` seconds still cover.

    What a request is told is left of a rate is what was left in the moment after it was counted. Two requests at the
    same moment may both see room for one of them; then the later one is refused, and gives back what it took of its
    other rates.

    Args:
        policies: the rates in force.
        valkey_url: where they are counted for all workers; None: here, for this worker alone.
    """

    def __init__(self, policies: PolicySource, valkey_url: str | None) -> None:
        self._policies = policies
        self._pool: BlockingConnectionPool | None = None
        self._windows: MemoryWindows | ValkeyWindows
        if valkey_url is None:
            self._windows = MemoryWindows()
        else:
            self._pool = BlockingConnectionPool.from_url(
                valkey_url,
                max_connections=CONNECTIONS,
                socket_connect_timeout=ANSWER_S,
                socket_timeout=ANSWER_S,
                retry=Retry(NoBackoff(), 0),
            )
            self._windows = ValkeyWindows(
                f"async+{valkey_url}",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=PREFIX,
                connection_pool=self._pool,  # type: ignore[arg-type]  # documented, and not in the annotation
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def hit(self, request: str, checks: Sequence[RateCheck]) -> RateVerdict:
        """Count the request at all its rates, or at none where one is used up; see the port."""
        meters = [meter for check in checks for meter in self._meters(check)]
        if not meters:
            return RateVerdict()
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._hit(request, meters)
        except (StorageError, RedisError, OSError, TimeoutError) as error:
            return _away(meters, error)

    async def settle(self, request: str, checks: Sequence[RateCheck]) -> None:
        """Count tokens that were used beyond what was counted for them; see the port."""
        meters = [meter for check in checks for meter in self._meters(check) if meter.counts == "tokens"]
        takes = [Take(meter.item, meter.place, meter.cost) for meter in meters if meter.cost > 0]
        if not takes:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._windows.add(f"settled/{request}", ONCE_S, takes)
        except (StorageError, RedisError, OSError, TimeoutError) as error:
            _log.warning("tokens of a rate could not be counted (%s)", type(error).__name__)

    def _meters(self, check: RateCheck) -> list[_Meter]:
        spec = self._policies.current().rate(check.rate)
        if spec is None:
            return []
        item, found = _ITEMS[spec.per], []
        if spec.requests is not None:
            found.append(_Meter(spec, "requests", check.scope, item(spec.requests), 1))
        if spec.tokens is not None:
            found.append(_Meter(spec, "tokens", check.scope, item(spec.tokens), check.tokens))
        return found

    async def _hit(self, request: str, meters: Sequence[_Meter]) -> RateVerdict:
        once, takes = f"once/{request}", [Take(meter.item, meter.place, meter.cost) for meter in meters]
        known, windows = await self._windows.look(once, takes)
        over = [] if known else [n for n, meter in enumerate(meters) if windows[n].remaining < meter.cost]
        if not known and not over:
            taken, windows = await self._windows.take(once, ONCE_S, takes)
            over = [n for n, passed in enumerate(taken) if not passed]
        states = tuple(map(_state, meters, windows))
        if not over:
            return RateVerdict(states)
        waits = {n: windows[n].wait_s(meters[n].cost) for n in over}
        worst = max(over, key=waits.__getitem__)
        return RateVerdict(states, meters[worst].spec.name, round(waits[worst], 3))


def _state(meter: _Meter, window: Window) -> RateState:
    return RateState(
        name=meter.spec.name,
        counts="requests" if meter.counts == "requests" else "tokens",
        limit=window.limit,
        remaining=window.remaining,
        reset_s=round(window.full_s, 3),
    )


def _away(meters: Sequence[_Meter], error: Exception) -> RateVerdict:
    """While nobody can count, each rate says what that means."""
    refusing = next((meter.spec.name for meter in meters if meter.spec.when_away == "refuse"), None)
    _log.warning("rates cannot be counted now (%s)%s", type(error).__name__, " and refuse" if refusing else "")
    return RateVerdict() if refusing is None else RateVerdict((), refusing, _AWAY_S)
