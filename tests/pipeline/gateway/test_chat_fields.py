"""The fields of a chat completion that need more than a place: tools, images, several answers, log-probabilities."""

import itertools
from typing import Any

import pytest
from fakes_door import answered

from pipeline.contracts import Alternative, Request, TokenLogprob, ToolCall
from pipeline.errors import InvalidRequest, UnknownModel, UnsupportedParameter
from pipeline.gateway.choices import merged, split
from pipeline.gateway.completion import choice_object, lacks_logprobs, logprobs_object
from pipeline.gateway.openai import Call, to_call
from pipeline.gateway.sse import Events

ASK: list[Any] = [{"role": "user", "content": "2 + 2?"}]
ADD: dict[str, Any] = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SUB: dict[str, Any] = {"type": "function", "function": {"name": "sub"}}


def call(*, passes: tuple[str, ...] = (), alone: bool = False, **fields: Any) -> Call:
    return to_call({"model": "auto", "messages": ASK, **fields}, {}, passes=passes, alone=alone)


def read(**fields: Any) -> Request:
    return call(**fields).request


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def test_of_allowed_tools_only_those_are_offered() -> None:
    request = read(tools=[ADD, SUB], tool_choice=allowed("required", "sub"))
    assert (request.tools, request.tool_choice) == ((SUB,), "required")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [ADD], "tool_choice": allowed("auto", "sub")}, "tool_choice.allowed_tools.tools"),
        ({"tool_choice": allowed("auto", "sub")}, "tool_choice.allowed_tools.tools"),
        ({"tools": [ADD], "tool_choice": allowed("never", "add")}, "tool_choice.allowed_tools.mode"),
        ({"tools": [ADD], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
        ({"tools": [ADD], "tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice.type"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.5}, "n"),
        ({"logprobs": "yes"}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"functions": [{"name": "f"}], "tools": [ADD]}, "functions"),
        ({"functions": ["f"]}, "functions"),
        ({"function_call": 3, "functions": []}, "function_call"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "name": 3}}},
         "response_format.json_schema.name"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stream": True, "stream_options": {"x": True}}, "stream_options.x"),
        ({"model": "chat:small", "stepwell": {"pin": "large"}}, "stepwell.pin"),
        ({"model": "chat:small", "stepwell": {"route": "labels"}}, "stepwell.route"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_where_it_stands(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        call(**fields)
    assert refused.value.param == param


def test_one_call_at_a_time_is_a_parameter() -> None:
    assert read(tools=[ADD], parallel_tool_calls=False).parameters.parallel_tool_calls is False


def test_a_route_with_a_variant_is_a_route_with_a_pin() -> None:
    request = read(model="chat:large")
    assert (request.route, request.pin) == ("chat", "large")
    for bad in ("chat:", ":large", "a:b:c", "a.b:c"):
        with pytest.raises(UnknownModel):
            read(model=bad)


# ---------------------------------------------------------------- passed on


def test_a_field_that_a_target_passes_stands_apart_and_any_other_one_is_refused() -> None:
    request = call(reasoning_effort="low", top_k=4, passes=("reasoning_effort", "top_k")).request
    assert request.parameters.extra == {"reasoning_effort": "low", "top_k": 4}
    with pytest.raises(UnsupportedParameter, match="passes") as refused:
        call(reasoning_effort="low", top_k=4, passes=("top_k",))
    assert refused.value.param == "reasoning_effort"


def test_what_asks_for_nothing_is_not_passed_on() -> None:
    nothing = {"verbosity": "medium", "service_tier": "auto", "logit_bias": {}, "prediction": None}
    assert call(**nothing, passes=tuple(nothing)).request.parameters.extra == {}


@pytest.mark.parametrize("name", ["audio", "store", "web_search_options", "modalities", "moderation"])
def test_what_could_not_be_handed_back_is_refused_though_a_target_would_take_it(name: str) -> None:
    with pytest.raises(UnsupportedParameter):
        call(**{name: {"a": 1}}, passes=(name,))


def test_there_is_a_bound_to_what_is_passed_on() -> None:
    many = {f"x{number}": 1 for number in range(33)}
    with pytest.raises(UnsupportedParameter, match="at most 32"):
        call(**many, passes=tuple(many))


# ---------------------------------------------------------------- messages


def image(**address: Any) -> list[Any]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": address}]}]


def test_an_image_is_carried_with_its_detail() -> None:
    (message,) = read(messages=image(url="data:image/png;base64,AA", detail="low")).messages
    part = message.content[0]  # type: ignore[index]
    assert part.image_url == {"url": "data:image/png;base64,AA", "detail": "low"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "address", [{}, {"url": 3}, {"url": "file:///etc/passwd"}, {"url": "https://e", "detail": "all"}, {"url": "x"}]
)
def test_an_image_without_an_address_that_counts_is_refused(address: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"messages\[0\]\.content\[0\]\.image_url"):
        read(messages=image(**address))


def test_a_refusal_of_the_history_is_its_text() -> None:
    said = {"role": "assistant", "content": None, "refusal": "I will not."}
    parts = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]}
    assert read(messages=[*ASK, said, *ASK]).messages[1].content == "I will not."
    assert read(messages=[*ASK, parts, *ASK]).messages[1].content[0].text == "I will not."  # type: ignore[index,union-attr]


