"""The body of `/v1/messages` as that of a chat completion."""

from typing import Any

import orjson
import pytest
from chats import conversations, replies, tools
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contracts import Reply
from pipeline.errors import InvalidRequest, StepwellError, UnsupportedParameter
from pipeline.gateway.messages_api import Question, message_object, to_chat
from pipeline.gateway.openai import to_call

ASK = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
ADD = {"name": "add", "input_schema": {"type": "object"}}


def read(*messages: Any, headers: dict[str, str] | None = None, **fields: Any) -> Question:
    asked = {**ASK, **fields}
    if messages:
        asked["messages"] = list(messages)
    return to_chat(asked, headers or {})


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **fields}


# ---------------------------------------------------------------- there and back


def blocks_of(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [text(content)]
    return [text(part["text"]) if part["type"] == "text" else image_of(part["image_url"]["url"]) for part in content]


def image_of(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = url.removeprefix("data:").split(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def turn_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    said = blocks_of(message["content"]) if "content" in message else []
    return said + [
        {
            "type": "tool_use",
            "id": call["id"],
            "name": call["function"]["name"],
            "input": orjson.loads(call["function"]["arguments"]),
        }
        for call in message.get("tool_calls", [])
    ]


def body_of(fields: dict[str, Any]) -> dict[str, Any]:
    """How a program of Anthropic's API writes a chat completion: results of tools begin the user's next message."""
    body = {name: value for name, value in fields.items() if name in ("model", "max_tokens", "temperature", "top_p")}
    conversation = list(fields["messages"])
    if conversation[0]["role"] == "system":
        body["system"] = conversation.pop(0)["content"]
    said: list[dict[str, Any]] = []
    for message in conversation:
        if message["role"] == "assistant":
            said.append(assistant(*turn_of(message)))
            continue
        if message["role"] == "tool":
            call, content = message["tool_call_id"], message["content"]
            blocks = [{"type": "tool_result", "tool_use_id": call, "content": as_text_or_blocks(content)}]
        else:
            blocks = blocks_of(message["content"])
        after_result = said and said[-1]["role"] == "user" and said[-1]["content"][-1]["type"] == "tool_result"
        if after_result:
            said[-1]["content"] += blocks
        else:
            said.append(user(*blocks))
    body["messages"] = said
    return body | choice_of(fields) | {key: given for key, given in rest_of(fields).items() if given is not None}


def as_text_or_blocks(content: Any) -> Any:
    return content if isinstance(content, str) else blocks_of(content)


def choice_of(fields: dict[str, Any]) -> dict[str, Any]:
    if "tools" not in fields:
        return {}
    offered = [tool["function"] for tool in fields["tools"]]
    body: dict[str, Any] = {
        "tools": [{"input_schema" if name == "parameters" else name: tool[name] for name in tool} for tool in offered]
    }
    choice = fields.get("tool_choice", "auto")
    kind = {"auto": "auto", "required": "any", "none": "none"}.get(choice) if isinstance(choice, str) else "tool"
    named = {} if isinstance(choice, str) else {"name": choice["function"]["name"]}
    alone = {"disable_parallel_tool_use": True} if fields.get("parallel_tool_calls") is False else {}
    if "tool_choice" in fields:
        body["tool_choice"] = {"type": kind, **named, **alone}
    return body


def rest_of(fields: dict[str, Any]) -> dict[str, Any]:
    form = fields.get("response_format")
    return {
        "stop_sequences": fields.get("stop"),
        "metadata": {"user_id": fields["user"]} if "user" in fields else None,
        "output_config": {"format": {"type": "json_schema", **form["json_schema"]}} if form else None,
    }


simple = st.fixed_dictionaries(
    {"model": st.just("auto"), "max_tokens": st.integers(1, 99)},
    optional={
        "temperature": st.floats(0, 1),
        "top_p": st.floats(0.1, 1),
        "user": st.text(min_size=1, max_size=9),
        "stop": st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=2),
        "response_format": st.just({"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}),
    },
)


@settings(max_examples=40, deadline=None)
@given(conversation=conversations(), offered=tools(), fields=simple)
def test_what_a_chat_completion_says_comes_back_as_it_was(
    conversation: list[dict[str, Any]], offered: dict[str, Any], fields: dict[str, Any]
) -> None:
    if "tool_choice" not in offered:
        offered.pop("parallel_tool_calls", None)
    whole = {**fields, **offered, "messages": conversation}
    question = to_chat(body_of(whole), {})
    assert question.chat == whole
    assert question.lossy.names == (("stop_sequence",) if "stop" in fields else ())
    assert len(question.places.messages) == len(conversation)


@settings(max_examples=40, deadline=None)
@given(reply=replies())
def test_an_answer_that_is_sent_back_is_the_turn_that_it_was(reply: Reply) -> None:
    content = message_object(reply, thinking=True)["content"]
    question = read(assistant(*content), user(text("go on")))
    turn, _ = question.chat["messages"]  # type: ignore[misc]
    calls = [call.model_dump() for call in reply.tool_calls or ()]
    assert turn.get("tool_calls", []) == calls  # type: ignore[union-attr]
    assert (turn.get("content") or "") == (reply.content or "")  # type: ignore[union-attr]
    assert question.lossy.names == (("messages.content.thinking",) if reply.reasoning else ())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["", "text", "tool_use", "user", "assistant", "any"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "name", "id", "input", "source", "format", "schema"]),
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
            ["messages", "system", "tools", "tool_choice", "metadata", "thinking", "output_config", "stream"]
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
        to_call(to_chat({**ASK, **({"messages": spoken} if spoken else {}), **body}, {}).chat, {})
    except StepwellError as error:
        refused = error
    assert refused is None or (refused.http_status in (400, 404) and refused.param)


# ---------------------------------------------------------------- field by field


def test_the_system_prompt_comes_first_and_is_one_text_where_it_is_one_block() -> None:
    blocks = [text("be brief", cache_control={"type": "ephemeral"})]
    question = read(system=blocks)
    assert question.chat["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert question.places.messages == ["system", "messages[0]"]
    assert question.lossy.names == ("system.cache_control",)
    assert len(read(system=[*blocks, text("be kind")]).chat["messages"][0]["content"]) == 2  # type: ignore[index, arg-type]


def test_results_of_tools_are_messages_of_their_own_before_what_the_user_says() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "c1", "content": "4", "is_error": False},
        {"type": "tool_result", "tool_use_id": "c2", "is_error": True},
    ]
    question = read(user(text("hi")), assistant(text("wait")), user(*results, text("go on")))
    assert question.chat["messages"][2:] == [  # type: ignore[index]
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "go on"},
    ]
    assert question.places.messages[2:] == ["messages[2]"] * 3
    assert question.lossy.names == ("messages.content.is_error",)


def test_thoughts_and_effort_go_to_targets_that_take_them() -> None:
    wanted = {"type": "adaptive"}
    question = read(thinking=wanted, output_config={"effort": "low"}, top_k=3)
    assert (question.chat["thinking"], question.chat["reasoning_effort"], question.chat["top_k"]) == (wanted, "low", 3)
    assert question.thinking
    assert not read(thinking={"type": "adaptive", "display": "omitted"}).thinking
    assert "thinking" not in read(thinking={"type": "disabled"}).chat
    assert not read(thinking={"type": "disabled"}).thinking


def test_thoughts_of_the_history_are_left_out_and_that_is_said() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "x"}
    question = read(user(text("hi")), assistant(thought, hidden, text("4")), user(text("and 3?")))
    assert question.chat["messages"][1] == {"role": "assistant", "content": "4"}  # type: ignore[index]
    assert question.lossy.names == ("messages.content.thinking", "messages.content.redacted_thinking")


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_both_versions_of_the_api_are_served_and_betas_are_left_out(version: str) -> None:
    question = read(headers={"anthropic-version": version, "anthropic-beta": "a-beta"})
    assert question.lossy.names == ("anthropic-beta",)


