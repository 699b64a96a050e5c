"""Scores learned from signals: trees say what scikit-learn's say, and what is learned orders rows not seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.calibrate.learn import Settings, learn, unseen
from pipeline.calibrate.trees import Growth, boosted
from pipeline.errors import InvalidRequest

SMALL = Settings(growth=Growth(trees=20, depth=2, seeds=1), folds=3)
Numbers = NDArray[np.float64]


def _rows(size: int, seed: int = 1) -> tuple[dict[str, Numbers], Numbers, Numbers]:
    """Signals of which `agrees` says much and `noise` nothing, whether the draft is right, and the large model."""
    chance = np.random.default_rng(seed)
    agrees, noise = chance.random(size), chance.random(size)
    right = (chance.random(size) < agrees).astype(np.float64)
    strong = (chance.random(size) < 0.9).astype(np.float64)
    return {"agrees": np.where(chance.random(size) < 0.1, np.nan, agrees), "noise": noise}, right, strong


def _ranks_right_first(scores: Numbers, right: Numbers) -> float:
    above = scores[right == 1.0][:, None] - scores[right == 0.0][None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def test_exported_trees_say_what_the_fitted_ones_say() -> None:
    """The score as data is the fitted model, not something near it."""
    from sklearn.ensemble import GradientBoostingRegressor

    chance = np.random.default_rng(3)
    table = chance.random((300, 3))
    target = table[:, 0] * table[:, 1] + 0.1 * chance.random(300)
    growth = Growth(trees=15, depth=3, rate=0.1, share=0.7, leaf=5, seeds=2)
    score = boosted(table, target, ("a", "b", "c"), (0.0, 0.0, 0.0), growth, seed=11)
    fitted = [
        GradientBoostingRegressor(
            n_estimators=15, max_depth=3, learning_rate=0.1, subsample=0.7, min_samples_leaf=5, random_state=11 + place
        )
        .fit(table, target)
        .predict(table)
        for place in range(2)
    ]
    columns = {"a": table[:, 0], "b": table[:, 1], "c": table[:, 2]}
    assert np.allclose(score.rows(columns), np.mean(fitted, axis=0), atol=1e-7)


def test_a_learned_probability_orders_and_fits_answers_not_seen() -> None:
    """Right answers come first, and the probability is about the share that is right."""
    columns, right, _ = _rows(600)
    others, outcome, _ = _rows(600, seed=2)
    said = learn(columns, right, settings=SMALL).rows(others)
    assert _ranks_right_first(said, outcome) > 0.75
    assert said.min() > 0.0
    assert said.max() < 1.0
    assert abs(said.mean() - outcome.mean()) < 0.06


def test_a_learned_gain_is_high_where_the_small_model_fails() -> None:
    """The gain is the large model's quality less the small one's."""
    columns, right, strong = _rows(600)
    others, outcome, _ = _rows(600, seed=2)
    said = learn(columns, right, strong, SMALL).rows(others)
    assert _ranks_right_first(-said, outcome) > 0.75


def test_the_same_rows_and_seed_make_the_same_score() -> None:
    """A calibration can be repeated."""
    columns, right, _ = _rows(200)
    assert learn(columns, right, settings=SMALL) == learn(columns, right, settings=SMALL)


def test_scores_out_of_fold_do_not_know_their_own_rows() -> None:
    """Labels that are pure chance are not found again."""
    chance = np.random.default_rng(5)
    columns = {f"noise{place}": chance.random(400) for place in range(5)}
    right = (chance.random(400) < 0.5).astype(np.float64)
    folds = np.arange(400) % 4
    assert _ranks_right_first(unseen(columns, right, folds, settings=SMALL), right) < 0.6


@pytest.mark.parametrize("size", [0, 10])
def test_too_few_answers_teach_nothing(size: int) -> None:
    """It says how many it needs."""
    columns, right, _ = _rows(size)
    with pytest.raises(InvalidRequest, match="40 labelled answers"):
        learn(columns, right)


def test_answers_that_are_all_right_teach_nothing() -> None:
    """There is nothing to tell apart."""
    columns, right, _ = _rows(100)
    with pytest.raises(InvalidRequest, match="not all are alike"):
        learn(columns, np.ones_like(right))
