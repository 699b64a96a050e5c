"""What a model reasons beside its answer: collected whole or in pieces, bounded, and apart from what is weighed."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.answer import Collected, whole
from pipeline.adapters.models.reasoning import LONGEST, Reasoning, reasoning_in
from pipeline.adapters.models.settle import succeeded
from pipeline.contracts import MadeFor, Usage
from pipeline.ports import Completion

FINISH = {"latency_ms": 1.0, "first_token_ms": None, "calls": 1}


def plain(message: dict[str, object], **others: object) -> bytes:
    return orjson.dumps({"choices": [{"message": message, "finish_reason": "stop", **others}]})


def chunk(delta: dict[str, object], *scored: tuple[str, float]) -> bytes:
    content = [{"token": token, "logprob": score} for token, score in scored]
    return orjson.dumps({"choices": [{"delta": delta, "logprobs": {"content": content}}]})


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_it_is_read_under_either_name(name: str) -> None:
    done = whole(plain({"content": "4", name: "2 and 2"}), "m").completion(**FINISH)
    assert (done.text, done.reasoning) == ("4", "2 and 2")


def test_an_endpoint_that_says_it_under_both_names_said_it_once() -> None:
    assert reasoning_in({"reasoning_content": "so", "reasoning": "so"}) == "so"


@pytest.mark.parametrize("said", [None, "", {"effort": "low"}, ["so"], 3])
def test_what_is_no_text_is_no_reasoning_and_no_trouble(said: object) -> None:
    done = whole(plain({"content": "4", "reasoning": said}), "m").completion(**FINISH)
    assert (done.text, done.reasoning) == ("4", None)


@given(st.text(max_size=60), st.text(max_size=60), st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_streamed_in_any_pieces_it_is_what_it_is_whole(text: str, thought: str, cuts: list[int], later: bool) -> None:
    def cut(value: str) -> list[str]:
        edges = sorted({0, len(value), *(at for at in cuts if at < len(value))})
        return [value[a:b] for a, b in pairwise(edges)]

    thoughts = [{"reasoning_content": piece} for piece in cut(thought)]
    texts = [{"content": piece} for piece in cut(text)]
    collected, seen = Collected("m"), ""
    for delta in (*texts, *thoughts) if later else (*thoughts, *texts):
        collected.feed(chunk(delta))
        seen += collected.reasoned()
    done = collected.completion(**FINISH)
    assert (done.text, done.reasoning or "", seen) == (text, thought, thought)


def test_an_answer_that_reasons_has_begun_so_that_its_next_token_is_waited_for_and_not_its_first() -> None:
    collected = Collected("m")
    collected.feed(chunk({"role": "assistant", "content": ""}))
    assert not collected.begun
    collected.feed(chunk({"reasoning_content": "well"}))
    assert collected.begun


def test_scores_that_come_with_reasoning_are_not_those_of_the_answer() -> None:
    collected = Collected("m")
    collected.feed(chunk({"reasoning_content": "4?"}, ("4", -3.0), ("?", -3.0)))
    assert not collected.scored, "a gate that reads along sees none of it"
    collected.feed(chunk({"content": "4"}, ("4", -0.1)))
    assert [(token.token, token.logprob) for token in collected.scored] == [("4", -0.1)]
    assert collected.generated == 3, "generated it was"
    assert collected.completion(**FINISH).tokens == tuple(collected.scored)


def test_of_a_whole_answer_only_the_scores_of_its_text_are_kept() -> None:
    scores = [{"token": token, "logprob": -1.0} for token in ("<think>", "It", " is", " 4", "</think>", "4")]
    said = plain({"content": "4", "reasoning_content": "It is 4"}, logprobs={"content": scores})
    done = whole(said, "m").completion(**FINISH)
    assert [token.token for token in done.tokens or ()] == ["</think>", "4"]


@given(st.lists(st.text(max_size=40_000), max_size=6))
def test_it_is_bounded_and_what_is_kept_is_its_beginning(pieces: list[str]) -> None:
    kept = Reasoning()
    for piece in (*pieces, "é" * 50_000, "é" * 50_000, "x"):
        kept.add(piece)
    said = "".join((*pieces, "é" * 50_000, "é" * 50_000, "x"))
    assert len(kept.text.encode("utf-8", "replace")) <= LONGEST
    assert said.encode("utf-8", "replace").decode().startswith(kept.text)


@pytest.mark.parametrize(("kind", "kept"), [("answer", "so"), ("repair", "so"), ("judge", None), ("samples", None)])
def test_an_attempt_keeps_it_where_its_answer_may_be_served(kind: MadeFor, kept: str | None) -> None:
    what = {"number": 1, "stage": "draft", "made_for": kind, "tier": 0, "variant": "v", "target": "t"}
    attempt = succeeded(what, Completion("m", "4", "stop", Usage(), reasoning="so"), None)
    assert attempt.reasoning == kept
