"""Messages as objects and as streams, read with the types of the official client."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from chats import replies
from fakes_door import answered, ended
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.contracts import Chunk, RateState, Reply, Request, ToolCall
from pipeline.errors import TransportUnavailable
from pipeline.gateway.messages_api import as_anthropic, message_object
from pipeline.gateway.messages_api.events import MessageEvents
from pipeline.gateway.messages_api.problems import rate_limits
from pipeline.gateway.problems import problem_of_error, problem_of_status

OFFICIAL: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
REQUEST = Request(id="r1", input="hi")


def read(sent: bytes) -> list[dict[str, Any]]:
    """The events of a stream: each has its name twice, and is one that the official client knows."""
    events = []
    for block in sent.split(b"\n\n")[:-1]:
        name, data = block.split(b"\n")
        event = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        if event["type"] == "error":
            ErrorResponse.model_validate(event)
        elif event["type"] != "ping":
            OFFICIAL.validate_python(event)
        events.append(event)
    return events


def streamed(*items: Chunk | Reply, thinking: bool = False) -> list[dict[str, Any]]:
    events = MessageEvents("r1", "auto", thinking=thinking)
    return read(b"".join(events.chunk(item) if isinstance(item, Chunk) else events.end(item) for item in items))


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def put_together(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of a stream, as clients put it together."""
    message: dict[str, Any] = dict(events[0]["message"])
    content: list[dict[str, Any]] = []
    for event in events[1:]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(content)
                content.append({**event["content_block"], "json": ""})
            case "content_block_delta":
                delta = event["delta"]
                key = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "json"}[delta["type"]]
                content[event["index"]][key] += delta.get("partial_json", "") or delta.get(key, "")
            case "message_delta":
                message |= event["delta"] | {"usage": event["usage"], "stepwell": event["stepwell"]}
    for block in content:
        written = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = orjson.loads(written)
    return {**message, "content": content}


BLOCK = ["content_block_start", "content_block_delta", "content_block_stop"]


def test_a_text_comes_as_the_api_has_it() -> None:
    events = streamed(Chunk(seq=0, text="fo"), Chunk(seq=1, text="ur"), answered(REQUEST))
    start, delta, stop = BLOCK
    assert names(events) == ["message_start", "ping", start, delta, delta, stop, "message_delta", "message_stop"]
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events[-2]["usage"]["output_tokens"] == 3
    assert events[-2]["stepwell"]["variant"] == "small"


def test_thoughts_and_calls_are_blocks_of_their_own() -> None:
    call = ToolCall(id="c1", function={"name": "add", "arguments": '{"a":2}'})
    reply = answered(REQUEST, "wait", reasoning="2 and 2", tool_calls=(call,), finish_reason="tool_calls")
    events = streamed(Chunk(seq=0, text="", reasoning="2 and 2"), reply, thinking=True)
    assert names(events) == ["message_start", "ping", *BLOCK, *BLOCK, *BLOCK, "message_delta", "message_stop"]
    assert [block["type"] for block in put_together(events)["content"]] == ["thinking", "text", "tool_use"]
    assert events[8]["content_block"]["input"] == {}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_who_did_not_ask_for_thoughts_sees_none() -> None:
    reply = answered(REQUEST, reasoning="hm")
    events = streamed(Chunk(seq=0, text="", reasoning="hm"), reply)
    assert [block["type"] for block in put_together(events)["content"]] == ["text"]
    assert [block["type"] for block in message_object(reply)["content"]] == ["text"]


def test_thoughts_that_come_after_the_text_has_begun_wait_for_its_end() -> None:
    late = Chunk(seq=1, text="", reasoning="hm")
    reply = answered(REQUEST, reasoning="hm, yes")
    message = put_together(streamed(Chunk(seq=0, text="fo"), late, Chunk(seq=2, text="ur"), reply, thinking=True))
    assert [block.get("text") or block.get("thinking") for block in message["content"]] == ["four", "hm, yes"]


def test_an_empty_piece_begins_no_block() -> None:
    call = ToolCall(id="c1", function={"name": "add", "arguments": "{}"})
    reply = answered(REQUEST, None, tool_calls=(call,), finish_reason="tool_calls")
    assert [block["type"] for block in put_together(streamed(Chunk(seq=0, text=""), reply))["content"]] == ["tool_use"]


