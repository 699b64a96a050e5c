"""What an order of questions is worth that says which go to the large model first.

W and S are the mean quality of the small and the large model; q(a) is the mean quality when the share `a` of questions
that look hardest goes to the large one. PGR(a) = (q(a) - W) / (S - W) is the part of the difference that is recovered;
APGR is its mean over all shares (chance: .5), CPT(x) the smallest share from which PGR is at least x (chance: x), as in
the RouteLLM paper (Ong et al. 2024). Questions of the same score stand in a random order; the mean over all such orders
is taken exactly.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gain", "Measured", "apgr", "difference", "measured"]

Numbers: TypeAlias = NDArray[np.float64]

_POINTS: Final = 1001
ROUNDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Gain:
    """APGR, and the shares of questions that recover half and four fifths of the difference."""

    apgr: float
    cpt50: float
    cpt80: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def measured(scores: Numbers, gains: Numbers) -> Gain:
    """What an order is worth.

    Args:
        scores: one for each question, the hardest highest.
        gains: quality of the large model less that of the small one.
    """
    shares, recovered = _curve(scores, gains)
    grid = np.linspace(0.0, 1.0, _POINTS)
    return Gain(
        apgr=float(np.trapezoid(np.interp(grid, shares, recovered), grid)),
        cpt50=_share(shares, recovered, 0.5),
        cpt80=_share(shares, recovered, 0.8),
    )


def apgr(scores: Numbers, gains: Numbers) -> float:
    """APGR alone."""
    return measured(scores, gains).apgr


def difference(scores: Numbers, others: Numbers, gains: Numbers, seed: int = 0, rounds: int = ROUNDS) -> Measured:
    """APGR of one order less that of another, with a paired bootstrap interval over the questions."""
    rng = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(rounds):
        rows = rng.integers(0, len(gains), len(gains))
        if gains[rows].sum() > 0:
            drawn.append(apgr(scores[rows], gains[rows]) - apgr(others[rows], gains[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (float("nan"), float("nan"))
    return Measured(apgr(scores, gains) - apgr(others, gains), float(low), float(high))


def _curve(scores: Numbers, gains: Numbers) -> tuple[Numbers, Numbers]:
    """Shares of questions from 0 to 1, and what is recovered there; within a tie it is a straight line."""
    order = np.argsort(-scores, kind="stable")
    ranked, earned = scores[order], np.cumsum(gains[order])
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    shares = np.concatenate(([0.0], (ends + 1) / len(ranked)))
    return shares, np.concatenate(([0.0], earned[ends])) / earned[-1]


def _share(shares: Numbers, recovered: Numbers, wanted: float) -> float:
    reached = np.flatnonzero(recovered >= wanted)
    if not len(reached):
        return 1.0
    at = int(reached[0])
    if at == 0:
        return float(shares[0])
    rise = (wanted - recovered[at - 1]) / (recovered[at] - recovered[at - 1])
    return float(shares[at - 1] + rise * (shares[at] - shares[at - 1]))
