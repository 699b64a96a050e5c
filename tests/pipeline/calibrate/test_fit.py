"""Curves are fitted: their errors are small, and a level leaves its parent only with labels of its own."""

import numpy as np
import pytest
from judged import drafts

from pipeline.calibrate.fit import expected_error, fit_curve, shrunk
from pipeline.calibrate.labels import Label
from pipeline.confidence.curves import Beta, Isotonic, Moved, Platt

sklearn = pytest.importorskip("sklearn", reason="the extra train is not installed")


def columns(labels: list[Label]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label.confidence for label in labels]), np.array([label.right for label in labels], float)


@pytest.mark.parametrize("count", [300, 900, 1000, 5000])
def test_a_fitted_curve_is_nearly_right_on_labels_that_it_has_not_seen(count: int) -> None:
    scores, right = columns(drafts(count, slope=3.0))
    curve = fit_curve(scores, right)
    fresh, truth = columns(drafts(20_000, seed=9, slope=3.0))
    made = [curve.probability(score) for score in fresh]
    assert expected_error(fresh, truth) > 0.08
    assert expected_error(made, truth) < (0.05 if count < 900 else 0.04)


def test_below_a_thousand_labels_it_is_platts_and_that_of_scikit_learn() -> None:
    scores, right = columns(drafts(900, slope=2.0))
    curve = fit_curve(scores, right)
    odds = np.log(scores / (1 - scores))
    from sklearn.linear_model import LogisticRegression

    plain = LogisticRegression(C=np.inf).fit(odds[:, None], right)
    assert isinstance(curve, Platt)
    assert curve.slope == pytest.approx(plain.coef_[0, 0], rel=0.03)
    assert curve.intercept == pytest.approx(plain.intercept_[0], abs=0.03)


def test_with_many_labels_it_may_have_a_shape_that_platts_has_not() -> None:
    """Right with .2 below a score of a half and with .9 above it: a step, which only isotonic can follow."""
    random = np.random.default_rng(5)
    scores = random.random(4000)
    right = (random.random(4000) < np.where(scores > 0.5, 0.9, 0.2)).astype(float)
    curve = fit_curve(scores, right)
    assert isinstance(curve, Isotonic)
    assert curve.probability(0.3) == pytest.approx(0.2, abs=0.06)
    assert curve.probability(0.8) == pytest.approx(0.9, abs=0.06)
    made = [curve.probability(score) for score in (0.0, 0.2, 0.6, 0.8, 1.0)]
    assert made == sorted(set(made))


def test_a_signal_that_says_the_opposite_does_not_turn_the_curve_around() -> None:
    random = np.random.default_rng(6)
    scores = random.random(800)
    right = (random.random(800) > scores).astype(float)
    for count in (800, 800 * 2):
        curve = fit_curve(np.tile(scores, count // 800), np.tile(right, count // 800))
        assert curve.probability(0.9) >= curve.probability(0.1)
        assert curve.probability(0.5) == pytest.approx(0.5, abs=0.1)


def test_without_labels_nothing_is_changed_and_with_one_sided_ones_nothing_is_certain() -> None:
    assert fit_curve([], []) == Platt()
    assert 0.5 < fit_curve([0.2, 0.5, 0.9], [True, True, True]).probability(0.5) < 1.0


@pytest.mark.parametrize(("count", "kind"), [(199, Platt), (200, Moved), (999, Moved), (1000, (Beta, Isotonic))])
def test_a_level_leaves_its_parent_with_200_labels_and_is_on_its_own_from_1000(
    count: int, kind: type | tuple[type, ...]
) -> None:
    parent = Platt(1.0, -1.0)
    curve = shrunk(parent, *columns(drafts(count)))
    assert isinstance(curve, kind)
    assert (curve == parent) == (count < 200)


def test_between_them_it_lies_between_its_parent_and_its_labels() -> None:
    parent = Platt(1.0, -2.0)
    scores, right = columns(drafts(400))
    own, made = fit_curve(scores, right).probability(0.8), shrunk(parent, scores, right).probability(0.8)
    assert parent.probability(0.8) < made < own


def test_the_error_of_probabilities_is_the_mean_distance_over_bins() -> None:
    assert expected_error([0.9] * 100, [True] * 50 + [False] * 50, bins=1) == pytest.approx(0.4)
    assert expected_error([0.2] * 50 + [0.8] * 50, [False] * 50 + [True] * 50, bins=2) == pytest.approx(0.2)
    assert expected_error([], []) == 0.0
