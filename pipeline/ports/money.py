"""Who keeps the money: the ledger with its budgets and caps, and the meter of rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.contracts import BudgetStanding, Cover, Lane, Purpose, RateState, StageName, Usage

__all__ = ["Charge", "Denial", "Ledger", "RateCheck", "RateMeter", "RateVerdict"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt, who pays for it, and what it may cost at most.

    `attempt` is `<tenant>.<request>.<step>`; `usd` is None where the price is unknown, which no money budget covers.
    `free` covers are counted and never stop the attempt (the variant is one that the budget degrades to). `lost` names
    an earlier delivery of which nothing was heard, such as `lost-1`; empty: there was none.
    """

    attempt: str
    tenant: str
    request_id: str
    lane: Lane
    stage: StageName
    purpose: Purpose
    route: str
    variant: str
    target: str
    usd: float | None
    tokens: int
    covers: tuple[Cover, ...] = ()
    free: frozenset[str] = frozenset()
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an attempt may not be made: which budget or cap, what it does then, and when to ask again.

    `resets_s`: seconds until its window ends; None: never. With `held` it is not used up: it would cover the attempt,
    were it not set aside for attempts that run, and `resets_s` is how long those may take to settle.
    """

    budget: str
    action: Literal["refuse", "queue", "degrade"]
    reason: str
    resets_s: float | None = None
    held: bool = False


class Ledger(Protocol):
    """Sets money aside before a call and says what it cost afterwards. All of it is idempotent by `Charge.attempt`."""

    async def reserve(self, charge: Charge) -> Denial | None:
        """Set aside what the attempt may cost, at all its budgets or at none. None: it may be made.

        Where its part was set aside by the delivery that `lost` names, that one may have made the call: it is settled
        for what it may have cost at most, as a request of its own, and the attempt has to find room anew.

        Raises:
            TransportUnavailable: the line could not be written down.
        """
        ...

    async def settle(self, charge: Charge, usd: float | None, usage: Usage, *, estimated: bool) -> None:
        """Say what it cost; the rest of what was set aside is free again. Raises `TransportUnavailable`."""
        ...

    async def release(self, charge: Charge) -> None:
        """It was not made, or cost nothing."""
        ...

    async def lost(self, attempts: Sequence[str], name: str) -> None:
        """Settle those of the attempts whose delivery died while money was set aside for them.

        They may have been made: each counts, as `<attempt>-<name>` and as a request of its own, for what it may have
        cost at most. What was set aside for it is free again. Raises `TransportUnavailable`.
        """
        ...

    async def forsaken(self, request: str, name: str) -> None:
        """The same for all attempts of a request (`<tenant>.<id>`) that makes none any more."""
        ...

    async def standing(self, covers: Sequence[Cover]) -> tuple[BudgetStanding, ...]:
        """How much of each budget is left. Never raises: a budget that nobody can count now is left out."""
        ...

    async def may_escalate(self, attempt: str, covers: Sequence[Cover], urgency: float = 1.0) -> Denial | None:
        """Take one escalation out of the caps; again for the same attempt takes none. None: it may.

        `urgency` is how far below its threshold a draft is, from 0 to 1: a cap that is paced lets urgent ones pass.
        """
        ...

    async def asked(self, request: str, covers: Sequence[Cover]) -> None:
        """Count a request (`<tenant>.<id>`) into the caps on escalations, once."""
        ...


@dataclass(frozen=True, slots=True)
class RateCheck:
    """One rate that concerns a request: its name, whose counter, and how many tokens the request counts for."""

    rate: str
    scope: str
    tokens: int


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """Whether the rates let a request pass, and what is left of each for the headers of the reply."""

    states: tuple[RateState, ...] = ()
    exceeded: str | None = None
    retry_after_s: float | None = None


class RateMeter(Protocol):
    """Counts requests and tokens in windows of time."""

    async def hit(self, request: str, checks: Sequence[RateCheck]) -> RateVerdict:
        """Count the request (`<tenant>.<id>`, once) at all its rates, or at none where one is used up. Never raises."""
        ...

    async def settle(self, request: str, checks: Sequence[RateCheck]) -> None:
        """Count, once, tokens used beyond what the request was counted for, also above a limit. Never raises."""
        ...
