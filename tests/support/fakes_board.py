"""A store of sights in memory that several boards share, and a process that calls targets as a test says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.adapters.board_sights import Opening, Shut, Sight
from pipeline.errors import StoreUnavailable


@dataclass
class FakeSights:
    """What a Valkey does for boards; `away` makes every call fail, `lose` empties it."""

    workers: dict[str, bytes] = field(default_factory=dict)
    hours: dict[int, dict[str, float]] = field(default_factory=dict)
    away: bool = False

    async def exchange(self, worker: str, mine: bytes) -> Mapping[str, bytes]:
        self._reach()
        self.workers[worker] = mine
        return dict(self.workers)

    async def forget(self, workers: Sequence[str]) -> None:
        self._reach()
        for worker in workers:
            self.workers.pop(worker, None)

    async def add(self, hour: int, figures: Mapping[str, float]) -> None:
        self._reach()
        page = self.hours.setdefault(hour, {})
        for name, value in figures.items():
            page[name] = page.get(name, 0.0) + value

    async def read(self, hours: Sequence[int]) -> Mapping[int, Mapping[str, float]]:
        self._reach()
        return {hour: dict(self.hours[hour]) for hour in hours if hour in self.hours}

    def lose(self) -> None:
        self.workers.clear()
        self.hours.clear()

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")


@dataclass
class FakeView:
    """What calls targets in a process."""

    seen: dict[str, Sight] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    heeded: dict[str, tuple[Opening | None, float]] = field(default_factory=dict)

    def shut(self, target: str) -> Shut | None:
        return Shut("breaker", 10.0) if target in self.down else None

    def sights(self) -> Mapping[str, Sight]:
        return self.seen

    def heed(self, target: str, opening: Opening | None, answered_at: float) -> None:
        self.heeded[target] = (opening, answered_at)
