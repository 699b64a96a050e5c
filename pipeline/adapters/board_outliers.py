"""Which targets do so much worse than the others beside them that they are left out for a while. Pure.

After Envoy's outlier detection (consecutive failures; success rate below the mean by a factor of the standard
deviation). Groups are small here, so a target is compared with the *others* of its group, by their median and median
absolute deviation, which a second bad one does not hide; and the deviation counts as a tenth at least, since two or
three equal ones have none.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from pipeline.policy import Policy
from pipeline.policy.models import Outlier

__all__ = ["Record", "groups_of", "outliers"]

_SPREAD: Final = 0.1
_NORMAL: Final = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Record:
    """Calls and failures of the last seconds (decayed), and failures since the last answer."""

    calls: float = 0.0
    failures: float = 0.0
    streak: int = 0

    @property
    def rate(self) -> float:
        """The share that succeeded."""
        return 1.0 - self.failures / self.calls if self.calls > 0 else 1.0


def groups_of(policy: Policy) -> frozenset[frozenset[str]]:
    """Targets that stand in for each other: those of the variants and fallbacks of one tier."""
    groups = set()
    for route in policy.routes:
        for tier in route.spec.tiers:
            names = (*tier.variants, *tier.fallbacks)
            groups.add(frozenset(policy.variants[name].target for name in names if name in policy.variants))
    return frozenset(group for group in groups if len(group) > 1)


def outliers(
    groups: Iterable[Collection[str]], records: Mapping[str, Record], rules: Outlier, out: Collection[str] = ()
) -> frozenset[str]:
    """The targets to leave out, the worst first, never more than `rules.at_most` of a group.

    Args:
        groups: targets that stand in for each other.
        records: what was seen of them.
        rules: when one is an outlier.
        out: those that are left out already; they count into the share.
    """
    found: set[str] = set()
    for group in sorted(groups, key=sorted):
        allowed = int(rules.at_most * len(group)) - sum(name in out or name in found for name in group)
        suspects = [name for name in group if name not in out and name not in found]
        worst = sorted((_badness(name, group, records, rules, out), name) for name in suspects)
        found.update(name for badness, name in worst[: max(0, allowed)] if badness < 0)
    return frozenset(found)


def _badness(
    name: str, group: Collection[str], records: Mapping[str, Record], rules: Outlier, out: Collection[str]
) -> float:
    """Below 0 for an outlier, the further the worse."""
    own = records.get(name, Record())
    others = [records[other] for other in group if other != name and other not in out and other in records]
    if own.streak >= rules.streak:
        return own.rate - 2.0
    compared = [other.rate for other in others if other.calls >= rules.minimum]
    if own.calls < rules.minimum or not compared:
        return 0.0
    middle = median(compared)
    spread = max(_SPREAD, _NORMAL * median(abs(rate - middle) for rate in compared))
    return min(0.0, own.rate - (middle - rules.factor * spread))
