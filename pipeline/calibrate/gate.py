"""Makes a gate out of judged drafts, and looks whether it holds on later ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log1p
from typing import Any

import numpy as np

from pipeline.calibrate.enough import enough, usable
from pipeline.calibrate.fit import FEWEST, expected_error, fit_curve, shrunk
from pipeline.calibrate.held import contradicted, proven
from pipeline.calibrate.labels import LAST, Label, Parts, part
from pipeline.calibrate.rules import Asked, promise_of
from pipeline.calibrate.scoring import Scoring, scoring_of
from pipeline.confidence.curves import Curve
from pipeline.policy.calibration import Calibrator, Gate, Length, Segment, TaskSegment
from pipeline.policy.calibration.gate import MOST_SEGMENTS

__all__ = ["Calibration", "Row", "Settings", "calibrate"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to calibrate.

    Attributes:
        score: `confidence` or the name of another signal, `learned`, or `auto`: whichever does best on labels that it
            was not fitted to.
        source: what the labels are, in words.
        day: when this is done.
        strict: later labels must prove each promise once more; otherwise it is enough that they do not refute it.
        last: how many labels of a task count, the newest.
    """

    asked: Asked = field(default_factory=Asked)
    score: str = "auto"
    source: str = "a labelled file"
    day: str = "1970-01-01"
    seed: int = 0
    strict: bool = False
    last: int = LAST


