"""The figures of an order of questions, held against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.bootstrap import areas_of, counts, interval, means
from evaluation.metrics import Order, apgr, charged, cost, oracle, quality, worth

WEAK = np.array([1.0, 0.0, 1.0, 0.0])
STRONG = np.array([1.0, 1.0, 1.0, 1.0])


def test_an_order_that_knows_the_errors_recovers_everything_at_their_share() -> None:
    """Two of four drafts are wrong: half of the questions recover the whole lead, a straight line up to there."""
    found = worth(1.0 - WEAK, WEAK, STRONG)
    assert found.apgr == pytest.approx(0.75, abs=1e-3)
    assert (found.cpt50, found.cpt80) == (pytest.approx(0.25), pytest.approx(0.4))
    assert found.q20 == pytest.approx(0.5 + 0.5 * 0.4)


def test_no_order_at_all_is_chance() -> None:
    """Where all scores are the same, every share recovers as much as its size."""
    found = worth(np.zeros(4), WEAK, STRONG)
    assert (found.apgr, found.cpt50, found.cpt80) == pytest.approx((0.5, 0.5, 0.8))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_ties_count_as_the_mean_over_their_random_orders(seed: int) -> None:
    """The exact mean is what many draws come near."""
    chance = np.random.default_rng(seed)
    weak, strong = chance.integers(0, 2, 40).astype(float), np.ones(40)
    if weak.all():
        return
    scores = chance.integers(0, 4, 40).astype(float)
    drawn = [apgr(scores + 1e-6 * chance.random(40), weak, strong) for _ in range(300)]
    assert apgr(scores, weak, strong) == pytest.approx(np.mean(drawn), abs=0.02)


def test_hindsight_goes_above_the_strong_model() -> None:
    """Where the weak model alone is right, the oracle keeps its answer."""
    weak, strong = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, 1.0])
    grid, best = quality(oracle(weak, strong), weak, strong)
    assert best.max() == pytest.approx(1.0)
    assert best[-1] == pytest.approx(0.75)
    assert grid[int(best.argmax())] == pytest.approx(0.75, abs=2e-3)


def test_second_opinions_take_their_price_out_of_the_budget() -> None:
    """What opinions cost cannot be spent on escalation; without a price nothing changes."""
    scores = 1.0 - WEAK
    assert charged(scores, WEAK, STRONG, 0.0) == apgr(scores, WEAK, STRONG)
    assert charged(scores, WEAK, STRONG, 0.1) == pytest.approx(0.75 - 0.1, abs=2e-3)
    assert cost(0.3, 2.0, 0.1) == pytest.approx(0.3 + 0.1 + 0.2)


def test_rounds_of_the_bootstrap_are_those_of_drawing_rows_again() -> None:
    """Counting how often a row was drawn is the same as drawing it so often."""
    chance = np.random.default_rng(4)
    weak, strong = chance.integers(0, 2, 60).astype(float), chance.integers(0, 2, 60).astype(float)
    strong[:30] = 1.0
    scores = np.round(chance.random(60), 1)
    fast = areas_of(Order(scores, weak, strong), 5, 3, "set")
    slow = []
    for line in np.concatenate(list(counts(60, 5, 3, "set"))):
        rows = np.repeat(np.arange(60), line.astype(int))
        slow.append(apgr(scores[rows], weak[rows], strong[rows]))
    assert fast == pytest.approx(slow, abs=2e-3)


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    """Of 200 samples, about 95 % of the intervals hold the truth."""
    chance = np.random.default_rng(8)
    held = 0
    for seed in range(200):
        low, high = interval(means(chance.normal(0.3, 1.0, 120), 200, seed))
        held += low <= 0.3 <= high
    assert 176 <= held <= 199