def test_an_empty_answer_is_an_empty_text() -> None:
    assert put_together(streamed(answered(REQUEST, None)))["content"] == [
        {"type": "text", "text": "", "citations": None}
    ]


@pytest.mark.parametrize(
    ("word", "told"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), (None, "end_turn")],
)
def test_why_it_ended_is_told_in_the_words_of_the_api(word: str | None, told: str) -> None:
    assert message_object(answered(REQUEST, finish_reason=word))["stop_reason"] == told


def test_what_was_read_from_a_cache_stands_beside_the_input() -> None:
    usage = Message.model_validate(message_object(answered(REQUEST))).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (8, 4, 3)


@pytest.mark.parametrize(("written", "told"), [("", {}), ("[1]", {"arguments": "[1]"}), ("{", {"arguments": "{"})])
def test_arguments_that_are_no_object_stand_in_one_as_they_were_written(written: str, told: dict[str, Any]) -> None:
    call = ToolCall(id="c1", function={"name": "add", "arguments": written})
    reply = answered(REQUEST, None, tool_calls=(call,), finish_reason="tool_calls")
    assert message_object(reply)["content"][0]["input"] == told
    assert put_together(streamed(reply))["content"][0]["input"] == told


def test_a_failure_in_the_middle_is_an_error_and_no_end() -> None:
    *begun, error = streamed(Chunk(seq=0, text="fo"), ended(REQUEST, "failed", "deadline_exceeded"))
    assert "message_stop" not in names(begun)
    assert error["error"]["type"] == "timeout_error"
    assert error["error"]["details"] == {"error_code": "deadline_exceeded"}
    assert (error["request_id"], error["stepwell"]["attempts"]) == ("r1", 1)


def test_another_answer_than_was_begun_is_lost() -> None:
    *_, error = streamed(Chunk(seq=0, text="three"), answered(REQUEST))
    assert error["error"]["details"]["error_code"] == "answer_lost"


def test_a_stream_that_breaks_off_without_a_reply_names_its_request() -> None:
    events = MessageEvents("r1", "auto", thinking=False)
    *_, error = read(
        events.chunk(Chunk(seq=0, text="fo")) + events.broke_off(problem_of_error(TransportUnavailable("x")))
    )
    assert (error["error"]["type"], error["stepwell"]["request_id"]) == ("overloaded_error", "r1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_every_status_has_the_type_of_the_api(status: int, kind: str) -> None:
    problem = as_anthropic(problem_of_status(status, "because."), "r1")
    body = orjson.loads(problem.body)
    assert (problem.status, body["error"]["type"], body["error"]["message"]) == (status, kind, "because.")
    assert problem.headers["request-id"] == body["request_id"] == "r1"
    if kind != "request_too_large":
        ErrorResponse.model_validate(body)


def test_of_several_limits_the_one_that_runs_out_first_is_told() -> None:
    rates = (
        RateState(name="a", counts="requests", limit=100, remaining=50, reset_s=3),
        RateState(name="b", counts="requests", limit=10, remaining=-1, reset_s=1.5),
        RateState(name="c", counts="tokens", limit=1000, remaining=7, reset_s=0),
    )
    assert rate_limits(rates, 1_000_000_000) == {
        "anthropic-ratelimit-requests-limit": "10",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2001-09-09T01:46:42Z",
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "7",
        "anthropic-ratelimit-tokens-reset": "2001-09-09T01:46:40Z",
    }


@settings(max_examples=40, deadline=None)
@given(reply=replies(), cuts=st.lists(st.integers(0, 12), max_size=3), thinking=st.booleans(), told=st.booleans())
def test_a_stream_adds_up_to_the_message_in_one_piece(
    reply: Reply, cuts: list[int], thinking: bool, told: bool
) -> None:
    thoughts, text = reply.reasoning or "", reply.content or ""
    pieces = [Chunk(seq=0, text="", reasoning=thoughts)] if thoughts and told else []
    if pieces or not thoughts:
        edges = [0, *sorted(min(cut, len(text)) for cut in cuts)]
        parts = [text[start:end] for start, end in pairwise(edges)]
        pieces += [Chunk(seq=len(pieces) + place, text=part) for place, part in enumerate(parts)]
    events = streamed(*pieces, reply, thinking=thinking)
    whole = message_object(reply, thinking=thinking)
    Message.model_validate(whole)
    assert put_together(events) == {**whole, "id": "msg_r1", "model": "auto"}
