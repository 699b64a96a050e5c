"""Which of the eligible variants of a tier answers. Soft preference: it never makes anybody eligible. Pure.

Ties are broken by rendezvous hashing over the key of the session, so that they fall evenly and the same way on every
replica. What nobody has measured yet counts as fast: otherwise nobody ever would. By weights, load and latency count
for nothing: who is in which arm of an experiment must not depend on how that arm fares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from pipeline.contracts import Signals
from pipeline.experiments.affinity import Room, place
from pipeline.experiments.assignment import choose, score, shares
from pipeline.policy.models import Route
from stages.plan.conditions import Case, listed
from stages.plan.wishes import Wishes

__all__ = ["Choose", "Pick", "Preferences", "pick"]

Choose = Literal["weights", "cost", "latency", "balance", "affinity"]
USUAL_ANSWER: Final = 256
"""Tokens of an answer, where costs are compared and the caller allows as many."""
STABLE: Final = 4
"""Which digest of the prompt's beginning keeps requests together: that of its first 4 KiB. Shorter ones are shared by
too many (a system prompt), longer ones by too few; see bench/affinity.py."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the choice looks at besides the candidates."""

    signals: Signals
    route: Route
    regions: tuple[tuple[str, ...], ...]
    wishes: Wishes


class Pick(NamedTuple):
    """The chosen variant, the chance with which it was chosen, and by what."""

    variant: str
    propensity: float
    how: Choose


def pick(how: Choose, candidates: Mapping[str, tuple[float, Case]], salt: str, prefer: Preferences) -> Pick | None:
    """Choose one; None where nobody is there.

    Args:
        how: what the tier says; a caller who may sort decides otherwise.
        candidates: eligible variants with their weights (above 0) and what a call of them is like.
        salt: what the choice is for.
        prefer: order, regions and latency that are wished.
    """
    if not candidates:
        return None
    if prefer.wishes.sort is not None:
        how = _SORTS[prefer.wishes.sort]
    names = _foremost(candidates, prefer) if len(candidates) > 1 else list(candidates)
    if len(names) == 1:
        return Pick(names[0], 1.0, how)
    if how == "weights":
        weights = {name: candidates[name][0] for name in names}
        name = choose(prefer.signals.key, salt, weights)
        return Pick(name, shares(weights)[name], how)
    cases = {name: candidates[name][1] for name in names}
    if how == "affinity":
        return Pick(_near(_swift(cases, prefer), prefer.signals), 1.0, how)
    rank = _RANKS[how](cases, prefer)
    key = prefer.signals.key
    best = min(names, key=lambda name: (rank[name], -score(key, salt, name), name))
    return Pick(best, 1.0, how)


_SORTS: Final[Mapping[str, Choose]] = {"price": "cost", "latency": "latency"}


# ---------------------------------------------------------------- order and regions


def _foremost(candidates: Mapping[str, tuple[float, Case]], prefer: Preferences) -> list[str]:
    """Those that the caller's order names first, and among them those of the best region."""
    if not prefer.wishes.order and not any(prefer.regions):
        return list(candidates)
    ranks = {name: _rank(case, prefer) for name, (_, case) in candidates.items()}
    best = min(ranks.values())
    return [name for name, rank in ranks.items() if rank == best]


def _rank(case: Case, prefer: Preferences) -> tuple[int, ...]:
    order = prefer.wishes.order
    wished = next((place for place, name in enumerate(order) if listed((name,), case.name, case.target)), len(order))
    return (wished, *(_place(case.target.region, regions) for regions in prefer.regions))


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


# ---------------------------------------------------------------- cost, latency, and both

_Rank = Mapping[str, tuple[float, ...]]


def _cost(case: Case) -> float:
    """US dollars for an answer of usual length; infinity where the price is unknown."""
    price = case.target.price
    if price is None:
        return float("inf")
    return (case.tokens_in * price.input + min(case.tokens_out, USUAL_ANSWER) * price.output) / 1e6


def _wait_ms(case: Case) -> float:
    """Milliseconds until the answer is there, longer where calls queue; 0 where nothing was measured."""
    standing = case.standing
    if standing is None or standing.latency_ms is None:
        return 0.0
    return standing.latency_ms * (1.0 + standing.load)


def _slow(case: Case, prefer: Preferences) -> bool:
    """Whether what was measured is above the route's latency target."""
    wished, standing = prefer.route.latency_target_ms, case.standing
    if wished is None or standing is None or standing.latency_ms is None:
        return False
    return standing.latency_ms > wished


def _swift(cases: Mapping[str, Case], prefer: Preferences) -> Mapping[str, Case]:
    """Those within the latency target; all of them where none is."""
    within = {name: case for name, case in cases.items() if not _slow(case, prefer)}
    return within or cases


def _by_cost(cases: Mapping[str, Case], prefer: Preferences) -> _Rank:
    return {name: (_slow(case, prefer), _cost(case)) for name, case in cases.items()}


def _by_latency(cases: Mapping[str, Case], prefer: Preferences) -> _Rank:
    return {name: (_slow(case, prefer), _wait_ms(case)) for name, case in cases.items()}


def _by_both(cases: Mapping[str, Case], prefer: Preferences) -> _Rank:
    """Cost and latency, each from 0 (the best of them) to 1 (the worst), added up."""
    costs = _normalised({name: _cost(case) for name, case in cases.items()})
    waits = _normalised({name: _wait_ms(case) for name, case in cases.items()})
    return {name: (_slow(case, prefer), costs[name] + waits[name]) for name, case in cases.items()}


def _normalised(values: Mapping[str, float]) -> Mapping[str, float]:
    known = [value for value in values.values() if value != float("inf")]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return {name: 1.0 if value == float("inf") else (value - low) / span for name, value in values.items()}


_RANKS: Final[Mapping[str, Callable[[Mapping[str, Case], Preferences], _Rank]]] = {
    "cost": _by_cost,
    "latency": _by_latency,
    "balance": _by_both,
}


# ---------------------------------------------------------------- affinity


def _kept_together(signals: Signals) -> str:
    """What should meet the same server again: a long beginning; else the session; else as much as there is."""
    prefix = signals.prefix
    if len(prefix) > STABLE:
        return prefix[STABLE]
    if signals.has_session or not prefix:
        return signals.key
    return prefix[-1]


def _near(cases: Mapping[str, Case], signals: Signals) -> str:
    """The variant at the server that has the beginning of the prompt, whichever route asks for it."""
    there = {case.name: name for name, case in sorted(cases.items(), reverse=True)}
    return there[place(_kept_together(signals), "affinity", {case.name: _room(case) for case in cases.values()})]


def _room(case: Case) -> Room:
    return Room(case.target.slots, case.standing.load if case.standing is not None else 0.0)
