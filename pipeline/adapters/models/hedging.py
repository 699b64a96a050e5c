"""A second call beside a slow first one: when, how often, and which of the two counts.

Only calls that are made again without harm are hedged, and none whose text the caller reads as it comes.
"""

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, NamedTuple

from pipeline.policy.models import Hedge
from pipeline.ports import Completion

__all__ = ["Hedges", "Race", "race"]

_KEPT: Final = 200
_SAVED: Final = 5.0


class Hedges:
    """How long calls of each target take, and how many may be made twice.

    Each call earns `share` of a second one, and at most five are saved up, so that of many calls no larger share is
    made twice.
    """

    def __init__(self) -> None:
        self._targets: dict[str, _Latencies] = {}

    def after_s(self, target: str, rules: Hedge) -> float | None:
        """Seconds after which a call of `target` counts as slow; None: too few were seen."""
        known = self._targets.get(target)
        return None if known is None or len(known.sorted) < rules.minimum else known.quantile_s(rules.quantile)

    def answered(self, target: str, latency_ms: float, rules: Hedge) -> None:
        """A call of `target` was answered."""
        known = self._targets.setdefault(target, _Latencies())
        known.note(latency_ms)
        known.tokens = min(_SAVED, known.tokens + rules.share)

    def spend(self, target: str) -> bool:
        """Take a token for a second call; False: there is none."""
        known = self._targets.get(target)
        if known is None or known.tokens < 1.0:
            return False
        known.tokens -= 1.0
        return True


class _Latencies:
    """The last latencies, in order of time and of size."""

    __slots__ = ("_recent", "sorted", "tokens")

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self.sorted: list[float] = []
        self.tokens = 0.0

    def note(self, latency_ms: float) -> None:
        self._recent.append(latency_ms)
        insort(self.sorted, latency_ms)
        if len(self._recent) > _KEPT:
            self.sorted.remove(self._recent.popleft())

    def quantile_s(self, quantile: float) -> float:
        place = min(len(self.sorted) - 1, int(quantile * len(self.sorted)))
        return self.sorted[place] / 1000


class Race(NamedTuple):
    """How two calls for one answer ended.

    Attributes:
        answer: the one that came first.
        second: it is the second call's.
        begun: a second call was made.
        also: the other call's answer, where it came at the same moment.
    """

    answer: Completion
    second: bool = False
    begun: bool = False
    also: Completion | None = None


async def race(
    first: Coroutine[Any, Any, Completion],
    after_s: float,
    second: Callable[[], Awaitable[Coroutine[Any, Any, Completion] | None]],
) -> Race:
    """Run `first`; if it takes longer than `after_s`, run what `second` gives beside it (None: nothing).

    The first answer wins, and the other call is stopped before this returns. One that fails does not stop the other; if
    both fail, the error of the first is raised.
    """
    calls = [asyncio.ensure_future(first)]
    try:
        await asyncio.wait(calls, timeout=after_s)
        if not calls[0].done():
            beside = await second()
            if beside is not None:
                calls.append(asyncio.ensure_future(beside))
        await _one_answered(calls)
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    answers = [call.result() if _answered(call) else None for call in calls]
    place = next((place for place, answer in enumerate(answers) if answer is not None), 0)
    also = answers[1] if len(answers) > 1 and place == 0 else None
    return Race(calls[place].result(), place == 1, len(calls) > 1, also)


async def _one_answered(calls: "list[asyncio.Task[Completion]]") -> None:
    """Wait until one of the calls has an answer, or all have failed."""
    running = set(calls)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        if any(_answered(call) for call in done):
            return


def _answered(call: "asyncio.Task[Completion]") -> bool:
    return not call.cancelled() and call.exception() is None
