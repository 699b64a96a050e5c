"""A gate: a score of signals, curves that make probabilities of it, and thresholds with a promise for each segment.

A segment is what a promise was made for: the requests of one task, of one tenant within a task, or those whose task no
label named. What is promised of one segment says nothing of another, and nothing of a part of it.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from pipeline.confidence.curves import BrokenCurve, read_curve
from pipeline.confidence.curves import Curve as AnyCurve
from pipeline.confidence.score import Blend, Linear, Trees
from pipeline.confidence.score import Score as Learned
from pipeline.contracts import Share, Whole
from pipeline.policy.models.base import Day, Section

__all__ = ["MOST_SEGMENTS", "Gate", "Length", "Promise", "Rule", "Segment", "Signal", "TaskSegment"]

Rule = Literal["joint", "expected", "precision", "relative", "cost", "floor"]
"""What a promise is about, see `pipeline.confidence.thresholds`; `cost` is the cheapest that keeps `joint`.

`floor`: see `pipeline.confidence.floors`.
"""
MOST_SEGMENTS = 1000


def _curve(value: Any) -> AnyCurve:
    if not isinstance(value, dict):
        if hasattr(value, "probability"):
            return value  # type: ignore[no-any-return]  # a curve made here
        raise ValueError("must be a curve")
    try:
        return read_curve(value)
    except BrokenCurve as error:
        raise ValueError(str(error)) from None


CurveField = Annotated[AnyCurve, PlainValidator(_curve), PlainSerializer(lambda curve: curve.document())]


class Signal(Section):
    """One signal as the score: `confidence` is e to the mean log-probability of the answer's values."""

    kind: Literal["signal"] = "signal"
    name: str = Field(min_length=1, max_length=200)


class Promise(Section):
    """What a threshold promises, or what was asked of it where it can promise nothing.

    Attributes:
        alpha: the rate that is not exceeded; for `floor` 1 less the part of the large model's quality that is kept.
        delta: with confidence 1 - delta.
        n: the labels it was made from, which are not those that the curve was fitted to.
        kept: the share of drafts that stay, as far as these labels tell.
        errors: wrong ones among those that stay.
        bound: what the labels let us say of the rate.
        value: what a right answer must be worth for this threshold to pay, in calls of the large model.
        why: why nothing is promised, in words; null where something is.
    """

    rule: Rule
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)]
    delta: Annotated[float, Field(gt=0.0, lt=1.0)]
    n: Whole = Field(ge=0)
    kept: Share = 0.0
    errors: Whole = Field(default=0, ge=0)
    bound: Annotated[float, Field(ge=-1.0, le=1.0)] | None = None
    value: float | None = None
    why: str | None = Field(default=None, max_length=500)


class Length(Section):
    """Mean and standard deviation of ln(1 + characters) of drafts, over so many."""

    mean: float = Field(ge=0.0, le=100.0)
    deviation: float = Field(ge=0.0, le=100.0)
    count: Whole = Field(ge=1)


class Segment(Section):
    """What holds for one segment.

    Attributes:
        threshold: drafts stay whose probability reaches it; null: everything escalates.
        right: the share of drafts that were right.
        best: the share of the large model's answers that were right, where labels told it.
        length: how long drafts were, where labels told it.
        labels: how many judged drafts of this segment there were.
    """

    curve: CurveField
    threshold: Share | None = None
    promise: Promise | None = None
    right: Share | None = None
    best: Share | None = None
    length: Length | None = None
    labels: Whole = Field(ge=0)

    @model_validator(mode="after")
    def _says_what(self) -> "Segment":
        if self.threshold is not None and (self.promise is None or self.promise.why is not None):
            raise ValueError("a threshold must come with the promise that it keeps")
        return self


class TaskSegment(Segment):
    """What holds for the requests of a task; `tenants` have a segment of their own where they have labels enough."""

    tenants: dict[str, Segment] = Field(default_factory=dict, max_length=MOST_SEGMENTS)


class Gate(Segment):
    """What stands in the file of a gate. Its own threshold is for requests whose task has no segment.

    Attributes:
        score: what the curves make a probability of; a learned one must end in a probability itself.
        gain: the expected gain of the next tier over a draft, where there was something to learn it from.
        segments: by task.
        lost: what this gate has to do without, in words, such as log-probabilities.
        source: what it was fitted to, in words.
        fitted: the day.
    """

    kind: Literal["gate"]
    score: Annotated[Signal | Linear | Trees | Blend, Field(discriminator="kind")]
    gain: Learned | None = None
    segments: dict[str, TaskSegment] = Field(default_factory=dict, max_length=MOST_SEGMENTS)
    lost: str | None = Field(default=None, max_length=500)
    source: str = Field(min_length=1, max_length=500)
    fitted: Day

    @model_validator(mode="after")
    def _ends_in_a_probability(self) -> "Gate":
        if not isinstance(self.score, Signal) and not (isinstance(self.score, Blend) and self.score.link == "logistic"):
            raise ValueError("score: must end in a probability: a signal, or a blend whose link is logistic")
        return self
