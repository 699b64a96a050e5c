"""A learned score as data: it says the same of one answer and of many, and a file that cannot be is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.score import Blend, Linear, Part, Trees, column, parse_score, scorer, signals_of

LINEAR = Linear(inputs=("a", "a?", "b"), fill=(0.5, 0.0, 0.25), weights=(1.0, -2.0, 4.0), intercept=0.125)
TREES = Trees(
    inputs=("b", "a?"),
    fill=(0.25, 0.0),
    base=0.5,
    roots=(0, 5),
    split=(0, -1, 1, -1, -1, -1),
    limit=(0.4, 0.0, 0.5, 0.0, 0.0, 0.0),
    left=(1, 1, 3, 3, 4, 5),
    right=(2, 2, 4, 3, 4, 5),
    value=(0.0, 1.0, 0.0, 2.0, 3.0, 10.0),
)
BLEND = Blend(
    parts=(Part(score=LINEAR, weight=0.5, mean=1.0, deviation=2.0), Part(score=TREES, weight=-1.0)),
    intercept=0.25,
    link="logistic",
)
VALUE = st.none() | st.floats(-2.0, 2.0)


def test_a_linear_score_is_the_weighted_sum_and_fills_what_is_missing() -> None:
    """A missing signal counts as its fill value, and its absence weighs as well."""
    of = scorer(LINEAR)
    assert of({"a": 1.0, "b": 0.5}) == pytest.approx(1.0 + 2.0 + 0.125)
    assert of({"b": None}) == pytest.approx(0.5 - 2.0 + 1.0 + 0.125)


def test_trees_lead_to_their_leaves() -> None:
    """Up to the limit a node leads left; leaves of all trees are added to the base."""
    of = scorer(TREES)
    assert of({"a": 1.0, "b": 0.4}) == pytest.approx(0.5 + 1.0 + 10.0)
    assert of({"a": 1.0, "b": 0.41}) == pytest.approx(0.5 + 2.0 + 10.0)
    assert of({"b": 0.41}) == pytest.approx(0.5 + 3.0 + 10.0)


@given(st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=20))
def test_one_answer_and_many_are_scored_alike(rows: list[tuple[float | None, float | None]]) -> None:
    """What decides in production is what was fitted and measured."""
    columns = {"a": column([a for a, _ in rows]), "b": column([b for _, b in rows])}
    for score in (LINEAR, TREES, BLEND):
        of = scorer(score)
        alone = [of({"a": a, "b": b}) for a, b in rows]
        assert np.allclose(score.rows(columns), alone, rtol=1e-12, atol=1e-12)


def test_a_logistic_blend_stays_a_probability_however_far_its_sum() -> None:
    """Neither 0 nor 1 is ever said."""
    steep = Blend(parts=(Part(score=LINEAR, weight=1e6),), link="logistic")
    for b in (-9.0, 9.0):
        assert 0.0 < scorer(steep)({"a": 0.0, "b": b}) < 1.0


def test_a_score_tells_which_signals_it_asks_for() -> None:
    """Inputs that ask for an absence name the same signal."""
    assert signals_of(BLEND) == ("a", "b")


@pytest.mark.parametrize("score", [LINEAR, TREES, BLEND])
def test_a_score_survives_its_json_form(score: Linear | Trees | Blend) -> None:
    """What is written is what is read."""
    assert parse_score(score.model_dump(mode="json")) == score


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "forest"}, "forest"),
        ({"roots": [9]}, "begins at a node"),
        ({"left": [0, 1, 3, 3, 4, 5]}, "later node"),
        ({"split": [2, -1, 1, -1, -1, -1]}, "input that there is not"),
        ({"fill": [0.5]}, "one fill value"),
        ({"base": float("nan")}, "base"),
    ],
)
def test_a_score_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    """A walk through it always ends, and never leaves its columns."""
    with pytest.raises(ValueError, match=said):
        parse_score({**TREES.model_dump(mode="json"), **change})
