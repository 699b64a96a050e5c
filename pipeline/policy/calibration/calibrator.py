"""A calibrator in force: from the signals of an answer to a probability, and the threshold of its segment. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.confidence.curves import CLIP
from pipeline.confidence.score import scorer, signals_of
from pipeline.confidence.signals import Usual
from pipeline.policy.calibration.gate import Gate, Segment, Signal
from pipeline.policy.calibration.platt import Curve, platt
from pipeline.policy.calibration.sentences import nothing_promised, promised

__all__ = ["Calibrator", "Threshold"]

Signals = Mapping[str, float | None]
Scored = Callable[[Signals], float | None]


class Threshold(NamedTuple):
    """From which probability on a draft stays, and what that promises; None: everything escalates, and why."""

    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A file in force. `name` is its path in the policy folder and the first 16 hex digits of its SHA-256.

    `learned`: the signals that its score has learned to weigh; none where the score is a single signal.
    """

    name: str
    file: Curve | Gate
    learned: frozenset[str] = field(init=False, repr=False, compare=False)
    _score: Scored = field(init=False, repr=False, compare=False)
    _gain: Scored = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the scores once; they are called for every answer."""
        gate = self.file if isinstance(self.file, Gate) else None
        learned = frozenset() if gate is None or isinstance(gate.score, Signal) else frozenset(signals_of(gate.score))
        object.__setattr__(self, "learned", learned)
        object.__setattr__(self, "_score", _scored(gate.score) if gate else _named("confidence"))
        object.__setattr__(self, "_gain", _scored(gate.gain) if gate and gate.gain is not None else _nothing)

    def probability(
        self, signals: Signals, confidence: float | None, task: str | None = None, tenant: str | None = None
    ) -> float | None:
        """How often an answer of these signals suffices; None: nothing is known of it.

        Args:
            signals: all of them, by name.
            confidence: e to the mean log-probability of its values, where the endpoint gave log-probabilities.
            task: of the request.
            tenant: of the request.
        """
        score = self.score(signals, confidence)
        if score is None:
            return None
        if isinstance(self.file, Gate):
            return self.segment(task, tenant)[0].curve.probability(score)
        return platt(score, self.file.slope, self.file.intercept)

    def score(self, signals: Signals, confidence: float | None) -> float | None:
        """The score before the curve, from 0 to 1; None where every signal that it asks for is missing."""
        return self._score({**signals, "confidence": confidence})

    def gain(self, signals: Signals, confidence: float | None) -> float | None:
        """How much more often the next tier is expected to be right; None: nothing was learned of that."""
        return self._gain({**signals, "confidence": confidence})

    def threshold(self, task: str | None = None, tenant: str | None = None) -> Threshold:
        """The threshold of the segment of a request, with its promise in words."""
        if not isinstance(self.file, Gate):
            return Threshold(None, f"everything escalates: {self.name} is a single curve and promises nothing")
        segment, whose = self.segment(task, tenant)
        if segment.threshold is None or segment.promise is None:
            return Threshold(None, nothing_promised(segment, whose))
        return Threshold(segment.threshold, f"for {whose} {promised(segment.promise)} ({segment.promise.n} labels)")

    def prior(self, task: str | None = None, tenant: str | None = None) -> float | None:
        """The share of right drafts in the segment, where it is known."""
        return self.segment(task, tenant)[0].right if isinstance(self.file, Gate) else None

    def best(self, task: str | None = None, tenant: str | None = None) -> float | None:
        """The share of right answers of the large model in the segment, where it is known."""
        return self.segment(task, tenant)[0].best if isinstance(self.file, Gate) else None

    def usual(self, task: str | None = None, tenant: str | None = None) -> Usual | None:
        """How long drafts of the segment are, where it is known."""
        length = self.segment(task, tenant)[0].length if isinstance(self.file, Gate) else None
        return None if length is None else Usual(length.mean, length.deviation, length.count)

    def segment(self, task: str | None, tenant: str | None) -> tuple[Segment, str]:
        """The segment of a request and what it is called. Raises `TypeError` where the file is no gate."""
        if not isinstance(self.file, Gate):
            raise TypeError("a single curve has no segments")
        of_task = self.file.segments.get(task) if task is not None else None
        if of_task is None:
            return self.file, f"the task {task}" if task is not None and self.file.segments else "this route"
        of_tenant = of_task.tenants.get(tenant) if tenant is not None else None
        if of_tenant is None:
            return of_task, f"the task {task}"
        return of_tenant, f"the task {task} of the tenant {tenant}"


def _scored(score: object) -> Scored:
    if isinstance(score, Signal):
        return _named(score.name)
    learned, asked = scorer(score), signals_of(score)  # type: ignore[arg-type]  # one of the learned ones

    def value(signals: Signals) -> float | None:
        return learned(signals) if any(signals.get(name) is not None for name in asked) else None

    return value


def _named(name: str) -> Scored:
    def value(signals: Signals) -> float | None:
        found = signals.get(name)
        return None if found is None else min(max(found, CLIP), 1.0 - CLIP)

    return value


def _nothing(_signals: Signals) -> float | None:
    return None
