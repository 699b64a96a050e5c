"""Sets the threshold of one segment by the rule that was asked for, and says what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.labels import Label
from pipeline.confidence.bounds import least
from pipeline.confidence.floors import FEWEST as FLOOR_FEWEST
from pipeline.confidence.floors import floor_threshold
from pipeline.confidence.thresholds import Kept, expected, grid_of, joint, precision, relative
from pipeline.policy.calibration import Promise
from pipeline.policy.calibration.gate import Rule

__all__ = ["Asked", "fewest", "lost", "promise_of", "right_of_large", "wrong"]

Floats = NDArray[np.float64]
_TOO_STRICT: Final = "already the surest drafts are wrong too often"
_MOSTLY_WRONG: Final = "fewer than half of the drafts that would stay are right"
_ALL_WRONG: Final = "none of the drafts that would stay is right"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a threshold.

    Attributes:
        alpha: the rate that is not exceeded; for `floor` the part of the large model's quality that may be lost.
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
    worthless = _worthless(asked, labels, sure, kept)
    if worthless is not None:
        kept = Kept(None, 0.0, kept.n, 0, None, kept.needed)
    promise = Promise(
        rule=asked.rule,
        alpha=asked.alpha,
        delta=asked.delta,
        n=len(labels),
        kept=kept.share,
        errors=kept.errors,
        bound=kept.bound,
        value=None if kept.threshold is None else _worth(kept.threshold, _best(asked, labels)),
        why=None if kept.threshold is not None else worthless or _why(asked, labels, kept),
    )
    return kept.threshold, promise


def fewest(asked: Asked) -> int:
    """Labels to set a threshold by below which nothing is promised, whatever they say."""
    return FLOOR_FEWEST if asked.rule == "floor" else least(asked.alpha, asked.delta)


# ---------------------------------------------------------------- the rules


def _kept(asked: Asked, labels: Sequence[Label], sure: Sequence[float], before: Sequence[float]) -> Kept:
    bad = wrong(labels)
    match asked.rule:
        case "expected":
            return expected(sure, bad, asked.alpha)
        case "precision":
            return precision(sure, bad, asked.alpha, asked.delta, grid_of(before))
        case "relative":
            return _relative(asked, labels, sure, before)
        case "floor":
            return _floor(asked, labels, np.asarray(sure, np.float64))
        case "cost":
            return _cheapest(asked, labels, np.asarray(sure, np.float64), joint(sure, bad, asked.alpha, asked.delta))
    return joint(sure, bad, asked.alpha, asked.delta)


def _relative(asked: Asked, labels: Sequence[Label], sure: Sequence[float], before: Sequence[float]) -> Kept:
    if right_of_large(labels) is None:
        return Kept(None, 0.0, len(labels), 0, None)
    return relative(sure, lost(labels), asked.alpha, asked.delta, grid_of(before))


def _floor(asked: Asked, labels: Sequence[Label], sure: Floats) -> Kept:
    large, bad = right_of_large(labels), wrong(labels)
    if large is None:
        return Kept(None, 0.0, len(labels), 0, None)
    found = floor_threshold(sure, ~bad, large, 1.0 - asked.alpha, asked.delta)
    if found.threshold is None:
        return Kept(None, 0.0, len(labels), 0, None, fewest(asked))
    errors = int(np.sum(bad & (sure >= found.threshold)))
    return Kept(found.threshold, 1.0 - found.escalated, len(labels), errors, None, fewest(asked))


def _cheapest(asked: Asked, labels: Sequence[Label], sure: Floats, safe: Kept) -> Kept:
    """The threshold of least cost among those at which the promise of `joint` holds; escalations cost 1 each."""
    if safe.threshold is None:
        return safe
    best = _best(asked, labels)
    right = ~wrong(labels)
    candidates = np.unique(sure[sure >= safe.threshold])
    saved = np.array([float(np.sum(1.0 - asked.value * (best - right[sure >= at]))) for at in candidates])
    # What saves as much with fewer answers kept is the safer one.
    place = int(len(saved) - 1 - np.argmax(saved[::-1]))
    stays = sure >= candidates[place]
    return Kept(
        float(candidates[place]), float(stays.mean()), safe.n, int(np.sum(stays & ~right)), safe.bound, safe.needed
    )


def _worthless(asked: Asked, labels: Sequence[Label], sure: Sequence[float], kept: Kept) -> str | None:
    """Why no draft should stay although the promise holds, since few enough would; None: they are worth it.

    Rules that measure drafts against the large model's answers keep also those that are mostly wrong, as its are.
    """
    if kept.threshold is None:
        return None
    stays = np.asarray(sure, np.float64) >= kept.threshold
    right = int(np.sum(stays & ~wrong(labels)))
    if right == 0:
        return _ALL_WRONG
    beside_large = asked.rule in ("relative", "floor")
    return None if beside_large or 2 * right >= int(stays.sum()) else _MOSTLY_WRONG


def _worth(threshold: float, best: float) -> float | None:
    """What a right answer is worth at which escalating a draft of this probability just pays; None: it never does."""
    return None if best <= threshold else round(1.0 / (best - threshold), 6)


def _best(asked: Asked, labels: Sequence[Label]) -> float:
    known = [label.large_right for label in labels if label.large_right is not None]
    return sum(known) / len(known) if known else asked.best


def wrong(labels: Sequence[Label]) -> NDArray[np.bool_]:
    """Which drafts were wrong."""
    return np.array([not label.right for label in labels], np.bool_)


def right_of_large(labels: Sequence[Label]) -> NDArray[np.bool_] | None:
    """Which answers of the large model were right; None: labels do not tell it of all."""
    if any(label.large_right is None for label in labels):
        return None
    return np.array([bool(label.large_right) for label in labels], np.bool_)


def lost(labels: Sequence[Label]) -> Floats:
    """How much better the large model's answers were than the drafts, each between -1 and 1."""
    return np.array([float(bool(label.large_right)) - float(label.right) for label in labels], np.float64)


def _why(asked: Asked, labels: Sequence[Label], kept: Kept) -> str:
    if not labels:
        return "there are no labels of it"
    if len(labels) < kept.needed:
        return f"{len(labels)} labels are too few, at least {kept.needed} are needed"
    if asked.rule in ("relative", "floor") and right_of_large(labels) is None:
        return "labels do not tell whether the large model was right"
    return _TOO_STRICT
