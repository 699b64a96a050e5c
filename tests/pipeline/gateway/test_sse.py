"""A streamed chat completion, event by event."""

import orjson
import pytest
from fakes_door import answered, ended
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Chunk, Request, ToolCall
from pipeline.errors import TransportUnavailable
from pipeline.gateway.problems import problem_of_error
from pipeline.gateway.sse import DONE, Events

REQUEST = Request(id="r", input="hi")


def events_of(stream: bytes) -> list[dict[str, object]]:
    """The JSON of every event but the last `[DONE]`."""
    assert stream.endswith(b"\n\n")
    parts = stream.split(b"\n\n")[:-1]
    assert all(part.startswith(b"data: ") and b"\n" not in part for part in parts)
    return [orjson.loads(part[6:]) for part in parts if part != b"data: [DONE]"]


def text_of(stream: bytes) -> str:
    choices = [choice for event in events_of(stream) for choice in event.get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def a_stream(include_usage: bool = False) -> Events:
    return Events("r", 17, "auto", include_usage=include_usage)


@given(st.lists(st.text(min_size=1), max_size=5), st.text())
def test_the_text_of_the_events_is_the_content_whatever_was_streamed_of_it(pieces: list[str], rest: str) -> None:
    events = a_stream()
    stream = b"".join(events.chunk(Chunk(seq=seq, text=text)) for seq, text in enumerate(pieces))
    content = "".join(pieces) + rest
    stream += events.end(answered(REQUEST, content))
    assert text_of(stream) == content
    assert stream.endswith(DONE)


def test_after_a_gap_the_rest_comes_with_the_reply() -> None:
    events = a_stream()
    stream = b"".join(events.chunk(Chunk(seq=seq, text=text)) for seq, text in ((0, "a"), (2, "c"), (3, "d")))
    stream += events.end(answered(REQUEST, "abcd"))
    assert text_of(stream) == "abcd"


def test_a_gap_that_cannot_be_filled_is_an_error_and_not_a_wrong_answer() -> None:
    events = a_stream()
    stream = events.chunk(Chunk(seq=0, text="x")) + events.chunk(Chunk(seq=2, text="y"))
    stream += events.end(answered(REQUEST, "another answer"))
    assert events_of(stream)[-1]["error"]["code"] == "answer_lost"
    assert DONE not in stream


@pytest.mark.parametrize(
    ("begun", "counts"),
    [
        ({"text": "c3w0 c3w1"}, {"content": "c4w0 c4w1 c4w2"}),
        ({"text": "a long beginning"}, {"content": "a"}),
        ({"text": "some"}, {"content": None}),
        ({"text": "", "reasoning": "first I"}, {"content": "four", "reasoning": "so then"}),
        ({"text": "", "reasoning": "first I"}, {"content": "four"}),
    ],
)
def test_an_answer_that_was_begun_never_ends_as_another_one(begun: dict[str, str], counts: dict[str, str]) -> None:
    events = a_stream()
    stream = events.chunk(Chunk(seq=0, **begun)) + events.end(answered(REQUEST, **counts, confidence=0.98))
    last = events_of(stream)[-1]
    assert (last["error"]["code"], last["error"]["type"]) == ("answer_lost", "server_error")
    assert "stepwell result r" in last["error"]["message"]
    assert (last["stepwell"]["request_id"], last["stepwell"]["cost_usd"]) == ("r", 0.000125)
    assert (last["stepwell"]["model"], last["stepwell"]["confidence"]) == (None, None)
    assert b'"finish_reason":"stop"' not in stream
    assert DONE not in stream


def test_the_role_is_said_once_and_first() -> None:
    events = a_stream()
    stream = (
        events.chunk(Chunk(seq=0, text="a"))
        + events.chunk(Chunk(seq=1, text="b"))
        + events.end(answered(REQUEST, "ab"))
    )
    roles = [event["choices"][0]["delta"].get("role") for event in events_of(stream)]
    assert roles == ["assistant", None, None]


def test_the_last_event_says_why_it_ended_and_who_answered() -> None:
    last = events_of(a_stream().end(answered(REQUEST, "four", cost_usd=None)))[-1]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["model"] == "qwen2.5"
    assert last["stepwell"]["variant"] == "small"
    assert last["stepwell"]["cost_usd"] is None


def test_usage_comes_as_an_event_of_its_own_only_where_it_was_asked_for() -> None:
    assert all("usage" not in event for event in events_of(a_stream().end(answered(REQUEST))))
    with_usage = events_of(a_stream(include_usage=True).end(answered(REQUEST)))
    assert [event["usage"] for event in with_usage[:-1]] == [None, None]
    assert with_usage[-1]["choices"] == []
    assert with_usage[-1]["usage"]["total_tokens"] == 15


def test_tool_calls_are_streamed_with_their_places() -> None:
    calls = (
        ToolCall(id="a", function={"name": "f", "arguments": "{}"}),
        ToolCall(id="b", function={"name": "g", "arguments": "{}"}),
    )
    first, last = events_of(a_stream().end(answered(REQUEST, None, tool_calls=calls, finish_reason="tool_calls")))
    assert [(call["index"], call["id"]) for call in first["choices"][0]["delta"]["tool_calls"]] == [(0, "a"), (1, "b")]
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_a_failure_in_the_middle_is_a_last_event_with_its_code() -> None:
    events = a_stream()
    stream = events.chunk(Chunk(seq=0, text="a")) + events.end(ended(REQUEST, "failed", "target_timeout"))
    error = events_of(stream)[-1]["error"]
    assert (error["code"], error["type"]) == ("target_timeout", "server_error")
    assert DONE not in stream


def test_a_stream_that_breaks_off_says_whose_it_was_and_what_it_cost() -> None:
    events = a_stream()
    stream = events.chunk(Chunk(seq=0, text="one"))
    stream += events.end(ended(REQUEST, "failed", "target_unavailable"))
    last = events_of(stream)[-1]
    assert last["error"]["code"] == "target_unavailable"
    assert (last["stepwell"]["request_id"], last["stepwell"]["cost_usd"]) == ("r", 0.000125)
    assert last["stepwell"]["attempts"] == 1
    assert DONE not in stream


def test_of_a_stream_whose_end_nobody_tells_the_cost_is_not_known() -> None:
    last = events_of(a_stream().broke_off(problem_of_error(TransportUnavailable("it broke off"))))[-1]
    assert last["error"]["code"] == "transport_unavailable"
    assert (last["stepwell"]["request_id"], last["stepwell"]["cost_usd"]) == ("r", None)


def deltas_of(stream: bytes) -> list[dict[str, object]]:
    events = events_of(stream)
    return [choice["delta"] for event in events for choice in event.get("choices", []) if choice["delta"]]


def reasoning_of(stream: bytes) -> str:
    return "".join(str(delta.get("reasoning_content") or "") for delta in deltas_of(stream))


@given(
    st.lists(st.text(min_size=1), max_size=4), st.lists(st.text(min_size=1), max_size=4), st.text(), st.integers(0, 9)
)
def test_reasoning_adds_up_to_that_of_the_reply_whatever_was_streamed_or_lost(
    thoughts: list[str], texts: list[str], rest: str, lost: int
) -> None:
    pieces = [*(("", thought) for thought in thoughts), *((text, None) for text in texts)]
    chunks = [Chunk(seq=seq, text=text, reasoning=thought) for seq, (text, thought) in enumerate(pieces)]
    events = a_stream()
    stream = b"".join(events.chunk(chunk) for chunk in chunks if chunk.seq != lost)
    stream += events.end(answered(REQUEST, "".join(texts) + rest, reasoning="".join(thoughts) or None))
    assert (text_of(stream), reasoning_of(stream)) == ("".join(texts) + rest, "".join(thoughts))
    assert [delta.get("role") for delta in deltas_of(stream)][:1] in ([], ["assistant"])
    assert stream.endswith(DONE)


def test_reasoning_that_was_not_streamed_comes_before_the_text_and_the_calls() -> None:
    calls = (ToolCall(id="a", function={"name": "f", "arguments": "{}"}),)
    stream = a_stream().end(answered(REQUEST, "four", reasoning="2 and 2", tool_calls=calls))
    first, second, third = deltas_of(stream)
    assert first == {"role": "assistant", "reasoning_content": "2 and 2"}
    assert second == {"content": "four"}
    assert "tool_calls" in third
