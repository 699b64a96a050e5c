"""What the counters of budgets hold and answer. Money is in whole billionths of a dollar, so that no sum drifts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from pipeline.adapters.money.windows import Frame

__all__ = [
    "Amount",
    "Bucket",
    "Claim",
    "Counters",
    "Held",
    "Holding",
    "Image",
    "Lost",
    "Slot",
    "Spent",
    "Total",
    "dollars",
    "nano",
]

_NANO: Final = 1_000_000_000


def nano(usd: float) -> int:
    """US dollars as billionths."""
    return round(usd * _NANO)


def dollars(amount: int) -> float:
    """Billionths as US dollars."""
    return amount / _NANO


class Lost(Exception):
    """The counters are not those that follow from the stream: they have to be counted again before anything else."""


class Amount(NamedTuple):
    """What an attempt takes of a budget: billionths of a dollar, and tokens."""

    nano: int
    tokens: int


class Spent(NamedTuple):
    """What an attempt took in the end; None: as much as was set aside, since nobody knows better."""

    nano: int | None
    tokens: int | None


class Slot(NamedTuple):
    """One counter: of a budget, for one value of what it counts by, in one window."""

    budget: str
    scope: str
    frame: Frame

    @property
    def field(self) -> str:
        """Its name within its window."""
        return f"{self.budget}|{self.scope}"


class Claim(NamedTuple):
    """A counter with its limits; None: no limit. `free`: it is counted, and never stops an attempt."""

    slot: Slot
    nano: int | None
    tokens: int | None
    requests: int | None
    free: bool = False


class Total(NamedTuple):
    """What a counter stands at, with what is set aside for attempts that run."""

    nano: int = 0
    tokens: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """The answer to a claim.

    Attributes:
        denied: positions of the counters that do not cover the attempt; if any, nothing was taken from any.
        waits: those of them that would cover it, were nothing set aside for other attempts that run.
        opens: positions of the counters in which the request was not counted before.
        totals: what each counter stands at now.
        again: the attempt held its part already, or was settled; `opens` is then what it was, and `totals` empty.
    """

    denied: tuple[int, ...] = ()
    opens: tuple[int, ...] = ()
    totals: tuple[Total, ...] = ()
    again: bool = False
    waits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """What is set aside for an attempt that is not settled. `opens`: positions as in `Held`."""

    attempt: str
    request: str
    amount: Amount
    slots: tuple[Slot, ...]
    opens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """All that counters hold, as it follows from the stream up to sequence `upto`.

    Attributes:
        upto: the last line that is counted.
        totals: counters of windows that are open, holdings included.
        holdings: attempts that are not settled.
        opened: requests that were counted lately, and where, so that their next attempts are not counted again.
    """

    upto: int
    totals: dict[Slot, Total] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    opened: tuple[tuple[str, Slot], ...] = ()


class Bucket(NamedTuple):
    """A cap on escalations: whose bucket it is, what a request adds, and how many escalations it holds at most.

    `paced`: urgent ones pass before others. `resume`: the share lately at which it opens again after it was empty.
    """

    name: str
    share: float
    burst: int
    paced: bool = False
    resume: float | None = None


class Counters(Protocol):
    """Counters that many workers share. Every method may raise `errors.StoreUnavailable`."""

    async def hold(self, attempt: str, request: str, amount: Amount, claims: Sequence[Claim], *, keep_s: float) -> Held:
        """Take `amount` from all counters or from none; the same attempt again takes nothing. Raises `Lost`."""
        ...

    async def settle(self, attempt: str, spent: Spent, slots: Sequence[Slot], line: int, *, keep_s: float) -> None:
        """Put what was spent in place of what was held, once. Raises `Lost`.

        `line` is the place of its line in the stream: what was counted from there is not counted again. `slots` are
        those that pay where nothing was held.
        """
        ...

    async def release(self, attempt: str) -> None:
        """Give back what was held. Raises `Lost`."""
        ...

    async def holds(self, attempt: str) -> bool:
        """Whether something is held for the attempt: it was neither settled nor given back. Raises `Lost`."""
        ...

    async def read(self, slots: Sequence[Slot]) -> tuple[Total, ...]:
        """What the counters stand at. Raises `Lost`."""
        ...

    async def asked(self, request: str, buckets: Sequence[Bucket], *, keep_s: float) -> None:
        """Let the request, once, add its share to the buckets."""
        ...

    async def take(self, attempt: str, buckets: Sequence[Bucket], *, keep_s: float, urgency: float = 1.0) -> int | None:
        """Take one escalation out of all buckets, once. Else the position of the first that does not let it pass."""
        ...

    async def adopt(self) -> bool:
        """Go on with the counters that are there. False: there are none that could be trusted."""
        ...

    async def forget(self, line: int) -> None:
        """Trust the counters no longer, unless they were counted again up to `line` since this process last looked."""
        ...

    async def lock(self) -> bool:
        """Become the one who counts again. False: somebody else does it."""
        ...

    async def install(self, image: Image) -> None:
        """Put counted values in force, and go on with them; whoever was first counts."""
        ...

    async def unlock(self) -> None:
        """Let others count again."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
