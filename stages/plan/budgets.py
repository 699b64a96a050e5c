"""What used up budgets leave of the stairs. Pure."""

from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Snapshot
from pipeline.policy import Policy

__all__ = ["Degrade", "Rest", "degrading"]

_LEAST: Final = 1e-9
"""Shares are quotients: what is below this is nothing."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a budget that degrades: US dollars and tokens at least, where it counts them (None: it does not).

    `everywhere`: it pays for first tiers too. `leaves`: the variants that answer where nothing, or too little, is left.
    """

    budget: str
    everywhere: bool
    leaves: tuple[str, ...]
    gone: bool
    usd: float | None
    tokens: float | None

    def covers(self, usd: float | None, tokens: int) -> bool:
        """Whether a call may be paid that costs so much at most; `usd` None: nobody knows."""
        if self.gone:
            return False
        return not (
            (self.usd is not None and usd is not None and usd > self.usd)
            or (self.tokens is not None and tokens > self.tokens)
        )


@dataclass(frozen=True, slots=True)
class Degrade:
    """The budgets that degrade, and when the window of the first of them ends."""

    rests: tuple[Rest, ...] = ()
    resets_s: float | None = None

    @property
    def first(self) -> tuple[Rest, ...]:
        """Those that pay for the first tier."""
        return tuple(rest for rest in self.rests if rest.everywhere)

    @property
    def order(self) -> tuple[str, ...]:
        """The variants that they leave for a first tier, each once."""
        return tuple(dict.fromkeys(name for rest in self.first for name in rest.leaves))


_NOTHING: Final = Degrade()


def degrading(snapshot: Snapshot, policy: Policy) -> Degrade:
    """What is left of the budgets that degrade. Other budgets speak up at the attempts.

    A standing tells the share that is left of the kind of which least is: of the others there is at least as much.
    """
    if not snapshot.budgets:
        return _NOTHING
    rests, resets = [], []
    for standing in snapshot.budgets:
        spec = policy.budget(standing.name)
        if spec is None or spec.action != "degrade":
            continue
        limit, left = spec.limit, standing.left
        one = 1.0 / limit.requests if limit.requests else 0.0
        gone = left <= _LEAST or (limit.usd is None and limit.tokens is None and left < one - _LEAST)
        usd = None if limit.usd is None else left * limit.usd + _LEAST
        tokens = None if limit.tokens is None else left * limit.tokens + _LEAST
        rests.append(Rest(spec.name, spec.stages == "all", spec.degrade_to, gone, usd, tokens))
        resets += [standing.resets_s] if standing.resets_s is not None else []
    return Degrade(tuple(rests), min(resets, default=None)) if rests else _NOTHING
