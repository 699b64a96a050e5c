"""Which targets do so much worse than the others beside them that they are left out for a while. Pure.

Who is left out gets no calls, so its figures cannot get better: once the time is over it starts anew, and what was
seen of it before counts no more. Each time it is left out again it is for longer, until it did well for a while.

After Envoy's outlier detection (consecutive failures; success rate below the mean by a factor of the standard
deviation). Groups are small here, so a target is compared with the *others* of its group, by their median and median
absolute deviation, which a second bad one does not hide; and the deviation counts as a tenth at least, since two or
three equal ones have none.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

from pipeline.adapters.board_sights import Sight
from pipeline.adapters.models.tally import HALF_LIFE_S
from pipeline.policy import Policy
from pipeline.policy.models import Outlier

__all__ = ["Ejections", "Record", "groups_of", "outliers"]

_SPREAD: Final = 0.1
_NORMAL: Final = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
_TIMES: Final = 10
"""A target is left out at most so many times as long as the first time, as in Envoy's default."""


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
    everywhere = sorted(groups, key=sorted)
    for group in everywhere:
        suspects = [name for name in group if name not in out]
        worst = sorted((_badness(name, group, records, rules, out), name) for name in suspects)
        for badness, name in worst:
            if badness < 0 and all(_room(other, name, rules, {*found, *out}) for other in everywhere):
                found.add(name)
    return frozenset(found)


def _room(group: Collection[str], name: str, rules: Outlier, out: Collection[str]) -> bool:
    """Whether the group can do without this one: a target that several tiers share is missing in each of them."""
    return name not in group or len({name, *out}.intersection(group)) <= int(rules.at_most * len(group))


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


class Ejections:
    """Who is left out, until when, and since when those who came back start anew. The times are arguments.

    Each time it is longer by `rules.out`. One time is forgotten for every `rules.out` seconds that it stayed in.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._times: dict[str, int] = {}
        self._back: dict[str, _Back] = {}
        self._judged_at = float("-inf")

    def left_s(self, target: str, now: float) -> float:
        """Seconds until the target is let in again; 0: it is not left out."""
        return max(0.0, self._until.get(target, now) - now)

    def look(
        self,
        sights: Mapping[str, Mapping[str, Sight]],
        groups: Callable[[], Iterable[Collection[str]]],
        rules: Outlier,
        now: float,
        unix: float,
    ) -> dict[str, float]:
        """Let in whose time is over, and look for outliers once in a while.

        Args:
            sights: what each worker sees of each target.
            groups: targets that stand in for each other.
            rules: when one is an outlier.
            now: monotonic time, in seconds.
            unix: time of the day, in seconds.

        Returns:
            Who was found, and for how many seconds each is left out.
        """
        for name in [name for name, until in self._until.items() if until <= now]:
            del self._until[name]
            self._back[name] = _Back(now, dict(sights.get(name, {})))
        if now < self._judged_at + rules.every:
            return {}
        self._judged_at = now
        records = {name: self._record(name, seen, now, unix - rules.out) for name, seen in sights.items()}
        found = outliers(groups(), records, rules, self._until)
        return {name: self._eject(name, rules, now) for name in sorted(found)}

    def _eject(self, name: str, rules: Outlier, now: float) -> float:
        back = self._back.pop(name, None)
        well = int((now - back.at) / rules.out) if back is not None else 0
        times = self._times[name] = min(_TIMES, max(0, self._times.get(name, 0) - well) + 1)
        self._until[name] = now + rules.out * times
        return rules.out * times

    def _record(self, name: str, seen: Mapping[str, Sight], now: float, edge: float) -> Record:
        """All workers' figures together, less what they were when it came back.

        A streak that another worker's answer contradicts is none, nor is one whose last failure is from before `edge`:
        a worker that started since knows by nothing else that it was atoned for.
        """
        back = self._back.get(name)
        share = 2.0 ** (-(now - back.at) / HALF_LIFE_S) if back is not None else 0.0
        answered = max((sight.well_at for sight in seen.values()), default=0.0)
        calls = failures = 0.0
        streak = 0
        for worker, sight in seen.items():
            before = back.seen.get(worker, _NOTHING) if back is not None else _NOTHING
            calls += max(0.0, sight.calls - before.calls * share)
            failures += max(0.0, sight.failures - before.failures * share)
            if sight.heard_at >= max(answered, edge):
                streak = max(streak, sight.streak - (before.streak if sight.well_at <= before.well_at else 0))
        return Record(calls, min(calls, failures), streak)


class _Back(NamedTuple):
    """When a target came back, and what each worker saw of it then."""

    at: float
    seen: Mapping[str, Sight]


_NOTHING: Final = Sight()
