"""The questions of the live run can be answered, graded, and have nothing in common between the halves."""

import json
from dataclasses import replace

import pytest

from evaluation.live.__main__ import _reachable
from evaluation.live.asking import WAYS, Answer
from evaluation.live.cases import KINDS, QUESTIONS, cases
from evaluation.live.summary import summary
from pipeline.contracts import Reply
from pipeline.embedded.demo.cases import Case
from pipeline.embedded.demo.grading import Expected, grade


def reply(**answer: object) -> Reply:
    return Reply(id="a", tenant="default", status="answered", policy_revision="0" * 16, fingerprint="f", **answer)


def perfect(expected: Expected) -> Reply:
    if expected.contains is not None:
        return reply(content=f"It is {expected.contains[0]}.")
    if expected.fields is not None:
        return reply(parsed=expected.fields)
    if expected.label is not None:
        return reply(parsed={"label": expected.label})
    return reply(parsed={"answer": expected.answer})


@pytest.mark.parametrize("half", ["fit", "score"])
def test_each_half_has_forty_questions_of_each_kind(half: str) -> None:
    asked = cases(half)  # type: ignore[arg-type]
    assert {kind: sum(case.kind == kind for case in asked) for kind in KINDS} == dict.fromkeys(KINDS, 40)


def test_no_question_and_no_template_is_in_both_halves() -> None:
    rows = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    halves: dict[str, set[str]] = {}
    for row in rows:
        halves.setdefault(row["group"], set()).add(row["half"])
    assert all(len(found) == 1 for found in halves.values())
    assert len({row["text"] for row in rows}) == len(rows) == 320


@pytest.mark.parametrize("case", [*cases("fit"), *cases("score")], ids=lambda case: case.request.messages[1].content)
def test_a_right_answer_is_graded_right_and_another_one_wrong(case: Case) -> None:
    assert case.expected is not None
    assert grade(case.expected, perfect(case.expected))
    assert not grade(case.expected, reply(content="no", parsed={"answer": -1, "label": "none"}))


@pytest.mark.parametrize("case", [case for case in cases("score") if case.kind == "extraction"], ids=str)
def test_every_field_stands_in_the_text(case: Case) -> None:
    text = str(case.request.messages[1].content)
    assert case.expected is not None
    assert case.expected.fields is not None
    assert all(str(value) in text for value in case.expected.fields.values())


def test_the_summary_counts_each_way_and_compares_with_the_large_model() -> None:
    asked = cases("score")[:4]
    right = {"cascade": (1, 1, 0, 1), "small": (1, 0, 0, 0), "large": (1, 1, 1, 1)}
    took = {"cascade": 0.5, "small": 0.25, "large": 1.0}
    answers = [
        Answer(place, case, way, bool(right[way][place]), took[way], 0.1, way == "large", None)
        for place, case in enumerate(asked)
        for way in WAYS
    ]
    told = summary(answers)["all"]
    assert (told["right_cascade"], told["right_small"], told["right_large"]) == (3, 1, 4)
    assert (told["quality"], told["time"], told["cost"]) == (0.75, 0.5, 1.0)
    slower = [replace(answer, seconds=2.0) if answer.way == "cascade" else answer for answer in answers]
    assert summary(slower)["all"]["time"] == 2.0


def test_the_oracle_keeps_the_right_drafts_and_asks_the_large_model_at_once_for_the_others() -> None:
    right = {"cascade": (1, 1, 0, 1), "small": (1, 0, 0, 1), "large": (0, 1, 0, 1)}
    took = {"cascade": 2.0, "small": 0.5, "large": 1.0}
    paid = {"cascade": 0.2, "small": 0.0, "large": 0.1}
    answers = [
        Answer(place, case, way, bool(right[way][place]), took[way], paid[way], False, None)
        for place, case in enumerate(cases("score")[:4])
        for way in WAYS
    ]
    told = summary(answers)["all"]
    assert (told["right_oracle"], told["seconds_oracle"]) == (3, 3.0)
    assert (told["quality_oracle"], told["time_oracle"], told["cost_oracle"]) == (1.5, 0.75, 0.5)
    low, high = told["time_oracle_interval"]
    assert 0.5 <= low <= 0.75 <= high <= 1.0
    assert "time 0.75" in _reachable(told)


def test_without_the_small_model_alone_there_is_no_oracle() -> None:
    answers = [
        Answer(place, case, way, True, 1.0, 0.1, False, None)
        for place, case in enumerate(cases("score")[:2])
        for way in WAYS
        if way != "small"
    ]
    told = summary(answers)["all"]
    assert not any("oracle" in name for name in told)
    assert "left out" in _reachable(told)
