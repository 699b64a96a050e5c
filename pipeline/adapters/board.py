"""How targets and routes fare, over all workers: what this one sees, and what the others shared.

All that is asked is in memory. With a store, a task in the background shares what this worker saw and takes what the
others did, about twice a second; where the store is away, what others saw fades within seconds, what this worker sees
stays, and the store is taken up again when it answers. One process has one board.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pipeline.adapters.board_outliers import Ejections, groups_of
from pipeline.adapters.board_routes import RouteNotes, RouteStore
from pipeline.adapters.board_sights import Opening, Shut, Sight, merged, opening_of, packed, unpacked
from pipeline.contracts import TargetStanding
from pipeline.errors import StoreUnavailable
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, RouteStanding

__all__ = ["PERIOD_S", "SILENT_S", "LocalView", "SightStore", "TargetBoard"]

PERIOD_S: Final = 0.5
"""Seconds between two exchanges with the store, and what a merged figure may be old."""
SILENT_S: Final = 5.0
"""A worker that shared nothing new for so long is no longer believed."""
_FORGET_S: Final = 60.0
_CROWD: Final = 16
"""With more workers than this, all of them share less often, so that the store has the same work."""
_log = logging.getLogger("stepwell.board")


class SightStore(RouteStore, Protocol):
    """Where workers share what they see."""

    async def exchange(self, worker: str, mine: bytes) -> Mapping[str, bytes]:
        """Leave what this worker sees; get what each of the others left. Raises `StoreUnavailable`."""
        ...

    async def forget(self, workers: Sequence[str]) -> None:
        """Remove workers that are gone. Raises `StoreUnavailable`."""
        ...


class LocalView(Protocol):
    """What calls targets in this process: it knows how they fare, and is told what others know."""

    def shut(self, target: str) -> Shut | None:
        """Why the target takes no calls from this process now; None: it takes them."""
        ...

    def sights(self) -> Mapping[str, Sight]:
        """What this process saw of the targets that it called."""
        ...

    def heed(self, target: str, opening: Opening | None, answered_at: float) -> None:
        """Which opening of another worker's breaker stands, if any, and when the target last answered another one."""
        ...


class _Shared(NamedTuple):
    """What a worker shared last: as it was, when it came (monotonic), and what it says."""

    payload: bytes
    came_at: float
    sights: Mapping[str, Sight]


