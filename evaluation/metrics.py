"""What an order of questions is worth that says which of them go to the strong model first.

Each question has a score; the highest is escalated first. With the quality of the weak and of the strong answer

    q(a)    mean quality when the share `a` with the highest scores is escalated
    PGR(a)  (q(a) - W) / (S - W): how much of the difference of the two models is recovered
    APGR    the area under PGR (trapezoids over 1001 points)         chance: .5
    CPT(x)  the smallest share from which PGR is at least x          chance: x
    q20     quality at a = .2
    cost    a + c_w/c_s * (1 + opinions): in prices of a strong answer for each request

as in the RouteLLM paper (Ong et al. 2024). Questions of the same score stand in a random order; the mean over all such
orders is exact: the curve is straight within a tie.

**How second opinions are charged.** `opinions` counts what was asked beside the draft for one request, in prices of a
weak answer: an answer of another model of the weak one's class is 1, of one that is five times as dear 5, and a second
wording of the same question is 1. They are paid for every request, also where the order needs them in the end for none.
`charged` is the area under the curve when they are paid out of the same budget: a budget `b` (in strong answers for
each request) buys the share b - opinions * c_w/c_s, and nothing below.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "POINTS",
    "PRICES",
    "Order",
    "Worth",
    "apgr",
    "areas",
    "charged",
    "cost",
    "oracle",
    "quality",
    "reached",
    "recovered",
    "worth",
]

Numbers: TypeAlias = NDArray[np.float64]

POINTS: Final = 1001
PRICES: Final = (0.01, 0.1)
"""Prices of a weak answer for which costs are told, in prices of a strong one."""


@dataclass(frozen=True, slots=True)
class Worth:
    """The figures of one order."""

    apgr: float
    cpt50: float
    cpt80: float
    q20: float


class Order:
    """Questions in the order of their scores, ties together; what is drawn again is drawn in this order.

    Args:
        scores: one for each question, highest first to the strong model.
        weak: quality of each weak answer.
        strong: quality of each strong answer.
    """

    def __init__(self, scores: Numbers, weak: Numbers, strong: Numbers) -> None:
        self.rows = np.argsort(-scores, kind="stable")
        ranked = scores[self.rows]
        self.starts = np.concatenate(([0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1))
        self.gains = (strong - weak)[self.rows]
        self.weak = weak[self.rows]

    def curves(self, counts: Numbers | None = None) -> tuple[Numbers, Numbers]:
        """Shares escalated and what is recovered there, from (0, 0) to (1, 1): a line for each row of `counts`.

        Args:
            counts: how often each question was drawn, a line for each round; without it each once.
        """
        drawn = np.ones((1, len(self.rows))) if counts is None else counts[:, self.rows]
        shares = np.cumsum(np.add.reduceat(drawn, self.starts, axis=1), axis=1)
        earned = np.cumsum(np.add.reduceat(drawn * self.gains, self.starts, axis=1), axis=1)
        whole = earned[:, -1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            return _from_zero(shares / shares[:, -1:]), _from_zero(np.where(whole > 0.0, earned / whole, np.nan))


def worth(scores: Numbers, weak: Numbers, strong: Numbers) -> Worth:
    """The figures of an order; nan where the strong model is no better than the weak one."""
    shares, gained = Order(scores, weak, strong).curves()
    cpt50, cpt80 = (float(reached(shares, gained, wanted)[0]) for wanted in (0.5, 0.8))
    q20 = float(weak.mean() + (strong - weak).mean() * np.interp(0.2, shares[0], gained[0]))
    return Worth(apgr(scores, weak, strong), cpt50, cpt80, q20)


def apgr(scores: Numbers, weak: Numbers, strong: Numbers) -> float:
    """APGR alone."""
    return charged(scores, weak, strong, 0.0)


def charged(scores: Numbers, weak: Numbers, strong: Numbers, price: float) -> float:
    """APGR where `price` strong answers are paid for each request before any is escalated."""
    budgets, gained = recovered(scores, weak, strong)
    return float(np.trapezoid(np.interp(budgets - price, budgets, gained, left=0.0), budgets))


def recovered(scores: Numbers, weak: Numbers, strong: Numbers) -> tuple[Numbers, Numbers]:
    """PGR on the grid of shares."""
    grid = np.linspace(0.0, 1.0, POINTS)
    shares, gained = Order(scores, weak, strong).curves()
    return grid, np.interp(grid, shares[0], gained[0])


def quality(scores: Numbers, weak: Numbers, strong: Numbers) -> tuple[Numbers, Numbers]:
    """The quality q on the grid of shares; also where the strong model is no better."""
    order = Order(scores, weak, strong)
    ends = np.append(order.starts[1:], len(order.rows))
    shares = np.concatenate(([0.0], ends / len(order.rows)))
    earned = np.concatenate(([0.0], np.cumsum(order.gains)[ends - 1])) / len(order.rows)
    grid = np.linspace(0.0, 1.0, POINTS)
    return grid, float(weak.mean()) + np.interp(grid, shares, earned)


def oracle(weak: Numbers, strong: Numbers) -> Numbers:
    """The scores of hindsight: the largest gain first."""
    return strong - weak


def cost(share: float, opinions: float, price: float) -> float:
    """What one request costs on average, in strong answers."""
    return share + price * (1.0 + opinions)


def areas(shares: Numbers, gained: Numbers) -> Numbers:
    """The exact area under each line."""
    return np.asarray(np.trapezoid(gained, shares, axis=1), np.float64)


def reached(shares: Numbers, gained: Numbers, wanted: float) -> Numbers:
    """For each line the smallest share from which at least `wanted` is recovered."""
    lines = np.arange(len(shares))
    at = np.argmax(gained >= wanted, axis=1)
    before = np.maximum(at - 1, 0)
    low, high = gained[lines, before], gained[lines, at]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(high > low, (wanted - low) / (high - low), 1.0)
    return np.asarray(shares[lines, before] + part * (shares[lines, at] - shares[lines, before]), np.float64)


def _from_zero(lines: Numbers) -> Numbers:
    return np.concatenate((np.zeros((len(lines), 1)), lines), axis=1)
