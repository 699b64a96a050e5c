"""Rates of requests and tokens, in sliding windows, counted by the library `limits` in Valkey or in this process."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
)
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

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

    Two requests at the same moment may both see room for one of them at a rate; then the later one is refused, and what
    it took of its other rates stays taken. That errs on the side of the limit.

    Args:
        policies: the rates in force.
        valkey_url: where they are counted for all workers; None: here, for this worker alone.
    """

    def __init__(self, policies: PolicySource, valkey_url: str | None) -> None:
        self._policies = policies
        self._pool: BlockingConnectionPool | None = None
        self._storage: Any
        if valkey_url is None:
            self._storage = MemoryStorage()
        else:
            self._pool = BlockingConnectionPool.from_url(
                valkey_url,
                max_connections=CONNECTIONS,
                socket_connect_timeout=ANSWER_S,
                socket_timeout=ANSWER_S,
                retry=Retry(NoBackoff(), 0),
            )
            self._storage = RedisStorage(
                f"async+{valkey_url}",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=PREFIX,
                connection_pool=self._pool,  # type: ignore[arg-type]  # documented, and not in the annotation
            )
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

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
        once = f"once/{request}"
        known, *found = await asyncio.gather(
            self._storage.get(once), *(self._limiter.get_window_stats(meter.item, *meter.place) for meter in meters)
        )
        now = time.time()
        states = [
            _state(meter, stats.remaining, stats.reset_time - now) for meter, stats in zip(meters, found, strict=True)
        ]
        if known:
            return RateVerdict(tuple(states))
        over = [n for n, meter in enumerate(meters) if states[n].remaining < meter.cost]
        if not over:
            _, *taken = await asyncio.gather(
                self._storage.incr(once, ONCE_S),
                *(self._limiter.hit(meter.item, *meter.place, cost=meter.cost) for meter in meters),
            )
            over = [n for n, passed in enumerate(taken) if not passed]
            states = [_less(state, meter.cost) for state, meter in zip(states, meters, strict=True)]
            if over:
                await self._storage.clear(once)
        if not over:
            return RateVerdict(tuple(states))
        worst = max(over, key=lambda n: _wait_s(meters[n], states[n]))
        return RateVerdict(tuple(states), meters[worst].spec.name, round(_wait_s(meters[worst], states[worst]), 3))


def _state(meter: _Meter, remaining: int, reset_s: float) -> RateState:
    return RateState(
        name=meter.spec.name,
        counts="requests" if meter.counts == "requests" else "tokens",
        limit=meter.item.amount,
        remaining=max(0, remaining),
        reset_s=round(min(max(0.0, reset_s), meter.item.get_expiry()), 3),
    )


def _less(state: RateState, cost: int) -> RateState:
    return state.model_copy(update={"remaining": max(0, state.remaining - cost)})


def _wait_s(meter: _Meter, state: RateState) -> float:
    """Seconds until there may be room: a window frees evenly, and is free at its end."""
    window = meter.item.get_expiry()
    missing = max(0, meter.cost - state.remaining)
    return min(float(window), max(state.reset_s, missing * window / meter.item.amount))


def _away(meters: Sequence[_Meter], error: Exception) -> RateVerdict:
    """While nobody can count, each rate says what that means."""
    refusing = next((meter.spec.name for meter in meters if meter.spec.when_away == "refuse"), None)
    _log.warning("rates cannot be counted now (%s)%s", type(error).__name__, " and refuse" if refusing else "")
    return RateVerdict() if refusing is None else RateVerdict((), refusing, _AWAY_S)
