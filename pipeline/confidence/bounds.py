"""What a sample lets us say of a rate, and with which confidence. Pure, exact where counts are binomial.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (1934); and for
means of numbers between -1 and 1 the wealth of a bettor against the claim that the mean is too high: I. Waudby-Smith
and A. Ramdas, "Estimating means of bounded random variables by betting" (2024).
"""

from functools import lru_cache
from math import ceil, exp, lgamma, log, log1p
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["betting_upper", "binomial_cdf", "least", "most_errors", "outweighs", "upper"]

_STEPS: Final = 60
_BRAVEST: Final = 0.75
"""The largest part of the wealth that one answer may cost; all of it could never be won back."""


def binomial_cdf(errors: int, count: int, rate: float) -> float:
    """How likely at most `errors` of `count` are wrong when each is with probability `rate`."""
    if errors >= count or rate <= 0.0:
        return 1.0
    if errors < 0 or rate >= 1.0:
        return 0.0
    below = _sum(range(errors + 1), count, rate) if errors <= count * rate else None
    return below if below is not None else max(0.0, 1.0 - _sum(range(errors + 1, count + 1), count, rate))


def _sum(ks: range, count: int, rate: float) -> float:
    """The probabilities of these numbers of errors together, from the largest term on, until more changes nothing."""
    p, q = log(rate), log1p(-rate)
    mode = int(rate * (count + 1))
    order = ks if ks.start > mode else reversed(ks)
    total = 0.0
    for k in order:
        term = exp(lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) + k * p + (count - k) * q)
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total)


@lru_cache(maxsize=4096)
def upper(errors: int, count: int, delta: float) -> float:
    """The Clopper-Pearson bound: the rate is at most this, with confidence 1 - `delta`."""
    if errors >= count:
        return 1.0
    low, high = errors / count, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if binomial_cdf(errors, count, middle) > delta else (low, middle)
    return high


@lru_cache(maxsize=1024)
def most_errors(count: int, alpha: float, delta: float) -> int:
    """The most errors with which the bound is at most `alpha`; -1: not even with none, `count` is too small."""
    low, high = -1, min(count - 1, int(count * alpha) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if binomial_cdf(middle, count, alpha) <= delta else (low, middle - 1)
    return low


def least(alpha: float, delta: float) -> int:
    """The labels below which nothing can be promised: ln δ / ln(1 - α), rounded up."""
    return ceil(log(delta) / log1p(-alpha) - 1e-9)


# ---------------------------------------------------------------- means of numbers between -1 and 1


def outweighs(values: NDArray[Any], most: float, delta: float) -> bool:
    """Whether a bettor against "the mean is above `most`" became so rich that it is refuted at level `delta`.

    Args:
        values: between -1 and 1, in an order that does not depend on them.
        most: the claim.
        delta: how often a true claim may be refuted.
    """
    return _wealth(values, most, delta) >= log(1.0 / delta)


def betting_upper(values: NDArray[Any], delta: float) -> float:
    """The mean of what these were drawn from is at most this, with confidence 1 - `delta`."""
    low, high = -1.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if outweighs(values, middle, delta) else (middle, high)
    return high


def _wealth(values: NDArray[Any], most: float, delta: float) -> float:
    """The logarithm of the largest wealth that was ever reached."""
    count = len(values)
    if count == 0 or most >= 1.0:
        return 0.0
    shares, claim = (np.asarray(values, dtype=float) + 1.0) / 2.0, (most + 1.0) / 2.0
    seen = np.arange(1, count + 1)
    means = (0.5 + np.cumsum(shares)) / (seen + 1)
    spread = (0.25 + np.cumsum((shares - means) ** 2)) / (seen + 1)
    before = np.concatenate(([0.25], spread[:-1]))  # a stake may depend on what came earlier only
    stakes = np.minimum(np.sqrt(2.0 * log(1.0 / delta) / (count * before)), _BRAVEST / (1.0 - claim))
    return float(np.max(np.cumsum(np.log1p(stakes * (claim - shares)))))
