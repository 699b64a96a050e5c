"""The records of routes: whether drafts suffice, and what the first and the last tier cost and take.

Counted in hours and believed less the older they are. Each worker adds what it saw to the hour in the store; where the
store lost an hour, or was never there, what this worker saw itself stands in for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from pipeline.contracts import Attempt, Envelope, Lane, Reply, StageName
from pipeline.ports import Clock, RouteStanding

__all__ = ["HALF_LIFE_H", "HOURS", "RouteNotes", "RouteStore", "noted"]

HOURS: Final = 24
"""How many hours count."""
HALF_LIFE_H: Final = 6.0
"""An hour that lies so many hours back counts half."""
_HOUR_S: Final = 3600.0
_READ_EVERY_S: Final = 5.0
_SIGN: Final = "\x1f"
"""Stands between a route and what is counted; no name holds it."""

_ANSWERED: Final = "answered by "
_SUFFICED: Final = "sufficed by "
_ENOUGH: Final = 10.0
"""Answers of a variant below which nothing is said of it."""

Figures = Mapping[str, float]


class RouteStore(Protocol):
    """Where the hours are kept for all workers."""

    async def add(self, hour: int, figures: Figures) -> None:
        """Add to the figures of an hour. Raises `StoreUnavailable`."""
        ...

    async def read(self, hours: Sequence[int]) -> Mapping[int, Figures]:
        """The figures of these hours. Raises `StoreUnavailable`."""
        ...


def noted(envelope: Envelope, reply: Reply) -> dict[str, float]:
    """What a request that ended adds to the record of its route; empty where it says nothing about its stairs.

    Where the plan left out the draft, only the last tier is told of. A plan that a budget cut down says nothing, for
    its tiers are not those of the route.
    """
    plan = envelope.plan
    if plan is None or plan.skipped == "budget" or not envelope.attempts:
        return {}
    deepest = len(plan.tiers) - 1
    figures: dict[str, float] = {}
    if deepest > 0 and plan.skipped is None:
        figures |= _draft(envelope, reply)
    figures |= _variants(envelope, reply, deepest)
    if deepest > 0 or plan.skipped is not None:
        figures |= _tier("last", [made for made in _own(envelope) if made.tier == deepest])
    return {f"{plan.route}{_SIGN}{what}": value for what, value in figures.items()}


def _own(envelope: Envelope) -> list[Attempt]:
    """The calls for an answer. Further looks at one say nothing of how its variant fares."""
    return [made for made in envelope.attempts if made.made_for == "answer"]


def _draft(envelope: Envelope, reply: Reply) -> dict[str, float]:
    drafts = [made for made in _own(envelope) if made.tier == 0]
    if not any(made.error is None or made.left_early for made in drafts):
        return {}
    verdict = envelope.verdict
    explored = verdict is not None and verdict.stays
    sufficed = reply.status == "answered" and reply.degraded is None and (explored or not reply.escalated)
    return {"drafts": 1.0, "accepted": float(sufficed), **_tier("draft", drafts)}


def _variants(envelope: Envelope, reply: Reply, deepest: int) -> dict[str, float]:
    """Which variants answered above the last tier, whose answers nobody can reject, and whose answer sufficed."""
    served = reply.served if reply.status == "answered" and reply.degraded is None else None
    figures: dict[str, float] = {}
    for made in envelope.attempts:
        if made.tier < deepest and made.made_for == "answer" and (made.error is None or made.left_early):
            sufficed = served is not None and (served.variant, served.tier) == (made.variant, made.tier)
            figures |= {f"{_ANSWERED}{made.variant}": 1.0, f"{_SUFFICED}{made.variant}": float(sufficed)}
    return figures


def _tier(name: str, made: Sequence[Attempt]) -> dict[str, float]:
    """Cost and time of a tier, where it answered; of what nobody knows the price of, the time alone.

    What went by a provider's batch tells nothing of a call: neither how long it takes, nor what it costs.
    """
    made = [attempt for attempt in made if attempt.provider_batch is None]
    if not any(attempt.error is None for attempt in made):
        return {}
    figures = {f"{name}_ms": sum(attempt.latency_ms for attempt in made), f"{name}_ms_n": 1.0}
    costs = [attempt.cost_usd for attempt in made]
    known = [cost for cost in costs if cost is not None]
    if len(known) == len(costs):
        figures |= {f"{name}_usd": sum(known), f"{name}_usd_n": 1.0}
    return figures


class RouteNotes:
    """Takes notes of requests that end (it is an `Observer`), shares them, and knows the records."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._own: dict[int, dict[str, float]] = {}
        self._pending: dict[int, dict[str, float]] = {}
        self._shared: dict[int, Figures] = {}
        self._read_at = float("-inf")
        self._standings: dict[str, RouteStanding] = {}
        self._stands_until = float("-inf")

    # ------------------------------------------------------------ the observer

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """Nothing to note."""

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """Nothing to note."""

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        figures = noted(envelope, reply)
        if not figures:
            return
        hour = int(self._clock.now() // _HOUR_S)
        for book in (self._own, self._pending):
            page = book.setdefault(hour, {})
            for name, value in figures.items():
                page[name] = page.get(name, 0.0) + value

    # ------------------------------------------------------------ the records

    def standing(self, route: str) -> RouteStanding:
        """The record of a route."""
        if self._clock.monotonic() >= self._stands_until:
            self._sum_up()
        return self._standings.get(route, _UNKNOWN)

    async def exchange(self, store: RouteStore) -> None:
        """Add what was noted since the last time, and now and then read what all have. Raises `StoreUnavailable`."""
        hour = int(self._clock.now() // _HOUR_S)
        for noted_in in list(self._pending):
            page = self._pending.pop(noted_in)
            try:
                await store.add(noted_in, page)
            except BaseException:
                later = self._pending.setdefault(noted_in, {})
                for name, value in page.items():
                    later[name] = later.get(name, 0.0) + value
                raise
        now = self._clock.monotonic()
        if now >= self._read_at + _READ_EVERY_S:
            self._shared = dict(await store.read([hour - back for back in range(HOURS)]))
            self._read_at = now
            self._stands_until = now

    def _sum_up(self) -> None:
        hour = int(self._clock.now() // _HOUR_S)
        for book in (self._own, self._pending):
            for old in [at for at in book if at <= hour - HOURS]:
                del book[old]
        totals: dict[str, dict[str, float]] = {}
        for at in {*self._own, *self._shared}:
            weight = 2.0 ** (-(hour - at) / HALF_LIFE_H)
            for name, value in _of_hour(self._own.get(at, {}), self._shared.get(at, {})).items():
                route, _, what = name.partition(_SIGN)
                record = totals.setdefault(route, {})
                record[what] = record.get(what, 0.0) + weight * value
        self._standings = {route: _standing(figures) for route, figures in totals.items()}
        self._stands_until = self._clock.monotonic() + _READ_EVERY_S


_UNKNOWN: Final = RouteStanding()
_COUNTS: Final = ("drafts", "last_ms_n")


def _of_hour(own: Figures, shared: Figures) -> dict[str, float]:
    """For each route, the shared figures; its own where the store knows of fewer requests than this worker saw."""
    chosen: dict[str, float] = dict(shared)
    for route in {name.partition(_SIGN)[0] for name in own}:
        if all(own.get(f"{route}{_SIGN}{what}", 0.0) <= shared.get(f"{route}{_SIGN}{what}", 0.0) for what in _COUNTS):
            continue
        chosen = {name: value for name, value in chosen.items() if name.partition(_SIGN)[0] != route}
        chosen |= {name: value for name, value in own.items() if name.partition(_SIGN)[0] == route}
    return chosen


def _standing(figures: Figures) -> RouteStanding:
    drafts = figures.get("drafts", 0.0)
    return RouteStanding(
        drafts=drafts,
        accepted=min(1.0, figures.get("accepted", 0.0) / drafts) if drafts > 0 else None,
        draft_usd=_mean(figures, "draft_usd"),
        draft_ms=_mean(figures, "draft_ms"),
        last_usd=_mean(figures, "last_usd"),
        last_ms=_mean(figures, "last_ms"),
        sufficed=dict(_sufficed(figures)),
    )


def _sufficed(figures: Figures) -> Iterator[tuple[str, float]]:
    for what, count in figures.items():
        if what.startswith(_ANSWERED) and count >= _ENOUGH:
            variant = what.removeprefix(_ANSWERED)
            yield variant, min(1.0, figures.get(f"{_SUFFICED}{variant}", 0.0) / count)


def _mean(figures: Figures, what: str) -> float | None:
    count = figures.get(f"{what}_n", 0.0)
    return figures.get(what, 0.0) / count if count > 0 else None
