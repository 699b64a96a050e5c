"""Curves: increasing, within the probabilities, and the same after they were written down."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.curves import CLIP, Beta, BrokenCurve, Curve, Isotonic, Moved, Platt, read_curve

SCORES = st.floats(0, 1)
SLOPES = st.floats(1e-3, 100)
SHIFTS = st.floats(-100, 100)
KNOTS = st.lists(st.floats(0, 1), min_size=1, max_size=12, unique=True).map(sorted)
ISOTONIC = KNOTS.flatmap(
    lambda x: st.lists(st.floats(0, 1), min_size=len(x), max_size=len(x)).map(
        lambda y: Isotonic(tuple(x), tuple(sorted(y)))
    )
)
SINGLE = st.one_of(st.builds(Platt, SLOPES, SHIFTS), st.builds(Beta, SLOPES, SLOPES, SHIFTS), ISOTONIC)
CURVES = st.one_of(SINGLE, st.builds(Moved, SINGLE, SLOPES, SHIFTS))


@given(CURVES, SCORES, SCORES)
def test_a_surer_answer_is_never_the_less_probable_one(curve: Curve, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert curve.probability(low) <= curve.probability(high) + 1e-12


@given(CURVES, SCORES)
def test_nothing_is_certain(curve: Curve, score: float) -> None:
    """So a threshold of 1 is reached by nothing."""
    assert CLIP <= curve.probability(score) <= 1 - CLIP


@given(CURVES, SCORES)
def test_a_curve_is_the_same_after_it_was_written_down(curve: Curve, score: float) -> None:
    again = read_curve(orjson.loads(orjson.dumps(curve.document())))
    assert again == curve
    assert again.probability(score) == curve.probability(score)


@given(st.floats(0.001, 0.999))
def test_beta_with_two_like_slopes_is_platt(score: float) -> None:
    assert Beta(1.3, 1.3, -0.2).probability(score) == pytest.approx(Platt(1.3, -0.2).probability(score), rel=1e-9)


def test_platt_is_a_straight_line_between_log_odds() -> None:
    assert Platt(2.0, math.log(3)).probability(0.5) == pytest.approx(0.75)
    assert Moved(Platt(2.0, 0.0), 0.5, 0.0).probability(0.9) == pytest.approx(0.9)


def test_isotonic_is_straight_between_its_knots_and_level_beyond() -> None:
    curve = Isotonic((0.2, 0.6), (0.1, 0.9))
    assert [curve.probability(score) for score in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0.1, 0.1, 0.5, 0.9, 0.9])


@pytest.mark.parametrize(
    ("document", "because"),
    [
        ({"kind": "spline"}, "kind: must be platt, beta, isotonic, moved"),
        ({"kind": "platt", "slope": 0, "intercept": 0}, "slope: must be more than 0"),
        ({"kind": "platt", "slope": -1, "intercept": 0}, "slope: must be more than 0"),
        ({"kind": "platt", "slope": True, "intercept": 0}, "slope: must be a number"),
        ({"kind": "platt", "slope": 1}, "intercept: the key is missing"),
        ({"kind": "platt", "slope": 1, "intercept": 0, "x": 1}, "x: no such key in a curve of kind platt"),
        ({"kind": "beta", "a": -0.1, "b": 1, "c": 0}, "a: must be from 0 to 100"),
        ({"kind": "beta", "a": 0, "b": 0, "c": 0}, "a: a and b must not both be 0"),
        ({"kind": "isotonic", "x": [0.1, 0.1], "y": [0, 1]}, "x: must increase"),
        ({"kind": "isotonic", "x": [0.1, 0.2], "y": [0.5, 0.4]}, "y: must not decrease"),
        ({"kind": "isotonic", "x": [0.1, 0.2], "y": [0.5]}, "y: must have as many numbers as x"),
        ({"kind": "isotonic", "x": [], "y": []}, "x: must be a list"),
        ({"kind": "isotonic", "x": [0.1], "y": [1.5]}, "y: must hold numbers from 0 to 1"),
        ({"kind": "isotonic", "x": [0.1], "y": [math.nan]}, "y: must hold numbers from 0 to 1"),
        ({"kind": "moved", "base": 3, "slope": 1, "intercept": 0}, "base: must be a curve"),
    ],
)
def test_what_is_no_increasing_curve_is_refused(document: dict[str, Any], because: str) -> None:
    with pytest.raises(BrokenCurve) as caught:
        read_curve(document)
    assert str(caught.value).startswith(because)


def test_curves_are_not_nested_without_end() -> None:
    document: dict[str, Any] = {"kind": "platt", "slope": 1, "intercept": 0}
    for _ in range(9):
        document = {"kind": "moved", "base": document, "slope": 1, "intercept": 0}
    with pytest.raises(BrokenCurve, match="nested deeper"):
        read_curve(document)
