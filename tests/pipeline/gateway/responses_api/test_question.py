"""The body of `/v1/responses` as that of a chat completion."""

from typing import Any

import pytest
from chats import conversations, replies, tools
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contracts import Reply
from pipeline.errors import InvalidRequest, StepwellError, UnsupportedParameter
from pipeline.gateway.openai import to_call
from pipeline.gateway.responses_api import response_object, to_chat
from pipeline.gateway.responses_api.fields import COUNTED

ADD = {"type": "function", "name": "add", "parameters": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def chat(**fields: Any) -> dict[str, Any]:
    return to_chat({"model": "auto", "input": "hi", "store": False, **fields}).chat


def lossy(**fields: Any) -> tuple[str, ...]:
    return to_chat({"model": "auto", "input": "hi", "store": False, **fields}).lossy.names


def messages(*items: Any, **fields: Any) -> Any:
    return chat(input=list(items), **fields)["messages"]


# ---------------------------------------------------------------- there and back


def parts_of(content: Any, kind: str) -> Any:
    if isinstance(content, str):
        return content
    return [
        {"type": kind, "text": part["text"]}
        if part["type"] == "text"
        else {"type": "input_image", "image_url": part["image_url"]["url"]}
        for part in content
    ]


def items_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """How a program of the Responses API writes a message of a chat completion."""
    if message["role"] == "tool":
        output = parts_of(message["content"], "input_text")
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": output}]
    kind = "output_text" if message["role"] == "assistant" else "input_text"
    said = [{"role": message["role"], "content": parts_of(message["content"], kind)}] if "content" in message else []
    calls = [
        {"type": "function_call", "call_id": call["id"], **call["function"]} for call in message.get("tool_calls", [])
    ]
    return [*said, *calls]


def body_of(fields: dict[str, Any]) -> dict[str, Any]:
    """How a program of the Responses API writes a chat completion."""
    body = {name: value for name, value in fields.items() if name in ("model", "temperature", "metadata", "user")}
    body |= {"store": False, "input": [item for message in fields["messages"] for item in items_of(message)]}
    if "tools" in fields:
        body["tools"] = [{"type": "function", **tool["function"]} for tool in fields["tools"]]
    if "tool_choice" in fields:
        choice = fields["tool_choice"]
        body["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", **choice["function"]}
    if "parallel_tool_calls" in fields:
        body["parallel_tool_calls"] = fields["parallel_tool_calls"]
    if "max_completion_tokens" in fields:
        body["max_output_tokens"] = fields["max_completion_tokens"]
    if "response_format" in fields:
        body["text"] = {"format": {"type": "json_schema", **fields["response_format"]["json_schema"]}}
    return body


schemas = st.just({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}})
simple = st.fixed_dictionaries(
    {"model": st.just("auto")},
    optional={
        "temperature": st.floats(0, 2),
        "metadata": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        "user": st.text(min_size=1, max_size=9),
        "max_completion_tokens": st.integers(1, 99),
        "response_format": schemas,
    },
)


@settings(max_examples=40, deadline=None)
@given(conversation=conversations(), offered=tools(), fields=simple)
def test_what_a_chat_completion_says_comes_back_as_it_was(
    conversation: list[dict[str, Any]], offered: dict[str, Any], fields: dict[str, Any]
) -> None:
    whole = {**fields, **offered, "messages": conversation}
    question = to_chat(body_of(whole))
    assert question.chat == whole
    assert question.lossy.names == ()
    assert len(question.places.messages) == len(conversation)
    assert all(place.startswith("input[") for place in question.places.messages)


@settings(max_examples=40, deadline=None)
@given(reply=replies())
def test_an_answer_that_is_sent_back_is_the_turn_that_it_was(reply: Reply) -> None:
    output = response_object(reply, 7, {})["output"]
    question = to_chat({"model": "auto", "input": [*output, {"role": "user", "content": "go on"}], "store": False})
    turn, _ = question.chat["messages"]  # type: ignore[misc]
    calls = [call.model_dump() for call in reply.tool_calls or ()]
    assert turn.get("tool_calls", []) == calls  # type: ignore[union-attr]
    assert (turn.get("content") or "") == (reply.content or "")  # type: ignore[union-attr]
    assert question.lossy.names == (("input.reasoning",) if reply.reasoning else ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "message", "function_call", "user", "hi"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "role",
                    "content",
                    "text",
                    "name",
                    "call_id",
                    "arguments",
                    "output",
                    "format",
                    "schema",
                    "image_url",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


said = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant"]),
        "content": st.lists(
            st.dictionaries(st.sampled_from(["type", "text", "id", "input", "source"]), json_values, min_size=1),
            min_size=1,
            max_size=2,
        ),
    }
)