def test_results_of_tools_may_come_in_parts() -> None:
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "4"}]}
    called = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add"}}]}
    assert read(messages=[*ASK, called, result]).messages[2].content[0].text == "4"  # type: ignore[index,union-attr]


# ---------------------------------------------------------------- deprecated functions


def test_functions_become_tools_and_their_history_calls_with_matching_ids() -> None:
    history = [
        *ASK,
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        {"role": "function", "name": "add", "content": "4"},
    ]
    made = call(functions=[ADD["function"]], function_call={"name": "add"}, messages=history)
    request = made.request
    assert made.functions
    assert request.tools == (ADD,)
    assert request.tool_choice == {"type": "function", "function": {"name": "add"}}
    assert request.parameters.parallel_tool_calls is False
    assert request.messages[1].tool_calls is not None
    assert request.messages[1].tool_calls[0].id == request.messages[2].tool_call_id


def test_their_answer_comes_back_in_the_form_it_was_asked_in() -> None:
    reply = answered(
        Request(id="r", input="x"),
        None,
        tool_calls=(ToolCall(id="c1", function={"name": "add", "arguments": "{}"}),),
        finish_reason="tool_calls",
    )
    choice = choice_object(reply, functions=True)
    assert choice["message"]["function_call"] == {"name": "add", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    streamed = Events("r", 0, "auto", include_usage=False, functions=True).end(reply)
    assert b'"function_call":{"name":"add"' in streamed
    assert b'"tool_calls"' not in streamed


@pytest.mark.parametrize("fields", [{"n": 2}, {"functions": [{"name": "f"}]}])
def test_who_has_one_request_for_an_answer_cannot_ask_for_these(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter):
        call(alone=True, **fields)
    assert call(alone=True, n=1).n == 1


# ---------------------------------------------------------------- several answers


def test_choices_are_requests_of_their_own_that_no_memory_answers() -> None:
    asked = call(n=3, seed=7)
    whole = Call(**{**{name: getattr(asked, name) for name in Call.__slots__},
                    "request": asked.request.model_copy(update={"id": "r"})})  # fmt: skip
    parts = split(whole)
    assert [part.request.id for part in parts] == ["r", "r-c1", "r-c2"]
    assert [part.request.parameters.seed for part in parts] == [7, 8, 9]
    assert {part.request.cache for part in parts} == {"off"}


def test_ids_of_choices_stay_names_however_long_the_key_is() -> None:
    asked = call(n=2)
    for length in (60, 61, 64):
        whole = Call(asked.request.model_copy(update={"id": "k" * length}), "auto", False, True, None, n=2)
        ids = [part.request.id for part in split(whole)]
        assert len(set(ids)) == 2
        assert all(Request.model_validate({"id": each, "input": "x"}) for each in ids)
        assert ids == [part.request.id for part in split(whole)]


def test_what_choices_come_to_is_their_sum_and_unknown_where_one_is() -> None:
    request = Request(id="r", input="x")
    one, two = answered(request, confidence=0.9), answered(request, confidence=0.7, escalated=True, attempts=2)
    both = merged([one, two])
    assert both.usage.output_tokens == one.usage.output_tokens + two.usage.output_tokens
    assert both.cost_usd == pytest.approx((one.cost_usd or 0) * 2)
    assert (both.attempts, both.escalated, both.confidence) == (3, True, 0.7)
    assert merged([one, answered(request, cost_usd=None)]).cost_usd is None


# ---------------------------------------------------------------- log-probabilities


def test_log_probabilities_are_asked_for_with_their_alternatives() -> None:
    assert read(logprobs=True).logprobs == 0
    assert read(logprobs=True, top_logprobs=5).logprobs == 5
    assert read(logprobs=False, top_logprobs=0).logprobs is None


def test_log_probabilities_have_the_bytes_of_their_tokens() -> None:
    half = Alternative(token="\ufffd", logprob=-2.0, raw=(195,))
    told = logprobs_object([TokenLogprob(token="é", logprob=-0.5, alternatives=(half,))])
    assert told["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "\ufffd", "logprob": -2.0, "bytes": [195]}],
        }
    ]


def test_an_answer_without_log_probabilities_is_said_to_lack_them_only_where_there_is_a_text() -> None:
    request = read(logprobs=True).model_copy(update={"id": "r"})
    assert lacks_logprobs(request, answered(request))
    assert not lacks_logprobs(request, answered(request, None))
    assert not lacks_logprobs(request, answered(request, logprobs=(TokenLogprob(token="four", logprob=-0.1),)))
    assert not lacks_logprobs(read().model_copy(update={"id": "r"}), answered(request))


# ---------------------------------------------------------------- obfuscation


def test_pieces_are_filled_up_to_like_sizes() -> None:
    from pipeline.contracts import Chunk

    events = Events("r", 0, "auto", include_usage=False, obfuscate=True)
    sizes = {len(events.chunk(Chunk(seq=seq, text="a" * size))) for seq, size in enumerate((2, 1, 9, 17, 30))}
    first, *others = itertools.islice(sorted(sizes), 3)
    assert not others, sizes
    assert first
