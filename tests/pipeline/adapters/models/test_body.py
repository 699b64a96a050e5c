"""The body of a call: what is sent, and what never is."""

import orjson
import pytest
from fakes_models import permitted, target
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.body import Template, call_body
from pipeline.contracts import ImagePart, Message, Parameters, TextPart, ToolCall

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def body(spec=None, *, stream=False, **call):
    spec = spec or target("m")
    return orjson.loads(call_body(permitted("t", spec, **call).view, Template(spec), stream=stream))


def test_only_what_is_known_is_sent() -> None:
    sent = body(parameters=Parameters(temperature=0.0, stop=("END",)))
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "temperature": 0.0,
        "stop": ["END"],
        "max_tokens": 1024,
        "logprobs": True,
        "top_logprobs": 1,
        "stream": False,
    }


def test_a_stream_reports_its_usage() -> None:
    sent = body(stream=True)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}


def test_log_probabilities_are_asked_for_where_the_target_has_them() -> None:
    assert "logprobs" not in body(target("m", capabilities=frozenset({"chat"})))


@given(st.one_of(st.none(), st.integers(1, 5000)))
def test_no_more_tokens_are_asked_for_than_the_target_may_write(asked: int | None) -> None:
    sent = body(target("m", max_output_tokens=300), parameters=Parameters(max_tokens=asked))
    assert sent["max_tokens"] == min(300, asked or 300)


def test_the_schema_goes_to_an_endpoint_that_enforces_it() -> None:
    sent = body(response_schema=SCHEMA)
    assert sent["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    assert len(sent["messages"]) == 1


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_model_behind_another_endpoint_is_told_about_the_schema(system: str | None) -> None:
    head = (Message(role="system", content=system),) if system else ()
    messages = (*head, Message(role="user", content="Where?"))
    sent = body(target("m", capabilities=frozenset({"chat"})), messages=messages, response_schema=SCHEMA)
    assert "response_format" not in sent
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert '"city"' in sent["messages"][0]["content"]
    assert sent["messages"][0]["content"].startswith(system or "Answer")


def test_extra_is_merged_but_cannot_take_over_the_call() -> None:
    extra = {
        "cache_prompt": False,
        "model": "other",
        "stream": True,
        "messages": [],
        "top_logprobs": 5,
        "max_tokens": 9,
    }
    sent = body(target("m", extra=extra))
    assert sent["cache_prompt"] is False
    assert sent["top_logprobs"] == 5
    assert sent["model"] == "m"
    assert sent["stream"] is False
    assert len(sent["messages"]) == 1
    assert sent["max_tokens"] == 1024


def test_all_forms_of_a_message_are_written() -> None:
    call = ToolCall(id="c1", function={"name": "f", "arguments": "{}"})
    messages = (
        Message(
            role="user",
            content=(
                TextPart(type="text", text="see"),
                ImagePart(type="image_url", image_url={"url": "data:image/png;base64,AA"}),
            ),
            name="ann",
        ),
        Message(role="assistant", content=None, tool_calls=(call,)),
        Message(role="tool", content="4", tool_call_id="c1"),
    )
    tools = ({"type": "function", "function": {"name": "f"}},)
    sent = body(messages=messages, tools=tools, tool_choice="required")
    assert sent["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
            ],
            "name": "ann",
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
    ]
    assert sent["tools"] == list(tools)
    assert sent["tool_choice"] == "required"


def test_fields_of_the_models_own_go_out_where_the_target_passes_them_and_override_what_always_stands_there() -> None:
    asked = Parameters(extra={"top_k": 4, "min_p": 0.1})
    sent = body(target("m", passes=frozenset({"top_k"}), extra={"top_k": 9}), parameters=asked)
    assert sent["top_k"] == 4
    assert "min_p" not in sent
    assert "extra" not in sent


def test_log_probabilities_that_a_caller_wants_are_asked_for_with_their_alternatives() -> None:
    assert body(logprobs=0)["top_logprobs"] == 1
    assert body(logprobs=5)["top_logprobs"] == 5


def test_one_call_at_a_time_is_said_where_there_are_tools() -> None:
    alone = Parameters(parallel_tool_calls=False)
    tool = {"type": "function", "function": {"name": "f"}}
    assert body(parameters=alone, tools=(tool,))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(parameters=alone)


def test_a_developer_is_the_system_for_every_model() -> None:
    messages = (Message(role="developer", content="Be brief."), Message(role="user", content="hi"))
    assert [message["role"] for message in body(messages=messages)["messages"]] == ["system", "user"]


def test_as_many_alternatives_are_asked_for_as_the_target_always_gives() -> None:
    assert body(target("m", extra={"top_logprobs": 5}), logprobs=2)["top_logprobs"] == 5
    assert body(target("m", extra={"top_logprobs": 5}), logprobs=9)["top_logprobs"] == 9
