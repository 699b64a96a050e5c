"""How much a key may: requests and tokens in any minute over all doors, and requests at a time at this process.

Windows are those that rates of policies are counted in (`pipeline.adapters.money.rates`): in Valkey where there is one,
so that several processes and doors count together, else in this process. Tokens are counted when they were used; a
key that has used its minute up waits until room is free again.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, Final

from pipeline.adapters.money.rates import LimitsMeter
from pipeline.errors import RateLimited
from pipeline.keys import KeyLimits
from pipeline.policy.models import Rate
from pipeline.ports import RateCheck

__all__ = ["Quotas"]

_BUSY_S: Final = 1.0


class _Rates:
    """The rates of keys, in the shape in which policies tell theirs."""

    def __init__(self) -> None:
        self.known: dict[str, Rate] = {}

    def current(self) -> Any:
        return SimpleNamespace(rate=self.known.get)


class Quotas:
    """Counts what keys with limits use; keys without any cost nothing here."""

    def __init__(self, valkey_url: str | None = None) -> None:
        self._rates = _Rates()
        self._meter = LimitsMeter(self._rates, valkey_url)  # type: ignore[arg-type]  # as much of a policy as it reads
        self._running: dict[str, int] = {}
        self._settling: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connections."""
        await self._meter.close()

    async def take(self, public: str, limits: KeyLimits) -> Callable[[], None] | None:
        """Count one request of a key, and return what is to be called when it has ended.

        Raises:
            RateLimited: a limit of the key is reached.
        """
        done = self._begin(public, limits.concurrent) if limits.concurrent is not None else None
        try:
            await self._hit(public, limits)
        except BaseException:
            if done is not None:
                done()
            raise
        return done

    def used(self, public: str, tokens: int) -> None:
        """Tokens were used; counted in the background."""
        if tokens > 0 and public in self._rates.known:
            check = RateCheck(public, public, tokens)
            task = asyncio.ensure_future(self._meter.settle(f"{public}.{token_hex(8)}", (check,)))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    def _begin(self, public: str, most: int) -> Callable[[], None]:
        running = self._running.get(public, 0)
        if running >= most:
            said = f"{running} requests of key {public} run already, which is as many as it may have at a time"
            raise RateLimited(f"{said}: wait for one to end", rule="key.concurrent", retry_after_s=_BUSY_S)
        self._running[public] = running + 1

        def done() -> None:
            left = self._running.get(public, 1) - 1
            if left > 0:
                self._running[public] = left
            else:
                self._running.pop(public, None)

        return done

    async def _hit(self, public: str, limits: KeyLimits) -> None:
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        if requests is None and tokens is None:
            return
        known = self._rates.known.get(public)
        if known is None or (known.requests, known.tokens) != (requests, tokens):
            self._rates.known[public] = Rate(name=public, by=("key",), per="minute", requests=requests, tokens=tokens)
        verdict = await self._meter.hit(f"{public}.{token_hex(8)}", (RateCheck(public, public, 1),))
        if verdict.exceeded is not None:
            counts = next((state.counts for state in verdict.states if state.remaining <= 0), "requests")
            said = f"key {public} has used up its {counts} for this minute: wait, or ask for a higher limit"
            raise RateLimited(said, rule=f"key.{counts}", retry_after_s=verdict.retry_after_s)
