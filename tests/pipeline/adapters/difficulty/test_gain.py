"""Figures of an order of questions, against cases that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.difficulty.gain import apgr, difference, measured

GAINS = np.array([1.0, 0.0, 0.0, 0.0])


def test_equal_scores_are_chance() -> None:
    found = measured(np.zeros(4), GAINS)

    assert (found.apgr, found.cpt50, found.cpt80) == pytest.approx((0.5, 0.5, 0.8))


def test_the_best_and_the_worst_order_of_four() -> None:
    assert measured(np.array([3.0, 2.0, 1.0, 0.0]), GAINS).apgr == pytest.approx(0.875)
    assert measured(np.array([0.0, 1.0, 2.0, 3.0]), GAINS).apgr == pytest.approx(0.125)
    assert measured(np.array([3.0, 2.0, 1.0, 0.0]), GAINS).cpt80 == pytest.approx(0.2)


def test_a_gain_that_is_lost_again_makes_more_than_one() -> None:
    """A small model that is right where the large one is wrong: recovering all and more, then giving some back."""
    assert apgr(np.array([2.0, 1.0, 0.0]), np.array([1.0, 1.0, -1.0])) > 1.0


def test_ties_are_worth_the_mean_of_their_orders() -> None:
    tied = apgr(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0]))
    one = apgr(np.array([2.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0]))
    other = apgr(np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 1.0]))

    assert tied == pytest.approx((one + other) / 2, abs=1e-3)


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=30)


@given(PAIRS.filter(lambda pairs: any(gain for _, gain in pairs)))
def test_an_order_and_its_reverse_are_worth_one_together(pairs: list[tuple[int, int]]) -> None:
    scores, gains = (np.array(column, np.float64) for column in zip(*pairs, strict=True))

    assert apgr(scores, gains) + apgr(-scores, gains) == pytest.approx(1.0, abs=2e-3)


def test_a_difference_has_an_interval_around_it_and_none_with_itself() -> None:
    rng = np.random.default_rng(0)
    gains = (rng.random(300) < 0.4).astype(float)
    scores = gains + rng.normal(size=300)
    over = difference(scores, np.zeros(300), gains, rounds=100)

    assert 0.0 < over.low < over.value < over.high
    same = difference(scores, scores, gains, rounds=20)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
