"""Weights by Thompson sampling: what holds for any evidence, and what they cost in regret."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.experiments.thompson import Counts, floored, p_best, tier_weights

NAMES = ("a", "b", "c", "d")
EVIDENCE = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=2, max_size=4)


@given(EVIDENCE, st.floats(0.0, 0.2), st.integers(0, 2**32))
def test_weights_sum_to_one_and_keep_their_floor(evidence: list[tuple[float, float]], floor: float, seed: int) -> None:
    names = NAMES[: len(evidence)]
    counts = {name: Counts(*pair) for name, pair in zip(names, evidence, strict=True)}
    given_weights = dict.fromkeys(names, 1.0 / len(names))
    weights = tier_weights(given_weights, counts, random.Random(seed), draws=32, floor=floor, minimum=0.0)
    assert weights is not None
    assert set(weights) == set(names)
    assert math.isclose(sum(weights.values()), 1.0, abs_tol=1e-12)
    assert min(weights.values()) >= floor - 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_a_floor_never_takes_more_than_there_is(raw: list[float], floor: float) -> None:
    total = sum(raw) or 1.0
    weights = [each / total for each in raw] if sum(raw) else [1.0 / len(raw)] * len(raw)
    mixed = floored(weights, floor)
    assert math.isclose(sum(mixed), 1.0, abs_tol=1e-9)
    assert min(mixed) >= min(floor, 1.0 / len(raw)) - 1e-9


def test_nothing_moves_before_there_is_enough_evidence() -> None:
    counts = {"a": Counts(20, 5), "b": Counts(10, 14)}
    given_weights = {"a": 0.5, "b": 0.5}
    assert tier_weights(given_weights, counts, random.Random(1), minimum=50) is None
    counts["b"] = counts["b"].plus(0.5)
    assert tier_weights(given_weights, counts, random.Random(1), minimum=50) is not None


def test_a_tier_of_one_variant_has_nothing_to_learn() -> None:
    assert tier_weights({"a": 1.0}, {"a": Counts(500, 500)}, random.Random(1)) is None


def test_a_variant_to_which_the_policy_gives_nothing_gets_nothing() -> None:
    counts = {"a": Counts(50, 50), "b": Counts(50, 50), "off": Counts(1000, 0)}
    weights = tier_weights({"a": 0.5, "off": 0.0, "b": 0.5}, counts, random.Random(1))
    assert weights is not None
    assert weights["off"] == 0.0
    assert math.isclose(weights["a"] + weights["b"], 1.0)
    assert tier_weights({"a": 1.0, "off": 0.0}, counts, random.Random(1)) is None


def test_evidence_about_variants_that_the_policy_no_longer_names_is_left_out() -> None:
    counts = {"a": Counts(10, 10), "gone": Counts(1000, 0)}
    assert tier_weights({"a": 0.5, "b": 0.5}, counts, random.Random(1), minimum=50) is None


def test_the_better_variant_gets_nearly_everything_once_it_is_clear() -> None:
    weights = tier_weights({"a": 0.5, "b": 0.5}, {"a": Counts(800, 200), "b": Counts(900, 100)}, random.Random(3))
    assert weights is not None
    assert weights["b"] == pytest.approx(0.99, abs=1e-9)


def test_without_evidence_all_are_alike() -> None:
    shares = p_best([Counts()] * 4, 20_000, random.Random(5))
    assert all(abs(share - 0.25) < 0.02 for share in shares)


def test_the_share_of_wins_is_the_probability_to_be_best() -> None:
    """Beta(2, 1) exceeds Beta(1, 1) with probability 2/3: integrate x over the density 2x."""
    share = p_best([Counts(1, 0), Counts()], 40_000, random.Random(7))[0]
    assert abs(share - 2 / 3) < 0.01


def test_a_reward_between_counts_to_both_sides() -> None:
    assert Counts(1, 2).plus(0.25) == Counts(1.25, 2.75)


def _regret(means: Sequence[float], horizon: int, every: int, seed: int) -> float:
    """Expected reward given away by weights that are renewed every `every` outcomes, without a floor."""
    chance = random.Random(seed)
    counts = [Counts() for _ in means]
    weights = [1.0 / len(means)] * len(means)
    best, lost = max(means), 0.0
    for time in range(horizon):
        if time and time % every == 0:
            weights = p_best(counts, 128, chance)
        arm = chance.choices(range(len(means)), weights)[0]
        counts[arm] = counts[arm].plus(float(chance.random() < means[arm]))
        lost += best - means[arm]
    return lost


def test_regret_stays_well_below_the_asymptotic_rate() -> None:
    """Lai and Robbins: regret grows as c ln T with c = sum of gap / kl. Mean of 12 runs, at most 0.6 of that."""
    means, horizon = (0.80, 0.90), 10_000
    gap = means[1] - means[0]
    kl = means[0] * math.log(means[0] / means[1]) + (1 - means[0]) * math.log((1 - means[0]) / (1 - means[1]))
    rate = gap / kl * math.log(horizon)
    mean = sum(_regret(means, horizon, 50, seed) for seed in range(12)) / 12
    assert mean <= 0.6 * rate, f"mean regret {mean:.1f}, c ln T {rate:.1f}"