def test_another_version_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(headers={"anthropic-version": "2023-01-01"})
    assert refused.value.param == "anthropic-version"


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"cache_control": {"type": "ephemeral"}}, ("cache_control",)),
        ({"diagnostics": {"previous_message_id": "m"}}, ("diagnostics",)),
        ({"tools": [{**ADD, "input_examples": [{}]}]}, ("tools.input_examples",)),
        ({"tools": [{**ADD, "eager_input_streaming": True}]}, ("tools.eager_input_streaming",)),
        ({"service_tier": "standard_only", "speed": "standard", "container": None, "stop_sequences": []}, ()),
    ],
)
def test_what_is_left_out_is_said(fields: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert read(**fields).lossy.names == lost


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"container": "c"}, "container"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"metadata": {"unheard_of": 1}}, "metadata.unheard_of"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{**ADD, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config.format.type"),
        ({"messages": [user({"type": "document", "source": {}})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "unheard_of"})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": {}})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "image", "source": {"type": []}})]}, "messages[0].content.source.type"),
        ({"tool_choice": {"type": {}}}, "tool_choice.type"),
        ({"messages": [user({"type": "tool_use", "id": "c", "name": "n", "input": {}})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "thinking"})]}, "messages[0].content[0]"),
        ({"messages": [user({**IMAGE, "transformations": {"a": 1}})]}, "messages[0].content[0].transformations"),
        ({"messages": [user({"type": "image", "source": {"type": "file"}})]}, "messages[0].content.source.type"),
        ({"messages": [assistant(text("the answer is"))]}, "messages[0]"),
        ({"system": [IMAGE]}, "system[0]"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        read(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [user(text("hi"), {"type": "tool_result", "tool_use_id": "c"})]}, "messages[0].content"),
        ({"messages": [user({"type": "tool_result"})]}, "messages[0].content.tool_use_id"),
        ({"messages": [user({"type": "text"})]}, "messages[0].content.text"),
        ({"messages": [assistant({"type": "tool_use", "id": "c", "name": "n"})]}, "messages[0].content.input"),
        ({"tools": [{"name": "add"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}}, "tool_choice.disable_parallel_tool_use"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)
def test_what_is_not_as_the_api_has_it_is_refused_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param


def test_an_image_of_another_kind_is_refused() -> None:
    source = {"type": "base64", "media_type": "image/tiff", "data": "aGk="}
    with pytest.raises(InvalidRequest, match=r"image/gif, image/jpeg"):
        read(user({"type": "image", "source": source}))


def test_a_question_that_is_only_counted_needs_no_limit() -> None:
    fields = {name: value for name, value in ASK.items() if name != "max_tokens"}
    assert "max_tokens" not in to_chat(fields, {}, counted=True).chat
