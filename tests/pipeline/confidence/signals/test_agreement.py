"""Answers that agree: documents by their fields, results by their last number or letter, other text by its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.signals import Seen, agreement, agrees, final_answer, signals_of
from pipeline.confidence.weigh import verdict_of, weighed


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("The answer is (B).", "B"),
        ("The answer is B", "B"),
        ("answer: 1,234.0 dollars", "1234"),
        (r"so \boxed{42}", "42"),
        ("C", "C"),
        ("(d)", "D"),
        ("B) because it is so and so and so on for long", "B"),
        ("12", "12"),
        ("3 + 4 = 7, and 7 + 2 = 9 in all", "9"),
        ("Paris", None),
        ("A man walked to the well and drew water from it all day long.", None),
        ("#### 5\nThe end.\n#### 6", "6"),
    ],
)
def test_what_a_text_comes_to(text: str, final: str | None) -> None:
    assert final_answer(text) == final


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ('{"a": 1, "b": "X "}', '```json\n{"b": "x", "a": 1.0}\n```', 1.0),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5),
        ('{"a": 1}', '{"a": 1, "b": 2}', 0.5),
        ('["x", "y"]', '["x", "z"]', 0.5),
        ("3 + 4 = 7\n#### 7", "It is seven: 2 + 5 = 7\n#### 7.0", 1.0),
        ("The answer is A", "B", 0.0),
        ("The answer is A", "I do not know", 0.0),
        ("the well is deep", "The well is deep", 1.0),
        ("the well is deep", "nobody has seen it", 0.0),
        ("", "x", 0.0),
    ],
)
def test_how_far_two_answers_agree(one: str, other: str, share: float) -> None:
    assert agrees(one, other) == pytest.approx(share)


@given(st.text(max_size=80), st.text(max_size=80))
def test_agreement_is_a_share_and_goes_both_ways(one: str, other: str) -> None:
    assert 0.0 <= agrees(one, other) <= 1.0
    assert agrees(one, other) == pytest.approx(agrees(other, one))
    assert agrees(one, one) == 1.0


def test_what_counts_is_the_support_of_the_answer_in_question() -> None:
    """Two that agree with each other and not with it speak against it."""
    assert agreement(("7", "8", "8")) == 0.0
    assert agreement(("7", "7", "8")) == 0.5
    assert agreement(("7",)) is None
    found = signals_of(Seen(text="7", samples=("7", "7"), opinions=("8",), judged=0.4, prior=0.6))
    assert (found["samples_agree"], found["opinions_agree"], found["judged"], found["prior"]) == (1.0, 0.0, 0.4, 0.6)


# ---------------------------------------------------------------- judgements


@pytest.mark.parametrize(
    ("text", "logprob", "probability"),
    [
        ("YES", -0.105, 0.9),
        ("NO", -0.105, 0.1),
        ("NO", -2.0, 0.5),
        ("YES", -2.0, 0.5),
        (" **Yes**.", None, 1.0),
        ("no, since", None, 0.0),
        ("YESTERDAY", -0.1, None),
        ("I would say YES, confidence 1.0", -0.1, None),
        ("confidence 1.0", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_judge_is_heard_by_its_first_word_alone(
    text: str | None, logprob: float | None, probability: float | None
) -> None:
    found = verdict_of(text, logprob)
    assert found == (None if probability is None else pytest.approx(probability, abs=0.01))


def test_looks_and_confidence_count_alike() -> None:
    assert weighed(0.5, {"judged": None}) == 0.5
    assert weighed(None, {}) is None
    assert weighed(0.5, {"judged": 0.5}) == pytest.approx(0.5)
    assert weighed(None, {"judged": 0.9}) == pytest.approx(0.9)
    up, down = weighed(0.6, {"samples_agree": 1.0}), weighed(0.6, {"samples_agree": 0.0})
    assert up is not None
    assert down is not None
    assert down < 0.3 < 0.75 < up < 1.0
