"""A ledger in memory that does as a test says, and writes everything down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.contracts import BudgetStanding, Cover, Usage
from pipeline.ports import Charge, Denial


@dataclass
class FakeLedger:
    """Denies what `denies` says; `lines` are all calls in order, as (verb, attempt, usd)."""

    denies: Callable[[Charge], Denial | None] = lambda charge: None
    capped: Denial | None = None
    lines: list[tuple[str, str, float | None]] = field(default_factory=list)
    charges: dict[str, Charge] = field(default_factory=dict)
    settled: dict[str, tuple[float | None, Usage, bool]] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    buried: list[tuple[str, str]] = field(default_factory=list)

    async def reserve(self, charge: Charge) -> Denial | None:
        denial = self.denies(charge)
        self.lines.append(("deny" if denial else "reserve", charge.attempt, charge.usd))
        self.charges.setdefault(charge.attempt, charge)
        return denial

    async def settle(self, charge: Charge, usd: float | None, usage: Usage, *, estimated: bool) -> None:
        self.lines.append(("settle", charge.attempt, usd))
        self.charges.setdefault(charge.attempt, charge)
        self.settled.setdefault(charge.attempt, (usd, usage, estimated))

    async def release(self, charge: Charge) -> None:
        self.lines.append(("release", charge.attempt, None))

    async def lost(self, attempts: Sequence[str], name: str) -> None:
        self.buried += [(attempt.rpartition(".")[2], name) for attempt in attempts]

    async def forsaken(self, request: str, name: str) -> None:
        self.buried.append((request, name))

    async def standing(self, covers: Sequence[Cover]) -> tuple[BudgetStanding, ...]:
        return ()

    async def may_escalate(self, attempt: str, covers: Sequence[Cover], urgency: float = 1.0) -> Denial | None:
        self.lines.append(("escalate", attempt, None))
        return self.capped

    async def asked(self, request: str, covers: Sequence[Cover]) -> None:
        self.asked_for.append(request)

    @property
    def verbs(self) -> list[str]:
        return [f"{verb} {attempt.rpartition('.')[2]}" for verb, attempt, _ in self.lines]
