"""A single curve: from how sure a model sounds to how often such an answer suffices. It promises nothing. Pure.

p = σ(slope · logit(s) + intercept), where s is the raw score, logit(s) = ln(s / (1 - s)) and σ(x) = 1 / (1 + e^-x): the
sigmoid of J. Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood
Methods" (1999), over the log-odds of the score. Slope 1 and intercept 0 change nothing; a slope below 1 says that the
model sounds surer than it is.
"""

from math import exp, log
from typing import Annotated, Literal

from pydantic import Field

from pipeline.confidence.curves import CLIP
from pipeline.contracts import Whole
from pipeline.policy.models.base import Day, Section

__all__ = ["Curve", "platt"]


class Curve(Section):
    """What stands in the file of a calibrator.

    Attributes:
        slope: more than 0, so that a surer answer is never the less probable one.
        signal: the signal of check it was fitted to; s is e to this mean log-probability.
        source: what it was fitted to, in words.
        fitted: the day.
        labels: how many judged answers.
    """

    kind: Literal["platt"]
    slope: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    intercept: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
    signal: Literal["logprob_mean"]
    source: str = Field(min_length=1, max_length=500)
    fitted: Day
    labels: Whole = Field(ge=1)


def platt(score: float, slope: float, intercept: float) -> float:
    """σ(slope · logit(score) + intercept); `score` is clipped to within `CLIP` of 0 and 1."""
    inside = min(max(score, CLIP), 1.0 - CLIP)
    odds = slope * (log(inside) - log(1.0 - inside)) + intercept
    # Of the two equal forms the one whose exponential cannot overflow.
    return 1.0 / (1.0 + exp(-odds)) if odds >= 0 else exp(odds) / (1.0 + exp(odds))