class TargetBoard:
    """The `Board` of one process.

    Args:
        policies: which targets stand beside each other, and when one is an outlier.
        clock: the time.
        worker: a name that no other process has.
        store: where workers share what they see; None: nobody shares.
        pause: waits between two exchanges, in seconds.
    """

    def __init__(
        self,
        policies: PolicySource,
        clock: Clock,
        worker: str,
        store: SightStore | None = None,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.notes = RouteNotes(clock)
        self._policies = policies
        self._clock = clock
        self._worker = worker
        self._store = store
        self._pause = pause
        self._view: LocalView | None = None
        self._others: dict[str, _Shared] = {}
        self._standings: dict[str, TargetStanding] = {}
        self._stands_until = float("-inf")
        self._ejections = Ejections()
        self._turn = 0
        self._away = False
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the port

    def target(self, name: str) -> TargetStanding:
        """How a target fares; one that nobody called is healthy and unmeasured."""
        if self._clock.monotonic() >= self._stands_until:
            self._merge()
        standing = self._standings.get(name, _UNKNOWN)
        shut = self._view.shut(name) if self._view is not None and _may_be_called(standing) else None
        if shut is None:
            return standing
        return standing.model_copy(update={"healthy": False, "why": shut.why, "back_s": round(shut.for_s, 3)})

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls and is not left out, as far as anybody knows."""
        return self.target(target).healthy

    def route(self, name: str) -> RouteStanding:
        """The record of a route."""
        return self.notes.standing(name)

    def heard_at(self, name: str) -> float:
        """When the target last answered or failed for any worker, in Unix seconds; 0: never."""
        seen = self._seen(self._seen_by_others()).get(name, {})
        return max((sight.heard_at for sight in seen.values()), default=0.0)

    # ------------------------------------------------------------ in this process

    def attach(self, view: LocalView) -> None:
        """Look at targets through what calls them here, and tell it what others know."""
        self._view = view

    async def start(self) -> None:
        """Share in the background, where there is a store."""
        if self._store is not None and self._task is None:
            self._task = asyncio.create_task(self._share())

    async def stop(self) -> None:
        """Share no more; the others forget this worker within seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _share(self) -> None:
        while True:
            await self.exchange()
            await self._pause(PERIOD_S * max(1.0, len(self._others) / _CROWD))

    async def exchange(self) -> None:
        """Share once, both ways. Never raises: without the store this worker goes by what it sees itself."""
        if self._store is None:
            return
        self._turn += 1
        try:
            mine = packed(self._view.sights() if self._view is not None else {}, self._turn)
            self._took(await self._store.exchange(self._worker, mine))
            await self._forget_the_dead(self._store)
            await self.notes.exchange(self._store)
        except StoreUnavailable as error:
            if not self._away:
                _log.warning("%s; this worker goes by what it sees itself", error.message)
            self._away = True
        else:
            if self._away:
                _log.warning("workers share how targets fare again")
            self._away = False
        self._merge()

    # ------------------------------------------------------------ what follows

    def _took(self, shared: Mapping[str, bytes]) -> None:
        now = self._clock.monotonic()
        for worker, payload in shared.items():
            known = self._others.get(worker)
            if worker != self._worker and (known is None or known.payload != payload):
                self._others[worker] = _Shared(payload, now, unpacked(payload))

    async def _forget_the_dead(self, store: SightStore) -> None:
        gone = [name for name, shared in self._others.items() if self._clock.monotonic() - shared.came_at > _FORGET_S]
        if gone:
            await store.forget(gone)
        for name in gone:
            del self._others[name]

    def _seen_by_others(self) -> dict[str, dict[str, Sight]]:
        """Every sight of another worker that is still believed, by target and worker."""
        edge = self._clock.monotonic() - SILENT_S
        found: dict[str, dict[str, Sight]] = {}
        for worker, shared in self._others.items():
            if shared.came_at >= edge:
                for name, sight in shared.sights.items():
                    found.setdefault(name, {})[worker] = sight
        return found

    def _seen(self, others: Mapping[str, Mapping[str, Sight]]) -> dict[str, dict[str, Sight]]:
        """What others saw and what this process sees, by target and worker."""
        own = self._view.sights() if self._view is not None else {}
        return {
            name: {**others.get(name, {}), **({self._worker: own[name]} if name in own else {})}
            for name in dict.fromkeys((*others, *own))
        }

    def _merge(self) -> None:
        now, unix = self._clock.monotonic(), self._clock.now()
        others = self._seen_by_others()
        seen = self._seen(others)
        self._eject(seen, now, unix)
        self._standings = {
            name: merged(sights.values(), unix, left_out_s=self._ejections.left_s(name, now))
            for name, sights in seen.items()
        }
        self._stands_until = now + PERIOD_S
        if self._view is not None:
            for name, sights in others.items():
                answered_at = max(sight.well_at for sight in sights.values())
                self._view.heed(name, opening_of(sights.values(), unix), answered_at)

    def _eject(self, sights: Mapping[str, Mapping[str, Sight]], now: float, unix: float) -> None:
        """Leave out outliers. All workers see the same figures, so they come to the same end."""
        policy = self._policies.current()
        found = self._ejections.look(sights, lambda: groups_of(policy), policy.limits.outlier, now, unix)
        for name, seconds in found.items():
            _log.warning("target %s does much worse than those beside it and is left out for %g s", name, seconds)


def _may_be_called(standing: TargetStanding) -> bool:
    """Whether some call may go there as far as others know: an outlier is called where nobody else can be."""
    return standing.healthy or standing.why == "outlier"


_UNKNOWN: Final = TargetStanding()
