"""Bounds of rates, held against scipy, and against what comes true in many draws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.confidence.bounds import _wealth, betting_upper, binomial_cdf, least, most_errors, outweighs, upper

scipy_stats = pytest.importorskip("scipy.stats", reason="the extra train is not installed")
COUNTS = st.integers(1, 3000)
RATES = st.floats(0.001, 0.999)


@given(COUNTS, st.floats(0, 1.2), RATES)
def test_the_binomial_is_that_of_scipy(count: int, share: float, rate: float) -> None:
    errors = int(share * count)
    assert binomial_cdf(errors, count, rate) == pytest.approx(scipy_stats.binom.cdf(errors, count, rate), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 1500), st.floats(0, 1), st.sampled_from((0.001, 0.05, 0.3)))
def test_the_bound_is_that_of_clopper_and_pearson(count: int, share: float, delta: float) -> None:
    errors = int(share * count)
    expected = 1.0 if errors >= count else scipy_stats.beta.ppf(1 - delta, errors + 1, count - errors)
    assert upper(errors, count, delta) == pytest.approx(expected, abs=1e-7)


@settings(deadline=None)
@given(st.integers(1, 2000), st.sampled_from((0.01, 0.03, 0.05, 0.1, 0.4)), st.sampled_from((0.01, 0.05, 0.2)))
def test_one_error_more_than_allowed_would_be_too_many(count: int, alpha: float, delta: float) -> None:
    allowed = most_errors(count, alpha, delta)
    assert allowed < 0 or scipy_stats.binom.cdf(allowed, count, alpha) <= delta + 1e-9
    assert scipy_stats.binom.cdf(allowed + 1, count, alpha) > delta - 1e-9
    assert (allowed >= 0) == (count >= least(alpha, delta))


def test_the_errors_that_may_be_kept_are_those_of_the_published_table() -> None:
    sizes = (100, 200, 500, 1000, 2000, 5000)
    assert [most_errors(count, 0.01, 0.05) for count in sizes] == [-1, -1, 1, 4, 12, 38]
    assert [most_errors(count, 0.03, 0.05) for count in sizes] == [0, 1, 8, 20, 47, 129]
    assert [most_errors(count, 0.05, 0.05) for count in sizes] == [1, 4, 16, 38, 83, 224]
    assert [most_errors(count, 0.10, 0.05) for count in sizes] == [4, 12, 38, 84, 177, 464]
    assert [least(alpha, 0.05) for alpha in (0.01, 0.03, 0.05, 0.10)] == [299, 99, 59, 29]


def test_a_bettor_refutes_a_true_claim_no_more_often_than_he_may() -> None:
    """A mean of exactly .05 is said to be below it in at most 5 % of 1,500 draws, with room for chance."""
    random = np.random.default_rng(3)
    values = random.choice([-1.0, 0.0, 1.0], p=[0.05, 0.85, 0.10], size=(1500, 400))
    refuted = sum(outweighs(row, 0.05, 0.05) for row in values)
    assert refuted <= 100


def test_a_bettor_finds_out_with_labels_enough_and_his_bound_is_where_he_does() -> None:
    random = np.random.default_rng(4)
    values = random.choice([-1.0, 0.0, 1.0], p=[0.03, 0.95, 0.02], size=3000)
    bound = betting_upper(values, 0.05)
    assert values.mean() < bound < 0.03
    assert outweighs(values, bound + 1e-3, 0.05)
    assert not outweighs(values, bound - 1e-3, 0.05)
    assert not outweighs(np.array([]), 0.5, 0.05)


@given(st.floats(-0.9, 0.4), st.sampled_from((0.05, 0.9, 0.97)))
def test_a_bet_is_fair_since_its_stake_does_not_know_the_value(claim: float, delta: float) -> None:
    """Where the claim just holds, the bettor's wealth after a value is on the average what it was before."""
    good = (1 + claim) / 1.5
    wealth = {value: math.exp(_wealth(np.array([value]), claim, delta)) for value in (-1.0, 0.5)}
    assert good * wealth[0.5] + (1 - good) * wealth[-1.0] == pytest.approx(1.0)
