"""Thresholds keep what they promise: held against brute force, and against many calibrations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.confidence.bounds import upper
from pipeline.confidence.thresholds import Kept, expected, grid_of, joint, precision, relative

scipy_stats = pytest.importorskip("scipy.stats", reason="the extra train is not installed")
# Few values, so that many answers share a score.
ANSWERS = st.lists(st.tuples(st.integers(0, 12).map(lambda step: step / 12), st.booleans()), min_size=1, max_size=220)


def brute_joint(scores: list[float], wrong: list[bool], alpha: float, delta: float) -> float | None:
    """The lowest threshold such that the bound holds there and at every stricter one."""
    found = None
    for threshold in sorted(set(scores), reverse=True):
        errors = sum(bad and score >= threshold for score, bad in zip(scores, wrong, strict=True))
        if errors >= len(scores):
            break
        if scipy_stats.beta.ppf(1 - delta, errors + 1, len(scores) - errors) > alpha:
            break
        found = threshold
    return found


@settings(deadline=None)
@given(ANSWERS, st.sampled_from((0.02, 0.05, 0.1, 0.3)), st.sampled_from((0.05, 0.2)))
def test_the_joint_threshold_is_that_of_brute_force_with_ties(
    answers: list[tuple[float, bool]], alpha: float, delta: float
) -> None:
    scores, wrong = [score for score, _ in answers], [bad for _, bad in answers]
    kept = joint(scores, wrong, alpha, delta)
    assert kept.threshold == brute_joint(scores, wrong, alpha, delta)
    stays = [kept.threshold is not None and score >= kept.threshold for score in scores]
    assert kept.share == pytest.approx(sum(stays) / len(scores))
    assert kept.errors == sum(stay and bad for stay, bad in zip(stays, wrong, strict=True))
    if kept.threshold is not None:
        assert kept.bound == pytest.approx(upper(kept.errors, len(scores), delta))
        assert kept.bound is not None
        assert kept.bound <= alpha + 1e-9


@given(ANSWERS, st.sampled_from((0.05, 0.1, 0.3)))
def test_the_expected_threshold_counts_one_error_more(answers: list[tuple[float, bool]], alpha: float) -> None:
    scores, wrong = [score for score, _ in answers], [bad for _, bad in answers]
    kept = expected(scores, wrong, alpha)
    fine = []
    for threshold in sorted(set(scores), reverse=True):
        errors = sum(bad and score >= threshold for score, bad in zip(scores, wrong, strict=True))
        if (errors + 1) / (len(scores) + 1) > alpha + 1e-12:
            break
        fine.append(threshold)
    assert kept.threshold == (fine[-1] if fine else None)


@given(ANSWERS)
def test_asking_for_less_never_keeps_less(answers: list[tuple[float, bool]]) -> None:
    scores, wrong = [score for score, _ in answers], [bad for _, bad in answers]
    shares = [joint(scores, wrong, alpha, 0.1).share for alpha in (0.05, 0.1, 0.2, 0.4)]
    assert shares == sorted(shares)


def test_too_few_labels_promise_nothing_and_say_how_many_are_needed() -> None:
    kept = joint([0.9] * 98, [False] * 98, 0.03, 0.05)
    assert (kept.threshold, kept.share, kept.needed) == (None, 0.0, 99)
    assert joint([0.9] * 99, [False] * 99, 0.03, 0.05).threshold == 0.9
    assert joint([], [], 0.03, 0.05) == Kept(None, 0.0, 0, 0, None, 99)


def population(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hard = random.standard_normal(count)
    wrong = random.random(count) >= 1 / (1 + np.exp(-(1.6 - 1.5 * hard)))
    large_wrong = random.random(count) >= 1 / (1 + np.exp(-(3.0 - 0.9 * hard)))
    return 1 / (1 + np.exp(-(1.6 - 1.5 * (hard + random.standard_normal(count))))), wrong, large_wrong


@pytest.mark.parametrize("rule", ["joint", "precision", "relative"])
def test_a_promise_is_broken_no_more_often_than_it_says(rule: str) -> None:
    """400 calibrations of 600 labels at delta = 10 %; a rule that is right is seen above 14 % once in 200 times."""
    random = np.random.default_rng(8)
    scores, wrong, large_wrong = population(random, 200_000)
    lost = wrong.astype(float) - large_wrong
    grid = grid_of(scores[:2000])
    broken, kept_some = 0, 0
    for _ in range(400):
        drawn = random.integers(len(scores), size=600)
        if rule == "joint":
            kept = joint(scores[drawn], wrong[drawn], 0.05, 0.1)
        elif rule == "precision":
            kept = precision(scores[drawn], wrong[drawn], 0.15, 0.1, grid)
        else:
            kept = relative(scores[drawn], lost[drawn], 0.05, 0.1, grid)
        if kept.threshold is None:
            continue
        kept_some += 1
        stays = scores >= kept.threshold
        rate = {"joint": np.mean(stays & wrong), "precision": wrong[stays].mean(), "relative": np.mean(stays * lost)}
        broken += bool(rate[rule] > (0.15 if rule == "precision" else 0.05))
    assert broken <= 56
    assert kept_some > 200


def test_thresholds_of_a_grid_are_tested_from_the_strictest_until_the_first_that_fails() -> None:
    """The second threshold fails, so the third is not looked at, though it would hold."""
    scores = np.array([0.9] * 200 + [0.8] * 60 + [0.7] * 5000)
    wrong = np.array([False] * 200 + [True] * 30 + [False] * 5030)
    kept = precision(scores, wrong, 0.05, 0.05, (0.9, 0.8, 0.7))
    assert (kept.threshold, kept.errors) == (0.9, 0)
    assert precision(scores[:200], wrong[:200], 0.05, 0.05, (0.95,)).threshold is None


def test_a_grid_keeps_the_shares_that_were_asked_for() -> None:
    scores = np.arange(1000) / 1000
    assert [round(float(np.mean(scores >= at)), 3) for at in grid_of(scores, (0.1, 0.25, 1.0))] == [0.1, 0.25, 1.0]
    assert grid_of([0.5] * 40) == (0.5,)
    assert grid_of([]) == ()
