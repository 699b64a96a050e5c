"""A floor of quality against the large model is kept with the confidence that was asked for, or not promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.floors import FEWEST, floor_threshold


def drawn(count: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Requests whose score is how likely the draft is right; the large model is right in nine of ten."""
    scores = chance.random(count)
    return scores, (chance.random(count) < scores) * 1.0, (chance.random(count) < 0.9) * 1.0


def served(threshold: float | None, scores: np.ndarray, small: np.ndarray, large: np.ndarray) -> float:
    stays = np.zeros(len(scores), bool) if threshold is None else scores >= threshold
    return float(np.where(stays, small, large).mean())


@pytest.mark.parametrize("floor", [0.90, 0.95, 0.98])
def test_a_floor_is_missed_no_oftener_than_promised(floor: float) -> None:
    chance = np.random.default_rng(11)
    missed, runs = 0, 400
    for _ in range(runs):
        found = floor_threshold(*drawn(600, chance), floor, 0.1)
        scores, small, large = drawn(600, chance)
        missed += served(found.threshold, scores, small, large) < floor * large.mean()
    assert missed <= 0.1 * runs + 3 * (0.09 * runs) ** 0.5


def test_without_a_margin_it_would_be_missed_every_other_time() -> None:
    chance = np.random.default_rng(11)
    missed = 0
    for _ in range(200):
        found = floor_threshold(*drawn(600, chance), 0.95, 0.5)
        scores, small, large = drawn(600, chance)
        missed += served(found.threshold, scores, small, large) < 0.95 * large.mean()
    assert missed > 50


def test_more_labels_and_an_endless_stretch_need_less_margin() -> None:
    scores, small, large = drawn(4000, np.random.default_rng(3))
    whole = floor_threshold(scores, small, large, 0.95, 0.05)
    few = floor_threshold(scores[:500], small[:500], large[:500], 0.95, 0.05)
    endless = floor_threshold(scores, small, large, 0.95, 0.05, ahead=10**9)
    assert endless.escalated < whole.escalated < few.escalated


def test_few_labels_promise_nothing_and_it_is_said() -> None:
    ones = np.ones(FEWEST - 1)
    found = floor_threshold(ones, ones, ones, 0.9, 0.05)
    assert found.threshold is None
    assert found.escalated == 1.0
    assert "cannot be promised" in found.sentence
    assert "everything is escalated" in found.sentence


def test_drafts_that_are_never_right_are_all_escalated() -> None:
    found = floor_threshold(np.linspace(0, 1, 500), np.zeros(500), np.ones(500), 0.999, 0.05)
    assert found.threshold is None
    assert "no draft is sure enough" in found.sentence


def test_drafts_that_are_always_right_all_stay() -> None:
    found = floor_threshold(np.linspace(0, 1, 500), np.ones(500), np.ones(500), 0.9, 0.05)
    assert found.threshold == 0.0
    assert found.escalated == 0.0
    assert "90%" in found.sentence


@given(st.integers(0, 10_000), st.sampled_from([2, 5, 50]))
def test_scores_of_one_value_stay_or_leave_together(seed: int, values: int) -> None:
    chance = np.random.default_rng(seed)
    scores, small, large = drawn(200, chance)
    coarse = np.floor(scores * values) / values
    found = floor_threshold(coarse, small, large, 0.9, 0.1)
    if found.threshold is not None:
        assert found.escalated == pytest.approx(float((coarse < found.threshold).mean()))
        assert served(found.threshold, coarse, small, large) >= 0.9 * large.mean()


@given(st.integers(0, 10_000))
def test_a_higher_floor_never_escalates_less(seed: int) -> None:
    scores, small, large = drawn(300, np.random.default_rng(seed))
    shares = [floor_threshold(scores, small, large, floor, 0.05).escalated for floor in (0.8, 0.9, 0.98)]
    assert shares == sorted(shares)
