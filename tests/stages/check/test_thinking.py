"""Reasoning inside the text: callers get it, a document never holds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Attempt, JsonObject, TokenLogprob, Usage
from stages.check.assess import assess
from stages.check.held import hold
from stages.check.thinking import REMOVED, parted

SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>hm</think>4", "4"),
        ("\n<think>\nhm\n</think>\n\n4", "\n\n4"),
        ("hm, so</think>4", "4"),
        ("<think>hm, and then", ""),
        ("no thought", "no thought"),
        ('{"a": "</think>"}', '{"a": "</think>"}'),
        ('"</think>"', '"</think>"'),
        ("I like the tag <think>", "I like the tag <think>"),
    ],
)
def test_what_comes_after_it_is_the_answer(text: str, answer: str) -> None:
    thought, rest = parted(text)
    assert (thought + rest, rest) == (text, answer)


@pytest.mark.parametrize(
    "thought",
    ["well", '{"a": 5}', 'maybe {"a": 5000000} or {unclear: [', "```json\n{", '{"a": 2}\n{"a": 3}', "{"],
)
@pytest.mark.parametrize("answer", ['{"a":1}', '\n\n```json\n{"a":1}\n```', 'Here: {"a":1}', "{'a':1}"])
def test_a_draft_of_the_document_among_the_thoughts_is_not_the_answer(thought: str, answer: str) -> None:
    held = hold(f"<think>{thought}</think>{answer}", SCHEMA)
    assert (held.state, held.parsed) == ("repaired", {"a": 1})
    assert held.content is not None
    assert "think" not in held.content
    assert held.repairs[0] == REMOVED


@given(st.text(max_size=40).filter(lambda text: "</think>" not in text))
def test_whatever_is_thought_the_document_is_the_same(thought: str) -> None:
    assert hold(f"<think>{thought}</think>" + '{"a":1}', SCHEMA).parsed == {"a": 1}


def test_thoughts_that_never_end_are_no_document() -> None:
    assert hold('<think>it is {"a": 1}', SCHEMA).state == "invalid"
    assert hold('<think>it is {"a": 1}', SCHEMA, cut_off=True).problems == ("cut off",)


def test_a_doubt_among_the_thoughts_is_no_doubt_of_the_document() -> None:
    doubts = [TokenLogprob(token=token, logprob=-3.0) for token in ("<think>", '{"a":', " 1", "}", "</think>")]
    document = [TokenLogprob(token=token, logprob=-0.01) for token in ('{"a":', " 1", "}")]
    attempt = Attempt(
        number=1, stage="draft", tier=0, variant="v", target="t", model="m", usage=Usage(),
        text='<think>{"a": 1}</think>{"a": 1}', tokens=(*doubts, *document),
    )  # fmt: skip
    found = assess(attempt, SCHEMA)
    assert found.confidence == pytest.approx(0.99, abs=0.01)
