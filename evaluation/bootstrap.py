"""Paired bootstrap intervals: the same questions are drawn again for both orders, thousands of times, at once.

A round is how often each question was drawn; a figure of that round is computed from these counts, so that nothing is
sorted again. Questions are drawn within their group, and those of the same set in the same way for every pair of models
of it, so that a mean over pairs knows that they share their questions.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Order, areas, reached

__all__ = ["areas_of", "counts", "interval", "means", "shares_of"]

Numbers: TypeAlias = NDArray[np.float64]

_CELLS = 4_000_000


def counts(size: int, rounds: int, seed: int, label: str = "") -> Iterator[Numbers]:
    """How often each of `size` questions was drawn: blocks of lines, a line for each round.

    Args:
        size: questions.
        rounds: lines altogether.
        seed: of the chance.
        label: rounds of the same label and size are the same.
    """
    chance = np.random.default_rng([seed, size, int(sha256(label.encode()).hexdigest()[:8], 16)])
    at_once = max(1, _CELLS // max(1, size))
    for first in range(0, rounds, at_once):
        lines = min(at_once, rounds - first)
        drawn = chance.integers(0, size, (lines, size)) + np.arange(lines)[:, None] * size
        yield np.bincount(drawn.ravel(), minlength=lines * size).reshape(lines, size).astype(np.float64)


def areas_of(order: Order, rounds: int, seed: int, label: str = "") -> Numbers:
    """APGR of an order in each round."""
    return _each(order, rounds, seed, label, areas)


def shares_of(order: Order, wanted: float, rounds: int, seed: int, label: str = "") -> Numbers:
    """CPT(wanted) of an order in each round."""
    return _each(order, rounds, seed, label, lambda shares, gained: reached(shares, gained, wanted))


def means(values: Numbers, rounds: int, seed: int, label: str = "") -> Numbers:
    """The mean of one number for each question, in each round: accuracy, a share, a difference of two."""
    blocks = counts(len(values), rounds, seed, label)
    return np.concatenate([block @ values / len(values) for block in blocks])


def interval(drawn: Numbers, sure: float = 0.95) -> tuple[float, float]:
    """The interval that holds the share `sure` of the rounds."""
    kept = drawn[np.isfinite(drawn)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, ((1.0 - sure) / 2.0, (1.0 + sure) / 2.0))
    return float(low), float(high)


def _each(order: Order, rounds: int, seed: int, label: str, figure: Callable[[Numbers, Numbers], Numbers]) -> Numbers:
    blocks = counts(len(order.rows), rounds, seed, label)
    return np.concatenate([figure(*order.curves(block)) for block in blocks])
