"""Which labels a calibration rests on, and whether they are enough for what is asked."""

from collections.abc import Iterable, Sequence
from math import ceil

from pipeline.calibrate.labels import LATER, Label, recent, thinned
from pipeline.calibrate.rules import Asked, fewest
from pipeline.errors import InvalidRequest
from pipeline.policy.calibration import Promise, promised

__all__ = ["enough", "usable"]


def usable(labels: Iterable[Label], last: int, seed: int) -> tuple[list[Label], list[str]]:
    """Labels of one propensity, the last so many of each task; and in words what was left out."""
    given = list(labels)
    alike = thinned(given, seed)
    used = recent(alike, last)
    dropped = [_thinned_out(given, alike)] if len(alike) < len(given) else []
    if len(used) < len(alike):
        dropped.append(f"{len(alike) - len(used)} older labels are left out: the last {last} of each task count")
    return used, dropped


def _thinned_out(given: Sequence[Label], used: Sequence[Label]) -> str:
    return (
        f"{len(given) - len(used)} of {len(given)} labels were drawn with a higher probability than the others; "
        "they are dropped by lot, so that the bound is exact"
    )


def enough(labels: Sequence[Label], asked: Asked, fit_share: float) -> int:
    """How many labels a segment needs in all.

    Raises:
        InvalidRequest: there are fewer.
    """
    needed = ceil(fewest(asked) / ((1.0 - LATER) * (1.0 - fit_share)))
    if len(labels) >= needed:
        return needed
    told = promised(Promise(rule=asked.rule, alpha=asked.alpha, delta=asked.delta, n=len(labels)))
    raise InvalidRequest(
        f"there are {len(labels)} judged drafts, and the promise that {told}, takes at least {needed}: "
        f"collect {needed - len(labels)} more (accept.explore, `stepwell outcome`), or give a larger --alpha"
    )
