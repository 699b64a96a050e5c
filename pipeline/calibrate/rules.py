"""Sets the threshold of one segment by the rule that was asked for, and says what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.labels import Label
from pipeline.confidence.bounds import binomial_cdf, outweighs
from pipeline.confidence.thresholds import Kept, expected, grid_of, joint, precision, relative
from pipeline.policy.calibration import Promise
from pipeline.policy.calibration.gate import Rule

__all__ = ["Asked", "contradicted", "promise_of"]

Floats = NDArray[np.float64]
_TOO_STRICT: Final = "already the surest drafts are wrong too often"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a threshold.

    Attributes:
        value: for `cost`, what a right answer is worth, in calls of the large model.
        best: how often the large model is right, where labels do not tell.
    """

    rule: Rule = "joint"
    alpha: float = 0.03
    delta: float = 0.05
    value: float = 10.0
    best: float = 1.0


def promise_of(
    asked: Asked, labels: Sequence[Label], sure: Sequence[float], before: Sequence[float]
) -> tuple[float | None, Promise]:
    """The threshold of a segment, None where nothing can be promised, and the promise.

    Args:
        asked: the rule.
        labels: of this segment alone, and not those that the curve was fitted to.
        sure: their probabilities.
        before: probabilities of those that the curve was fitted to; the thresholds that are tested come from them.
    """
    kept = _kept(asked, labels, sure, before)
    promise = Promise(
        rule=asked.rule,
        alpha=asked.alpha,
        delta=asked.delta,
        n=len(labels),
        kept=kept.share,
        errors=kept.errors,
        bound=kept.bound,
        value=None if kept.threshold is None else _worth(kept.threshold, _best(asked, labels)),
        why=None if kept.threshold is not None else _why(asked, labels, kept),
    )
    return kept.threshold, promise


def contradicted(asked: Asked, labels: Sequence[Label], sure: Sequence[float], threshold: float, level: float) -> bool:
    """Whether later labels of a segment speak against its promise: were it kept, they would be less likely than level.

    They are too few to prove the promise once more; they can refute it.
    """
    stays = np.asarray(sure) >= threshold
    if asked.rule == "relative":
        lost = _lost(labels)
        return bool(len(lost)) and outweighs(-(lost * stays), -asked.alpha, level)
    errors = int(np.sum(stays & _wrong(labels)))
    count = int(stays.sum()) if asked.rule == "precision" else len(labels)
    return errors > 0 and 1.0 - binomial_cdf(errors - 1, count, asked.alpha) < level


# ---------------------------------------------------------------- the rules


def _kept(asked: Asked, labels: Sequence[Label], sure: Sequence[float], before: Sequence[float]) -> Kept:
    wrong = _wrong(labels)
    match asked.rule:
        case "expected":
            return expected(sure, wrong, asked.alpha)
        case "precision":
            return precision(sure, wrong, asked.alpha, asked.delta, grid_of(before))
        case "relative":
            return _relative(asked, labels, sure, before)
        case "cost":
            return _cheapest(asked, labels, np.asarray(sure, np.float64), joint(sure, wrong, asked.alpha, asked.delta))
    return joint(sure, wrong, asked.alpha, asked.delta)


def _relative(asked: Asked, labels: Sequence[Label], sure: Sequence[float], before: Sequence[float]) -> Kept:
    if any(label.large_right is None for label in labels):
        return Kept(None, 0.0, len(labels), 0, None)
    return relative(sure, _lost(labels), asked.alpha, asked.delta, grid_of(before))


def _cheapest(asked: Asked, labels: Sequence[Label], sure: Floats, safe: Kept) -> Kept:
    """The threshold of least cost among those at which the promise of `joint` holds; escalations cost 1 each."""
    if safe.threshold is None:
        return safe
    best = _best(asked, labels)
    right = ~_wrong(labels)
    candidates = np.unique(sure[sure >= safe.threshold])
    saved = np.array([float(np.sum(1.0 - asked.value * (best - right[sure >= at]))) for at in candidates])
    # What saves as much with fewer answers kept is the safer one.
    place = int(len(saved) - 1 - np.argmax(saved[::-1]))
    stays = sure >= candidates[place]
    return Kept(
        float(candidates[place]), float(stays.mean()), safe.n, int(np.sum(stays & ~right)), safe.bound, safe.needed
    )


def _worth(threshold: float, best: float) -> float | None:
    """What a right answer is worth at which escalating a draft of this probability just pays; None: it never does."""
    return None if best <= threshold else round(1.0 / (best - threshold), 6)


def _best(asked: Asked, labels: Sequence[Label]) -> float:
    known = [label.large_right for label in labels if label.large_right is not None]
    return sum(known) / len(known) if known else asked.best


def _wrong(labels: Sequence[Label]) -> NDArray[np.bool_]:
    return np.array([not label.right for label in labels], np.bool_)


def _lost(labels: Sequence[Label]) -> Floats:
    return np.array([float(bool(label.large_right)) - float(label.right) for label in labels], np.float64)


def _why(asked: Asked, labels: Sequence[Label], kept: Kept) -> str:
    if not labels:
        return "there are no labels of it"
    if len(labels) < kept.needed:
        return f"{len(labels)} labels are too few, at least {kept.needed} are needed"
    if asked.rule == "relative" and any(label.large_right is None for label in labels):
        return "labels do not tell whether the large model was right"
    return _TOO_STRICT
