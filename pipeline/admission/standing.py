"""One lane as a worker sees it: what NATS counted last, and what the worker let in since."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pipeline.admission.fairness import has_room, pause_s, water_level

__all__ = ["Standing"]

SURE_S: Final = 0.8
"""The rate is that of so many seconds, the older the less; while it was measured for less, that of all of these."""
TOLD_MOST: Final = 4096
"""Tenants of whom is remembered how many were told to come back."""


class Standing:
    """What each tenant has on its way, never less than it is: what is not known to be in the count is added to it.

    Attributes:
        counted: what NATS said last, in all.
        since: what this worker let in since it asked, and that did not end outside the queue.
        total: what is on its way.
        admitted: what this worker let in, ever.
        settled: of how much of that it knows what came of it.
        rate: how many of this worker's places are free again in a second; None: never measured. What was measured
            before a pause holds until it is measured again, and counts nothing then.
    """

    def __init__(self) -> None:
        self.counted = 0
        self.since = 0
        self.total = 0
        self.admitted = 0
        self.settled = 0
        self.rate: float | None = None
        self._measured_s = 0.0
        """How long, `SURE_S` at most."""
        self._held: Counter[str] = Counter()
        self._unsettled: Counter[str] = Counter()
        self._entered: Counter[str] | None = None
        """Let in since NATS was asked; None: it is not being asked."""
        self._unsure: Counter[str] = Counter()
        """What was not settled when NATS was asked: it may be in its answer, or not."""
        self._level: float | None = None
        self._told: dict[str, float] = {}
        self._before: tuple[float, int] | None = None
        """When NATS answered last, and what was on its way then."""
        self._stored = 0
        """Came into the queue by this worker since then."""

    @property
    def tenants(self) -> int:
        """How many have something on its way."""
        return len(self._held)

    @property
    def sure(self) -> bool:
        """Whether the rate was measured for long enough to be relied on."""
        return self._measured_s >= SURE_S

    def own(self, tenant: str) -> int:
        """What `tenant` has on its way."""
        return self._held.get(tenant, 0)

    def knows(self, number: int) -> bool:
        """Whether it is known of so many what came of them."""
        return self.settled >= number

    def let_in(self, tenant: str) -> None:
        """One more."""
        self.since += 1
        self.total += 1
        self.admitted += 1
        self._held[tenant] += 1
        self._unsettled[tenant] += 1
        if self._entered is not None:
            self._entered[tenant] += 1

    def settle(self, tenant: str, stored: bool) -> None:
        """It is in the queue; or it never came there, or ended before it did, and is not on its way."""
        self.settled += 1
        _less(self._unsettled, tenant)
        if stored:
            self._stored += 1
            return
        if self._held[tenant]:
            self.total -= 1
            self.since -= 1
        _less(self._held, tenant)
        if self._entered is not None:
            _less(self._entered if self._entered[tenant] else self._unsure, tenant)

    def kept_back(self, tenant: str, weight: float, weights: Mapping[str, float], limit: int) -> float | None:
        """Whether the full lane has no room for one more of `tenant`: the seconds after which to ask again."""
        if self._level is None:
            self._level = water_level(self._held, weights, limit)
        allowed, own = self._level * weight, self.own(tenant)
        if has_room(own, allowed, self.total, limit):
            return None
        told = self._told.get(tenant, 0.0)
        if tenant in self._told or len(self._told) < TOLD_MOST:
            self._told[tenant] = told + 1
        return pause_s(own, allowed, self.total, limit, told, self._likely())

    def forget(self) -> None:
        """What was known is too old: only what is not settled yet is on its way for sure."""
        self._replace(Counter(), self._unsettled, Counter())
        self._before, self._measured_s = None, 0.0
        self._told.clear()

    def ask(self) -> None:
        """NATS is asked now."""
        self._entered, self._unsure = Counter(), Counter(self._unsettled)

    def answer(self, counted: Mapping[str, int], now: float) -> None:
        """NATS said what there is."""
        self._measure(sum(counted.values()), now)
        self._replace(counted, self._unsure, self._entered or Counter())
        self._entered, self._unsure = None, Counter()

    def _replace(self, counted: Mapping[str, int], unsure: Mapping[str, int], entered: Mapping[str, int]) -> None:
        self._held = Counter(counted)
        self._held.update(unsure)
        self._held.update(entered)
        self.counted, self.total = sum(counted.values()), sum(self._held.values())
        self.since = self.total - self.counted
        self._level = None

    def _likely(self) -> float | None:
        """The rate, and while little was seen not less than one in that time: that none has ended yet says little."""
        if self.rate is None or not self._measured_s or self.sure:
            return self.rate
        return max(self.rate, 1 / self._measured_s)

    def _measure(self, counted: int, now: float) -> None:
        """How fast places are free again, from two counts between which something was always on its way."""
        before, self._before = self._before, (now, counted)
        stored, self._stored = self._stored, 0
        if before is None or now <= before[0] or not before[1] or not counted:
            return
        passed = now - before[0]
        ended = max(0.0, before[1] + stored - counted)
        known, self._measured_s = self._measured_s, min(SURE_S, self._measured_s + passed)
        newest = min(1.0, passed / self._measured_s) if known else 1.0
        self.rate = newest * ended / passed + (1 - newest) * (self.rate or 0.0)
        each = ended / max(1, len(self._told))
        self._told = {tenant: told - each for tenant, told in self._told.items() if told > each}


def _less(counts: Counter[str], tenant: str) -> None:
    """One less, and nothing below zero."""
    if counts[tenant] > 1:
        counts[tenant] -= 1
    else:
        counts.pop(tenant, None)
