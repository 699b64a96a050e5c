"""Watching kept answers: false alarms while the promise holds, and how soon a broken one is found.

There is no recorded set of it: labels are drawn at a rate that is known, so that it is known too when an alarm is
false. The baseline is the rule of thumb "more than twice the promised rate among the last hundred", looked at after
each label.
"""

import math
from typing import Any

import numpy as np

from evaluation.data import Folder
from evaluation.report import Figure, Options, Report
from pipeline.confidence.watch import ALPHA, BLOCK, WORSE, Scores, Suspicion, Watched

__all__ = ["run"]

_PROMISED = 0.02
_WORSE = (0.03, 0.04, 0.1, 0.3)
_LABELS = 10_000
_CHUNK = 500
_KNOWN = {0.03: 2_142.0, 0.04: 614.0, 0.1: 67.0, 0.3: 16.0}
"""Medians measured elsewhere with the same mixture, for comparison."""


def run(fit: Folder, data: Folder, options: Options) -> Report:  # noqa: ARG001  nothing is learned or read
    """Draw streams of labels, and look when each rule alarms."""
    streams = 200 if options.quick else 2_000
    chance = np.random.default_rng(options.seed)
    options.step("streams that keep the promise")
    kept = chance.random((streams, _LABELS)) < _PROMISED
    ours, thumb = _first_alarms(kept), _thumb(kept)
    false, naive = float(np.mean(ours < _LABELS)), float(np.mean(thumb < _LABELS))
    low, high = _wilson(false, streams)
    figures = [
        Figure("false alarms within 10,000 labels", false, low, high, naive, mark=ALPHA, better="lower", rows=streams)
    ]
    rows: list[dict[str, Any]] = []
    for rate in _WORSE:
        options.step(f"streams at {rate:.0%}")
        found = _first_alarms(chance.random((streams, _LABELS)) < rate)
        medians = [float(np.median(chance.choice(found, len(found)))) for _ in range(200)]
        low, high = float(np.quantile(medians, 0.025)), float(np.quantile(medians, 0.975))
        middle = float(np.median(found))
        figures.append(Figure(f"labels until {rate:.0%} is found (median)", middle, low, high, better="lower"))
        rows.append({"rate": rate, "median": middle, "measured elsewhere": _KNOWN[rate], "found": _share(found)})
    figures += _drift(chance, 20 if options.quick else 300)
    note = f"promised {_PROMISED:.0%}, alarm above {1 / ALPHA:.0f} times the evidence; simulated, nothing is learned"
    return Report("WATCH", "watching kept answers", tuple(figures), tables={"delays": rows}, notes=(note,))


def _first_alarms(wrong: np.ndarray) -> np.ndarray:
    """After how many labels each stream alarms; `_LABELS`: it does not. What `Suspicion` does, for many at once."""
    _same_as_product(wrong[0, :300])
    logs = np.zeros((len(WORSE), len(wrong)))
    first = np.full(len(wrong), _LABELS)
    rates = np.array([times * _PROMISED for times in WORSE])[:, None, None]
    up, down = np.log(rates / _PROMISED), np.log1p(-rates) - math.log1p(-_PROMISED)
    for start in range(0, _LABELS, _CHUNK):
        part = wrong[None, :, start : start + _CHUNK]
        walk = logs[:, :, None] + np.cumsum(np.where(part, up, down), axis=2)
        evidence = np.logaddexp.reduce(walk, axis=0) - math.log(len(WORSE))
        over = evidence > math.log(1.0 / ALPHA)
        hit = over.any(axis=1) & (first == _LABELS)
        first[hit] = start + over[hit].argmax(axis=1) + 1
        logs = walk[:, :, -1]
    return first


def _same_as_product(labels: np.ndarray) -> None:
    """The arithmetic above is that of the product, or these figures say nothing about it."""
    one = Suspicion().over(Watched(bool(wrong), _PROMISED) for wrong in labels)
    count, bad = len(labels), int(labels.sum())
    logs = [
        bad * math.log(times) + (count - bad) * (math.log1p(-times * _PROMISED) - math.log1p(-_PROMISED))
        for times in WORSE
    ]
    if not np.allclose(one.logs, logs):
        raise AssertionError("the simulation and the product weigh labels differently")


def _thumb(wrong: np.ndarray) -> np.ndarray:
    """The same for the rule of thumb."""
    sums = np.cumsum(wrong, axis=1, dtype=np.int32)
    last = sums[:, 99:] - np.concatenate([np.zeros((len(wrong), 1), np.int32), sums[:, :-100]], axis=1)
    over = last > 100 * 2 * _PROMISED
    return np.where(over.any(axis=1), over.argmax(axis=1) + 100, _LABELS)


def _drift(chance: np.random.Generator, streams: int) -> list[Figure]:
    """Scores that stay, and scores that move by half a standard deviation and by one."""
    found = []
    for moved, name in ((0.0, "no drift"), (0.5, "drift of .5 sd"), (1.0, "drift of 1 sd")):
        flags = [_flagged(chance, moved) for _ in range(streams)]
        share = float(np.mean(flags))
        low, high = _wilson(share, streams)
        better = "lower" if moved == 0.0 else "higher"
        found.append(Figure(f"flagged: {name}", share, low, high, better=better, rows=streams))  # type: ignore[arg-type]
    return found


def _flagged(chance: np.random.Generator, moved: float) -> bool:
    now = Scores()
    for middle in (0.0, moved):
        for logit in chance.normal(1.0 - middle, 1.0, BLOCK):
            now = now.after(1.0 / (1.0 + math.exp(-logit)))
    return now.moved


def _share(found: np.ndarray) -> float:
    return float(np.mean(found < _LABELS))


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)
