"""What processes use while a batch runs: memory, processor time and lines, seen every second; and whether memory grows.

The rule for *flat*. Memory of a process is fitted against the lines that have ended, by least squares, over what was
seen after 20 % of the lines; the slope is given in MiB for 100,000 lines. A process that was killed and started again
has several lives: they share one slope, and each has a level of its own, so that a fresh start hides no growth; what
was seen in the first 15 seconds of a life, while it warms up, is left out. Flat is a slope of at most 10 MiB for
100,000 lines: a million lines want 100 MiB more than a few. Where less than 20,000 lines lie between the first and the
last look that count, nothing is said (`None`): in a short run the slope is that of the noise.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

__all__ = ["FLAT_MIB", "Look", "Looks", "is_flat", "lost_per_kill", "plot", "slopes"]

FLAT_MIB: Final = 10.0
"""MiB for 100,000 lines."""
FROM: Final = 0.2
WARM_S: Final = 15.0
ENOUGH: Final = 20_000
QUIET_S: Final = 20.0
"""After so long a kill is forgotten: what is seen then is the speed without kills."""
KEPT: Final = 2_000
"""Looks that are kept: of more, every second one goes, and from then on half as many are taken."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment. `lives`: how often each process was started. Seconds since the batch began."""

    at: float
    ended: int
    kills: int
    mib: dict[str, float]
    cpu_s: dict[str, float]
    lives: dict[str, int]


@dataclass
class Looks:
    """All looks, thinned out so that a long run keeps as many as a short one; also written to a file as they come."""

    log: Path | None = None
    kept: list[Look] = field(default_factory=list)
    _every: int = 1
    _count: int = 0

    def add(self, look: Look) -> None:
        """Keep a look."""
        self._count += 1
        if self._count % self._every:
            return
        self.kept.append(look)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(json.dumps(asdict(look)) + "\n")
        if len(self.kept) >= KEPT:
            self.kept, self._every = self.kept[::2], self._every * 2

    @staticmethod
    def read(log: Path) -> "Looks":
        """What a run wrote, were it still running."""
        return Looks(kept=[Look(**json.loads(line)) for line in log.read_text().splitlines() if line.endswith("}")])


class _Point(NamedTuple):
    life: int
    ended: int
    mib: float


def _points(looks: Sequence[Look], lines: int) -> dict[str, list[_Point]]:
    """What counts of each process."""
    born: dict[tuple[str, int], float] = {}
    found: dict[str, list[_Point]] = defaultdict(list)
    for look in looks:
        for name, mib in look.mib.items():
            life = look.lives.get(name, 0)
            since = born.setdefault((name, life), look.at if life else look.at - WARM_S)
            if look.ended >= FROM * lines and look.at - since >= WARM_S:
                found[name].append(_Point(life, look.ended, mib))
    return found


def slopes(looks: Sequence[Look], lines: int) -> dict[str, float | None]:
    """MiB for 100,000 lines of each process; None where too little was seen."""
    return {name: _slope(points) for name, points in _points(looks, lines).items()}


def _slope(points: Sequence[_Point]) -> float | None:
    if not points or points[-1].ended - points[0].ended < ENOUGH:
        return None
    lives: dict[int, list[_Point]] = defaultdict(list)
    for point in points:
        lives[point.life].append(point)
    above = below = 0.0
    for life in lives.values():
        lines, mib = sum(p.ended for p in life) / len(life), sum(p.mib for p in life) / len(life)
        above += sum((p.ended - lines) * (p.mib - mib) for p in life)
        below += sum((p.ended - lines) ** 2 for p in life)
    return round(above / below * 100_000, 2) if below else None


def is_flat(found: Mapping[str, float | None], but: Iterable[str] = ()) -> bool | None:
    """Whether nothing grows; None: nobody can tell yet. `but`: processes of the measurement itself."""
    judged = [slope for name, slope in found.items() if name not in but]
    if any(slope is not None and slope > FLAT_MIB for slope in judged):
        return False
    return None if not judged or None in judged else True


def quiet_rate(looks: Sequence[Look]) -> float | None:
    """Lines a second while no kill was felt: the median over windows of five looks."""
    rates, killed_at, kills = [], float("-inf"), 0
    for place, look in enumerate(looks):
        if look.kills > kills:
            kills, killed_at = look.kills, look.at
        earlier = looks[place - 5] if place >= 5 else None
        if earlier is not None and earlier.kills == look.kills and earlier.at - killed_at >= QUIET_S:
            rates.append((look.ended - earlier.ended) / (look.at - earlier.at))
    return round(median(rates), 1) if len(rates) >= 5 else None


def lost_per_kill(looks: Sequence[Look]) -> float | None:
    """Seconds that each kill cost: what the run took longer than it would have at its own speed without kills."""
    rate = quiet_rate(looks)
    if not rate or not looks or not looks[-1].kills:
        return None
    first, last = looks[0], looks[-1]
    return round((last.at - first.at - (last.ended - first.ended) / rate) / last.kills, 2)


def cpu_ms_per_line(looks: Sequence[Look]) -> dict[str, float]:
    """Milliseconds of processors for each line, of every process; those that died with what was seen of them."""
    spent: dict[str, float] = defaultdict(float)
    for before, after in pairwise(looks):
        for name, now in after.cpu_s.items():
            alive = before.lives.get(name) == after.lives.get(name)
            spent[name] += max(0.0, now - before.cpu_s.get(name, 0.0)) if alive else now
    lines = looks[-1].ended - looks[0].ended if looks else 0
    return {name: round(seconds * 1000 / lines, 3) for name, seconds in sorted(spent.items())} if lines else {}


def plot(looks: Sequence[Look], to: Path) -> bool:
    """Draw memory over lines. False: there is nothing to draw with."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5))
    for name in sorted({name for look in looks for name in look.mib}):
        seen: list[Any] = [(look.ended, look.mib[name]) for look in looks if name in look.mib]
        axes.plot(*zip(*seen, strict=True), label=name, linewidth=1)
    axes.set_xlabel("lines that have ended")
    axes.set_ylabel("MiB")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(to, dpi=110)
    return True
