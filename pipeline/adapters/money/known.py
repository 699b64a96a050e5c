"""The budgets that pay for attempts of one kind, found once in their windows instead of for each attempt."""

from collections import OrderedDict
from math import inf
from typing import Final, NamedTuple

from pipeline.adapters.money.payers import Payer, payers_of
from pipeline.policy import Policy
from pipeline.ports import Charge

__all__ = ["KEPT", "KnownPayers"]

KEPT: Final = 1_024
"""Kinds of attempts that are remembered; beyond that, those are forgotten that were asked for longest ago."""

_Key = tuple[tuple[tuple[str, str], ...], frozenset[str], bool, str, str]


class _Found(NamedTuple):
    """The payers, and the time for which they are these: all of their windows hold it."""

    payers: tuple[Payer, ...]
    begins: float
    ends: float


class KnownPayers:
    """Remembers what `payers_of` finds, under one policy at a time.

    Its answer follows from the policy, from the counters that the charge names (the tenant is a part of their scopes),
    from the budgets that let it go free, its stage, variant and target, and from the windows that hold the time. All
    of this is looked at before an answer is given again.
    """

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._found: OrderedDict[_Key, _Found] = OrderedDict()

    def of(self, charge: Charge, policy: Policy, now: float) -> tuple[Payer, ...]:
        """The budgets that pay for this attempt at the time `now`."""
        if not charge.covers:
            return ()
        if policy is not self._policy:
            self._policy = policy
            self._found.clear()
        key = _key(charge)
        found = self._found.get(key)
        if found is not None and found.begins <= now < found.ends:
            self._found.move_to_end(key)
            return found.payers
        payers = payers_of(charge, policy, now)
        self._found[key] = _with_time(payers)
        self._found.move_to_end(key)
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
        return payers


def _key(charge: Charge) -> _Key:
    covers = tuple([(cover.budget, cover.scope) for cover in charge.covers])
    return covers, charge.free, charge.stage == "escalate", charge.variant, charge.target


def _with_time(payers: tuple[Payer, ...]) -> _Found:
    frames = [payer.slot.frame for payer in payers]
    begins = max((float(frame.begins) for frame in frames), default=-inf)
    ends = min((float(frame.ends) for frame in frames if frame.ends is not None), default=inf)
    return _Found(payers, begins, ends)
