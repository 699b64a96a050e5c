"""Responses as objects and as streams, read with the types of the official client."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from chats import replies
from fakes_door import answered, ended
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from pipeline.contracts import Chunk, Reply, Request, ToolCall
from pipeline.contracts.scores import Alternative, TokenLogprob
from pipeline.errors import TransportUnavailable
from pipeline.gateway.problems import problem_of_error
from pipeline.gateway.responses_api import response_object
from pipeline.gateway.responses_api.events import ResponseEvents

OFFICIAL: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ASKED: dict[str, Any] = {
    "instructions": "be brief",
    "temperature": 0.5,
    "tools": [{"type": "function", "name": "add", "parameters": {}}],
    "text": {"verbosity": "low"},
    "metadata": {"task": "sum"},
}
REQUEST = Request(id="r1", input="hi")


def read(sent: bytes) -> list[dict[str, Any]]:
    """The events of a stream: each has its name twice, is one that the official client knows, and is in its place."""
    events = []
    for place, block in enumerate(sent.split(b"\n\n")[:-1]):
        name, data = block.split(b"\n")
        event = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == place
        OFFICIAL.validate_python(event)
        events.append(event)
    return events


def streamed(*items: Chunk | Reply) -> list[dict[str, Any]]:
    events = ResponseEvents("r1", 7, "auto", ASKED)
    return read(b"".join(events.chunk(item) if isinstance(item, Chunk) else events.end(item) for item in items))


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


TEXT = ["output_text.done", "content_part.done", "output_item.done"]
BEGUN = ["created", "in_progress", "output_item.added", "content_part.added"]


def test_a_text_comes_as_the_api_has_it() -> None:
    events = streamed(Chunk(seq=0, text="fo"), Chunk(seq=1, text="ur"), answered(REQUEST))
    assert names(events) == [*BEGUN, "output_text.delta", "output_text.delta", *TEXT, "completed"]
    assert events[0]["response"]["status"] == "in_progress"
    assert [event["delta"] for event in events if "delta" in event] == ["fo", "ur"]
    assert events[6]["text"] == "four"
    assert events[-1]["response"]["status"] == "completed"
    assert events[-1]["response"]["model"] == "qwen2.5"
    assert events[-1]["response"]["stepwell"]["variant"] == "small"


def test_thoughts_and_calls_are_items_of_their_own() -> None:
    call = ToolCall(id="c1", function={"name": "add", "arguments": '{"a":2}'})
    reply = answered(REQUEST, "wait", reasoning="2 and 2", tool_calls=(call,), finish_reason="tool_calls")
    events = streamed(Chunk(seq=0, text="", reasoning="2 and"), Chunk(seq=1, text="", reasoning=" 2"), reply)
    reasoning = ["reasoning_text.done", "content_part.done", "output_item.done"]
    calls = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    assert names(events) == [
        *BEGUN,
        "reasoning_text.delta",
        "reasoning_text.delta",
        *reasoning,
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        *TEXT,
        *calls,
        "completed",
    ]
    assert events[-1]["response"]["output"] == response_object(reply, 7, ASKED)["output"]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.added"] == [0, 1, 2]


def test_thoughts_that_come_after_the_text_has_begun_wait_for_its_end() -> None:
    late = Chunk(seq=1, text="", reasoning="hm")
    events = streamed(Chunk(seq=0, text="fo"), late, Chunk(seq=2, text="ur"), answered(REQUEST, reasoning="hm, yes"))
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message", "reasoning"]
    assert events[-1]["response"]["output"][1]["content"][0]["text"] == "hm, yes"


def test_an_answer_that_was_not_streamed_comes_with_its_end() -> None:
    events = streamed(answered(REQUEST))
    assert names(events) == [*BEGUN, "output_text.delta", *TEXT, "completed"]


def test_an_empty_piece_begins_no_message() -> None:
    call = ToolCall(id="c1", function={"name": "add", "arguments": "{}"})
    reply = answered(REQUEST, None, tool_calls=(call,), finish_reason="tool_calls")
    events = streamed(Chunk(seq=0, text=""), reply)
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["function_call"]


def test_an_empty_answer_is_an_empty_message() -> None:
    events = streamed(answered(REQUEST, None))
    assert names(events) == [*BEGUN, *TEXT, "completed"]
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


@pytest.mark.parametrize(("word", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_is_not_whole_is_incomplete(word: str, reason: str) -> None:
    events = streamed(answered(REQUEST, finish_reason=word))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("deadline_exceeded", "server_error"),
        ("rate_limited", "rate_limit_exceeded"),
        ("invalid_request", "invalid_prompt"),
    ],
)
def test_a_failure_in_the_middle_ends_the_response_and_is_an_error_that_clients_raise(code: str, word: str) -> None:
    *_, failed, error = streamed(Chunk(seq=0, text="fo"), ended(REQUEST, "failed", code))
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", word)
    assert failed["response"]["output"][0]["status"] == "incomplete"
    assert (error["type"], error["code"], error["error"]["code"]) == ("error", code, code)


def test_another_answer_than_was_begun_is_lost() -> None:
    *_, error = streamed(Chunk(seq=0, text="three"), answered(REQUEST))
    assert error["code"] == "answer_lost"


def test_a_stream_that_breaks_off_without_a_reply_names_its_request() -> None:
    events = ResponseEvents("r1", 7, "auto", {})
    sent = events.chunk(Chunk(seq=0, text="fo")) + events.broke_off(problem_of_error(TransportUnavailable("gone")))
    *_, failed, error = read(sent)
    assert failed["response"]["stepwell"]["request_id"] == "r1"
    assert failed["response"]["stepwell"]["cost_usd"] is None
    assert error["code"] == "transport_unavailable"


def test_nothing_goes_on_after_a_gap_and_the_reply_brings_the_rest() -> None:
    events = streamed(Chunk(seq=0, text="fo"), Chunk(seq=2, text="r"), answered(REQUEST))
    assert [event["delta"] for event in events if "delta" in event] == ["fo", "ur"]


def test_a_response_repeats_what_was_asked_and_is_one_of_the_official_type() -> None:
    response = Response.model_validate(response_object(answered(REQUEST), 7, ASKED))
    assert response.instructions == "be brief"
    assert response.text is not None
    assert (response.text.verbosity, response.text.format.type) == ("low", "text")  # type: ignore[union-attr]
    assert response.id == "resp_r1"
    assert response.output_text == "four"
    assert response.usage is not None
    assert (response.usage.total_tokens, response.usage.input_tokens_details.cached_tokens) == (15, 4)


def test_log_probabilities_come_with_the_end_of_the_text() -> None:
    likely = Alternative(token="four", logprob=-0.1)
    reply = answered(REQUEST, logprobs=(TokenLogprob(token="four", logprob=-0.1, alternatives=(likely,)),))
    events = ResponseEvents("r1", 7, "auto", {}, logprobs=True)
    told = read(events.chunk(Chunk(seq=0, text="four")) + events.end(reply))
    scored = {"token": "four", "logprob": -0.1, "bytes": [102, 111, 117, 114]}
    assert told[-1]["response"]["output"][0]["content"][0]["logprobs"] == [{**scored, "top_logprobs": [scored]}]
    assert told[-1]["response"]["output"] == response_object(reply, 7, {})["output"]
    assert "lossy" not in told[-1]["response"]["stepwell"]


def test_log_probabilities_that_a_model_does_not_give_are_said_to_be_missing() -> None:
    events = ResponseEvents("r1", 7, "auto", {}, logprobs=True)
    assert read(events.end(answered(REQUEST)))[-1]["response"]["stepwell"]["lossy"] == [
        "include.message.output_text.logprobs"
    ]


def test_pieces_are_of_like_size_where_that_is_asked_for() -> None:
    events = ResponseEvents("r1", 7, "auto", {}, obfuscate=True)
    events.chunk(Chunk(seq=0, text="a"))
    sizes = {len(events.chunk(Chunk(seq=place + 1, text=text))) for place, text in enumerate(["b", "three", "sixteen"])}
    assert len(sizes) == 1


@settings(max_examples=40, deadline=None)
@given(reply=replies(), cuts=st.lists(st.integers(0, 12), max_size=3), data=st.data())
def test_a_stream_adds_up_to_the_response_in_one_piece(reply: Reply, cuts: list[int], data: st.DataObject) -> None:
    thoughts, text = reply.reasoning or "", reply.content or ""
    told = [Chunk(seq=0, text="", reasoning=thoughts)] if thoughts and data.draw(st.booleans()) else []
    if told or not thoughts:
        edges = [0, *sorted(min(cut, len(text)) for cut in cuts)]
        pieces = [text[start:end] for start, end in pairwise(edges)]
        told += [Chunk(seq=len(told) + place, text=piece) for place, piece in enumerate(pieces)]
    events = streamed(*told, reply)
    whole, last = response_object(reply, 7, ASKED), events[-1]["response"]
    Response.model_validate(whole)
    ids = {"id": "resp_r1", "completed_at": last["completed_at"]}
    same = {name: value for name, value in whole.items() if name not in ("output", *ids)}
    assert same.items() <= last.items()
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert last["output"] == done
    assert [{**item, "id": ""} for item in done if item.get("content") != [_NOTHING]] == [
        {**item, "id": ""} for item in whole["output"] if item.get("content") != [_NOTHING]
    ]
    spoken = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert spoken == text


_NOTHING = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
