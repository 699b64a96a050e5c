"""Completions out of what endpoints send, with what they leave out."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.answer import Collected, MalformedAnswer, whole

FINISH = {"latency_ms": 1.0, "first_token_ms": None, "calls": 1}


def plain(message: dict, **others: object) -> bytes:
    return orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **others})


def chunk(delta: dict, **others: object) -> bytes:
    return orjson.dumps({"choices": [{"index": 0, "delta": delta, **others}]})


def test_a_bare_answer_is_an_answer() -> None:
    done = whole(b'{"choices":[{"message":{"content":"yes"}}]}', "m").completion(**FINISH)
    assert (done.text, done.model, done.finish_reason, done.tokens) == ("yes", "m", None, None)
    assert not done.usage_reported
    assert done.usage.output_tokens == 0


def test_usage_is_read_with_its_cached_part() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 7}}
    done = whole(plain({"content": "x"}, usage=usage), "m").completion(**FINISH)
    assert done.usage_reported
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.cached_tokens) == (9, 4, 7)


@pytest.mark.parametrize("usage", [True, 7, 1.5, "many", ["prompt_tokens"]])
def test_an_answer_whose_usage_is_no_object_is_one_that_nobody_reported(usage: object) -> None:
    done = whole(plain({"content": "x"}, usage=usage), "m").completion(**FINISH)
    assert (done.text, done.usage_reported) == ("x", False)


def test_calls_of_tools_come_in_pieces_and_several_at_once() -> None:
    collected = Collected("m")
    for piece in (
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}, {"index": 1, "function": {"arguments": "{}"}}]},
    ):
        collected.feed(chunk(piece))
    done = collected.completion(**FINISH)
    assert done.text is None
    assert [(call.id, call.function) for call in done.tool_calls or ()] == [
        ("a", {"name": "f", "arguments": '{"x":1}'}),
        ("b", {"name": "g", "arguments": "{}"}),
    ]


def test_other_choices_than_the_first_are_not_mixed_in() -> None:
    two = {"choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    assert Collected("m").feed(orjson.dumps(two)) == "A"


def test_a_score_that_is_no_number_is_left_out() -> None:
    entries = [{"token": "a", "logprob": -1}, {"token": "b", "logprob": None}, {"token": "c", "logprob": -0.5}]
    collected = Collected("m")
    collected.feed(chunk({"content": "abc"}, logprobs={"content": entries}))
    done = collected.completion(**FINISH)
    assert [(token.token, token.logprob) for token in done.tokens or ()] == [("a", -1.0), ("c", -0.5)]


def test_the_usage_event_without_choices_is_no_trouble() -> None:
    collected = Collected("m")
    assert collected.feed(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}') == ""
    assert collected.completion(**FINISH).usage.output_tokens == 2


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":7}',
        b'{"choices":[{"message":"text"}]}',
        b'{"choices":[{"message":{"content":7}}]}',
        b'{"choices":[{"message":{"content":"x"},"logprobs":{"content":[{"logprob":-1}]}}]}',
        b'{"error":{"message":"secret"},"choices":[]}',
    ],
)
def test_what_is_no_completion_is_malformed_and_not_quoted(payload: bytes) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        whole(payload, "m")
    assert "secret" not in str(caught.value)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-2, 2), st.sampled_from(["", "a"]), st.just([]), st.just({})
)


def odd(**fields: st.SearchStrategy) -> st.SearchStrategy:
    """An object in which each field is missing, as it should be, or anything."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(good, ANYTHING) for name, good in fields.items()})


TEXT = st.sampled_from(["", "yes", "no"])
CALL = odd(index=st.integers(0, 3), id=TEXT, function=odd(name=TEXT, arguments=TEXT))
DELTA = odd(content=TEXT, tool_calls=st.lists(st.one_of(CALL, ANYTHING), max_size=3))
SCORES = odd(content=st.lists(st.one_of(odd(token=TEXT, logprob=st.floats(-9, 0)), ANYTHING), max_size=3))
CHOICE = odd(index=st.just(0), delta=DELTA, message=DELTA, finish_reason=TEXT, logprobs=SCORES)
USAGE = odd(prompt_tokens=st.integers(), completion_tokens=st.integers(), prompt_tokens_details=odd(cached_tokens=TEXT))
EVENT = odd(choices=st.lists(st.one_of(CHOICE, ANYTHING), max_size=2), usage=USAGE, model=TEXT, error=st.none())


@given(st.lists(st.one_of(EVENT, ANYTHING), max_size=3))
def test_an_odd_event_is_understood_or_malformed_and_nothing_else(events: list[object]) -> None:
    collected = Collected("m")
    try:
        for event in events:
            collected.feed(orjson.dumps(event))
    except MalformedAnswer:
        return
    done = collected.completion(**FINISH)
    assert isinstance(done.model, str)
    assert done.usage.output_tokens >= 0


@given(EVENT)
def test_an_odd_whole_answer_is_understood_or_malformed_and_nothing_else(document: object) -> None:
    try:
        done = whole(orjson.dumps(document), "m").completion(**FINISH)
    except MalformedAnswer:
        return
    assert done.text is None or isinstance(done.text, str)


def test_alternatives_and_bytes_are_kept_where_they_were_asked_for() -> None:
    entry = {
        "token": "\ufffd",
        "logprob": -0.5,
        "bytes": [195],
        "top_logprobs": [
            {"token": "a", "logprob": -0.5, "bytes": [97]},
            {"token": "b", "logprob": -1.0, "bytes": None},
        ],
    }
    answer = {"choices": [{"message": {"content": "\ufffd"}, "logprobs": {"content": [entry]}}]}
    (kept,) = whole(orjson.dumps(answer), "m", alternatives=1).completion(**FINISH).tokens or ()
    assert kept.raw == (195,)
    assert [(each.token, each.raw) for each in kept.alternatives] == [("a", None)]
    assert kept.top == (-0.5, -1.0)
    (bare,) = whole(orjson.dumps(answer), "m").completion(**FINISH).tokens or ()
    assert (bare.raw, bare.alternatives) == (None, ())


@pytest.mark.parametrize("wrong", [3, "x", [300], [1.5], [None]])
def test_bytes_that_are_none_are_left_out(wrong: object) -> None:
    entry = {"token": "a", "logprob": -0.5, "bytes": wrong, "top_logprobs": [3, {"token": "b", "logprob": "x"}]}
    answer = {"choices": [{"message": {"content": "a"}, "logprobs": {"content": [entry]}}]}
    (kept,) = whole(orjson.dumps(answer), "m", alternatives=5).completion(**FINISH).tokens or ()
    assert (kept.raw, kept.alternatives) == (None, ())


def test_a_refusal_in_place_of_a_text_is_the_text() -> None:
    done = whole(plain({"content": None, "refusal": "I will not."}), "m").completion(**FINISH)
    assert done.text == "I will not."


def test_what_a_caller_wants_to_see_changes_nothing_for_those_who_judge() -> None:
    top = [{"token": letter, "logprob": -1.0 - place} for place, letter in enumerate("abc")]
    entry = {"token": "a", "logprob": -1.0, "top_logprobs": top}
    answer = {"choices": [{"message": {"content": "a"}, "logprobs": {"content": [entry]}}]}
    for judges, seen in ((1, ()), (2, (-1.0, -2.0))):
        (kept,) = whole(orjson.dumps(answer), "m", alternatives=3, top=judges).completion(**FINISH).tokens or ()
        assert (kept.top, len(kept.alternatives)) == (seen, 3)