@settings(max_examples=80, deadline=None)
@given(
    body=st.dictionaries(
        st.sampled_from(
            ["input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "store", "stream"]
        ),
        json_values,
        max_size=4,
    ),
    spoken=st.lists(said, max_size=2),
)
def test_nothing_that_a_stranger_sends_is_worse_than_a_refusal_that_names_its_field(
    body: dict[str, Any], spoken: list[Any]
) -> None:
    refused: StepwellError | None = None
    try:
        to_call(to_chat({"input": spoken or "hi", **body}).chat, {})
    except StepwellError as error:
        refused = error
    assert refused is None or (refused.http_status in (400, 404) and refused.param)


# ---------------------------------------------------------------- field by field


def test_a_text_is_a_message_of_the_user_after_the_instructions() -> None:
    question = to_chat({"model": "auto", "input": "hi", "instructions": "be brief", "store": False})
    assert question.chat == {
        "model": "auto",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    }
    assert question.places.messages == ["instructions", "input"]


def test_text_and_calls_that_follow_each_other_are_one_turn() -> None:
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c1",
        "name": "add",
        "arguments": "{}",
        "status": "completed",
    }
    other = {**call, "id": "fc_2", "call_id": "c2"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    said = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": "wait"}
    turn, answer = messages(
        said, call, thought, other, {"type": "function_call_output", "call_id": "c1", "output": "4"}
    )
    assert turn["content"] == "wait"
    assert [call["id"] for call in turn["tool_calls"]] == ["c1", "c2"]
    assert answer == {"role": "tool", "tool_call_id": "c1", "content": "4"}


def test_text_that_comes_after_its_calls_is_still_of_their_turn() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
    (turn,) = messages(call, {"role": "assistant", "content": "wait"})
    assert (turn["content"], len(turn["tool_calls"])) == ("wait", 1)


def test_an_image_keeps_its_detail() -> None:
    image = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "low"}
    (message,) = messages({"role": "user", "content": [image]})
    assert message["content"][0]["image_url"] == {"url": "https://example.org/a.png", "detail": "low"}


def test_the_words_of_a_refusal_go_on_as_text_and_that_is_said() -> None:
    said = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    question = to_chat({"model": "auto", "input": [said], "store": False})
    assert question.chat["messages"] == [{"role": "assistant", "content": "no"}]
    assert question.lossy.names == ("input.content.refusal",)


def test_the_form_of_an_answer_is_its_response_format() -> None:
    form = {"type": "json_schema", "name": "sum", "schema": {"type": "object"}, "strict": True}
    asked = chat(text={"format": form, "verbosity": "low"})
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "sum", "schema": {"type": "object"}, "strict": True},
    }
    assert asked["verbosity"] == "low"
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}


def test_allowed_tools_are_the_only_ones_offered() -> None:
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]}
    asked = chat(tools=[ADD, {**ADD, "name": "drop"}], tool_choice=allowed)
    request = to_call(asked, {}).request
    assert (request.tools, request.tool_choice) == ((FUNCTION,), "required")


def test_effort_limits_and_log_probabilities_go_on_under_the_names_of_the_chat_completion() -> None:
    asked = chat(
        reasoning={"effort": "low", "summary": None},
        max_output_tokens=7,
        include=["message.output_text.logprobs"],
        top_logprobs=2,
        parallel_tool_calls=False,
        safety_identifier="u",
    )
    assert (asked["reasoning_effort"], asked["max_completion_tokens"]) == ("low", 7)
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 2)
    assert (asked["parallel_tool_calls"], asked["safety_identifier"]) == (False, "u")


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"reasoning": {"summary": "auto"}}, ("reasoning.summary",)),
        ({"include": ["reasoning.encrypted_content"]}, ("include.reasoning.encrypted_content",)),
        ({"prompt_cache_retention": "24h"}, ("prompt_cache_retention",)),
        ({"input": [{"role": "user", "content": "hi", "phase": "commentary"}]}, ("input.phase",)),
        ({"tools": [{**ADD, "output_schema": {"type": "number"}}]}, ("tools.output_schema",)),
        ({"service_tier": "auto", "truncation": "disabled", "background": False}, ()),
    ],
)
def test_what_is_left_out_is_said(fields: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert lossy(**fields) == lost


def test_who_says_nothing_of_storing_is_told_that_nothing_is() -> None:
    assert to_chat({"input": "hi"}).lossy.names == ("store",)
    assert to_chat({"input": "hi"}, COUNTED).lossy.names == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "c"}, "conversation"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"include": ["unheard_of"]}, "include[0]"),
        ({"stream_options": {"include_usage": True}}, "stream_options.include_usage"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{**ADD, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "allowed_tools", "tools": [{"type": "mcp"}]}}, "tool_choice.tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        ({"input": [{"role": "user", "content": [{"type": {}}]}]}, "input[0].content[0]"),
        ({"input": [{"type": {}}]}, "input[0].type"),
        ({"include": [{}]}, "include[0]"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        chat(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "n"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "output": "4"}]}, "input[0].call_id"),
        ({"instructions": ["hi"]}, "instructions"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ],
)
def test_what_is_not_as_the_api_has_it_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chat(**fields)
    assert refused.value.param == param


def test_an_input_has_to_be_there() -> None:
    with pytest.raises(InvalidRequest, match="input is missing"):
        to_chat({"model": "auto"})
