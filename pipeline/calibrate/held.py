"""Holds a promise to later labels: whether they speak against it, or, more strictly, prove it once more."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.calibrate.labels import Label
from pipeline.calibrate.rules import Asked, lost, right_of_large, wrong
from pipeline.confidence.bounds import binomial_cdf, outweighs, upper
from pipeline.confidence.floors import floor_threshold

__all__ = ["contradicted", "proven"]


def contradicted(asked: Asked, labels: Sequence[Label], sure: Sequence[float], threshold: float, level: float) -> bool:
    """Whether later labels of a segment speak against its promise: were it kept, they would be less likely than level.

    They are too few to prove the promise once more; they can refute it.
    """
    stays = np.asarray(sure) >= threshold
    if asked.rule in ("relative", "floor"):
        known = right_of_large(labels)
        if known is None or not labels:
            return False
        if asked.rule == "relative":
            return outweighs(-(lost(labels) * stays), -asked.alpha, level)
        served = np.where(stays, ~wrong(labels), known)
        return outweighs(served - (1.0 - asked.alpha) * known, 0.0, level)
    errors = int(np.sum(stays & wrong(labels)))
    count = int(stays.sum()) if asked.rule == "precision" else len(labels)
    return errors > 0 and 1.0 - binomial_cdf(errors - 1, count, asked.alpha) < level


def proven(asked: Asked, labels: Sequence[Label], sure: Sequence[float], threshold: float) -> bool:
    """Whether later labels alone would promise the same of this threshold, with the same confidence."""
    stays = np.asarray(sure, np.float64) >= threshold
    if not labels:
        return False
    if asked.rule in ("relative", "floor"):
        return _proven_beside_large(asked, labels, stays)
    errors, count = int(np.sum(stays & wrong(labels))), len(labels)
    if asked.rule == "expected":
        return (errors + 1) / (count + 1) <= asked.alpha
    if asked.rule == "precision":
        count = int(stays.sum())
    return count > 0 and upper(errors, count, asked.delta) <= asked.alpha


def _proven_beside_large(asked: Asked, labels: Sequence[Label], stays: NDArray[np.bool_]) -> bool:
    known = right_of_large(labels)
    if known is None:
        return False
    if asked.rule == "relative":
        return outweighs(lost(labels) * stays, asked.alpha, asked.delta)
    if not stays.any():
        return True
    found = floor_threshold(stays.astype(np.float64), ~wrong(labels), known, 1.0 - asked.alpha, asked.delta)
    return found.threshold is not None
