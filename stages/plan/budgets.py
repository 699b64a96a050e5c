"""What used up budgets leave of the stairs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Snapshot
from pipeline.policy import Policy
from pipeline.policy.models import BudgetSpec

__all__ = ["Degrade", "degrading"]


@dataclass(frozen=True, slots=True)
class Degrade:
    """The variants that remain for the first tier and for deeper ones (None: all), and when the first window ends."""

    first: frozenset[str] | None = None
    deeper: frozenset[str] | None = None
    order: tuple[str, ...] = ()
    resets_s: float | None = None


_NOTHING: Final = Degrade()


def degrading(snapshot: Snapshot, policy: Policy) -> Degrade:
    """Which variants remain while budgets that degrade have nothing left. Other budgets speak up at the attempts."""
    used_up = [standing for standing in snapshot.budgets if standing.left <= 0.0]
    if not used_up:
        return _NOTHING
    found = ((standing, policy.budget(standing.name)) for standing in used_up)
    specs = [(standing, spec) for standing, spec in found if spec is not None and spec.action == "degrade"]
    if not specs:
        return _NOTHING
    everywhere = [spec for _, spec in specs if spec.stages == "all"]
    first, deeper = _common(everywhere), _common(spec for _, spec in specs)
    order = tuple(name for name in everywhere[0].degrade_to if first and name in first) if everywhere else ()
    resets = [standing.resets_s for standing, _ in specs if standing.resets_s is not None]
    return Degrade(first, deeper, order, min(resets, default=None))


def _common(specs: Iterable[BudgetSpec]) -> frozenset[str] | None:
    """The variants that all of them leave; None: there is no budget."""
    left = [frozenset(spec.degrade_to) for spec in specs]
    return frozenset.intersection(*left) if left else None