@dataclass(frozen=True, slots=True)
class Row:
    """What came out for one segment. Errors of the probabilities are measured on labels that no curve was fitted to.

    `contradicted`: later labels speak against its promise, or, where that is asked, do not prove it once more.
    """

    task: str | None
    tenant: str | None
    labels: int
    error_before: float
    error_after: float
    segment: Segment
    later: int
    later_errors: int
    contradicted: bool

    @property
    def name(self) -> str:
        """What the segment is called."""
        task = self.task if self.task is not None else "(no task)"
        return task if self.tenant is None else f"{task} / {self.tenant}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A gate, what it came to for each segment, and what is drawn of it.

    Attributes:
        dropped: labels that could not be used, and why, in words.
        points: probabilities and truths of labels that nothing was fitted to.
        strict: whether later labels had to prove each promise once more.
    """

    gate: Gate
    rows: tuple[Row, ...]
    dropped: tuple[str, ...] = ()
    points: tuple[tuple[float, bool], ...] = field(default=(), repr=False)
    strict: bool = False

    @property
    def holds(self) -> bool:
        """Whether it holds in every segment on later labels."""
        return not any(row.contradicted for row in self.rows)


def calibrate(labels: Iterable[Label], settings: Settings) -> Calibration:
    """Fit a score and curves, set a threshold for each segment, and hold all that to the newest labels.

    Raises:
        InvalidRequest: there are too few labels to promise anything, or none that has a score.
        PartMissing: what it is fitted with is not installed.
    """
    used, dropped = usable(labels, settings.last, settings.seed)
    scoring = scoring_of(used, settings.score, settings.seed)
    parts = part(used, scoring.fit_share, settings.seed)
    enough(used, settings.asked, scoring.fit_share)
    made = scoring.fitted(parts.fit)
    scored = [label for label in used if made.of(label) is not None]
    if len(scored) < len(used):
        dropped.append(
            f"{len(used) - len(scored)} drafts have none of the signals that the score asks for: they escalate"
        )
    needed = enough(scored, settings.asked, scoring.fit_share)
    work = _Work(parts, made, settings, max(FEWEST, needed))
    gate = work.gate(scored)
    rows = tuple(work.rows(gate))
    return Calibration(gate, rows, tuple(dropped), tuple(work.points(gate)), settings.strict)


Chosen = Callable[[Label], bool]


class _Work:
    """The parts of the labels with their scores. Tenants with fewer labels than `fewest` stay within their task."""

    def __init__(self, parts: Parts, made: Scoring, settings: Settings, fewest: int) -> None:
        self._made, self._settings, self._fewest = made, settings, fewest
        self._fit = [label for label in parts.fit if made.of(label) is not None]
        self._calibrate = [label for label in parts.calibrate if made.of(label) is not None]
        self._later = [label for label in parts.later if made.of(label) is not None]
        self._unseen = dict(zip((label.key for label in self._fit), made.unseen(self._fit), strict=True))

    def gate(self, scored: Sequence[Label]) -> Gate:
        """The gate: a curve and a threshold for each segment."""
        whole = self._curve(None, self._fit)
        tasks = _often((label.task for label in scored if label.task is not None), 1)
        segments = {task: self._task(task, whole, scored) for task in tasks}
        rest: Chosen = lambda label: label.task is None or label.task not in segments  # noqa: E731
        own = self._segment(whole, rest, scored)
        return Gate(
            kind="gate",
            score=self._made.document,
            gain=self._made.gain,
            segments=segments,
            lost=self._made.lost,
            source=self._settings.source,
            fitted=self._settings.day,
            **{**own, "labels": len(scored)},
        )

    def _task(self, task: str, parent: Curve, scored: Sequence[Label]) -> TaskSegment:
        mine = [label for label in scored if label.task == task]
        curve = self._curve(parent, [label for label in self._fit if label.task == task])
        names = [label.tenant for label in mine if label.tenant is not None]
        tenants = _often(names, self._fewest) if len({label.tenant for label in mine}) > 1 else ()
        below = {tenant: Segment(**self._tenant(task, tenant, curve, mine)) for tenant in tenants}
        rest: Chosen = lambda label: label.task == task and label.tenant not in below  # noqa: E731
        return TaskSegment(tenants=below, **self._segment(curve, rest, mine))

    def _tenant(self, task: str, tenant: str, parent: Curve, mine: Sequence[Label]) -> dict[str, Any]:
        chosen: Chosen = lambda label: label.task == task and label.tenant == tenant  # noqa: E731
        return self._segment(self._curve(parent, [label for label in self._fit if chosen(label)]), chosen, mine)

    def _curve(self, parent: Curve | None, labels: Sequence[Label]) -> Curve:
        scores = [self._unseen[label.key] for label in labels]
        right = [label.right for label in labels]
        return fit_curve(scores, right) if parent is None else shrunk(parent, scores, right)

    def _segment(self, curve: Curve, chosen: Chosen, scored: Sequence[Label]) -> dict[str, Any]:
        """What holds for the labels that are chosen."""
        mine = [label for label in scored if chosen(label)]
        own = [label for label in self._calibrate if chosen(label)]
        before = [curve.probability(self._unseen[label.key]) for label in self._fit if chosen(label)]
        threshold, promise = promise_of(self._settings.asked, own, self._sure(curve, own), before)
        large = [label.large_right for label in mine if label.large_right is not None]
        return {
            "curve": curve,
            "threshold": threshold,
            "promise": promise,
            "right": _share([label.right for label in mine]),
            "best": _share(large),
            "length": _length(mine),
            "labels": len(mine),
        }

    def _sure(self, curve: Curve, labels: Sequence[Label]) -> list[float]:
        return [curve.probability(score) for label in labels if (score := self._made.of(label)) is not None]

    # ------------------------------------------------------------ what came of it

    def rows(self, gate: Gate) -> Iterator[Row]:
        """Every segment that has labels, beginning with the whole file's own."""
        tried = max(1, sum(1 for _task, _tenant, segment in _segments(gate) if segment.threshold is not None))
        level = self._settings.asked.delta / tried
        calibrator = Calibrator("new", gate)
        for task, tenant, segment in _segments(gate):
            own = [label for label in self._calibrate if _whose(calibrator, label) is segment]
            later = [label for label in self._later if _whose(calibrator, label) is segment]
            if not own and not later:
                continue
            scores = [score for label in own if (score := self._made.of(label)) is not None]
            right = [label.right for label in own]
            sure = self._sure(segment.curve, later)
            errors = _errors(later, sure, segment.threshold)
            against = segment.threshold is not None and self._fails(later, sure, segment.threshold, level)
            before, after = expected_error(scores, right), expected_error(self._sure(segment.curve, own), right)
            count = len(own) + len(later) + sum(_whose(calibrator, label) is segment for label in self._fit)
            yield Row(task, tenant, count, before, after, segment, len(later), errors, against)

    def _fails(self, later: Sequence[Label], sure: Sequence[float], threshold: float, level: float) -> bool:
        asked = self._settings.asked
        if self._settings.strict:
            return not proven(asked, later, sure, threshold)
        return contradicted(asked, later, sure, threshold, level)

    def points(self, gate: Gate) -> Iterator[tuple[float, bool]]:
        """What the reliability curve is drawn of."""
        calibrator = Calibrator("new", gate)
        for label in (*self._calibrate, *self._later):
            sure = calibrator.probability(label.signals, label.confidence, label.task, label.tenant)
            if sure is not None:
                yield sure, label.right


def _segments(gate: Gate) -> Iterator[tuple[str | None, str | None, Segment]]:
    yield None, None, gate
    for task, segment in gate.segments.items():
        yield task, None, segment
        for tenant, below in segment.tenants.items():
            yield task, tenant, below


def _whose(calibrator: Calibrator, label: Label) -> Segment:
    return calibrator.segment(label.task, label.tenant)[0]


def _errors(labels: Sequence[Label], sure: Sequence[float], threshold: float | None) -> int:
    if threshold is None:
        return 0
    return sum(not label.right and share >= threshold for label, share in zip(labels, sure, strict=True))


def _often(names: Iterable[str], fewest: int) -> tuple[str, ...]:
    """Names that occur so often, in their order; the most frequent where there are too many."""
    counted = [(name, count) for name, count in Counter(names).most_common(MOST_SEGMENTS) if count >= fewest]
    return tuple(sorted(name for name, _count in counted))


def _share(truths: Sequence[bool]) -> float | None:
    return sum(truths) / len(truths) if truths else None


def _length(labels: Sequence[Label]) -> Length | None:
    found = [log1p(count) for label in labels if (count := label.signals.get("characters")) is not None and count >= 0]
    if not found:
        return None
    return Length(mean=float(np.mean(found)), deviation=float(np.std(found)), count=len(found))
