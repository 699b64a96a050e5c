"""The chat completion of the OpenAI API to our request and back."""

import re
from pathlib import Path
from typing import Any, get_type_hints

import orjson
import pytest
from fakes_door import answered
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, completion_create_params

from pipeline.contracts import Request, ToolCall
from pipeline.errors import InvalidRequest, UnknownModel, UnsupportedParameter
from pipeline.gateway.body import MAX_DEPTH, read_object
from pipeline.gateway.openai import MOST_CHOICES, completion_object, request_id_of, to_call, to_completion, to_request
from pipeline.gateway.parameters import CARRIED, NEUTRAL, PASSED, REFUSED
from pipeline.policy.models.targets import OWN_FIELDS

ROOT = Path(__file__).parents[3]
ASK = [{"role": "user", "content": "2 + 2?"}]


def read(headers: dict[str, str] | None = None, **fields: Any) -> Request:
    return to_request(orjson.dumps({"model": "auto", "messages": ASK, **fields}), headers or {})


DOCUMENTED = set(get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming))


def test_every_field_that_the_official_client_knows_has_one_of_three_fates() -> None:
    assert CARRIED | PASSED | REFUSED >= DOCUMENTED
    assert not CARRIED & PASSED
    assert not CARRIED & REFUSED
    assert not PASSED & REFUSED
    assert NEUTRAL.keys() <= PASSED | REFUSED


def test_the_table_of_the_documentation_names_every_field_with_its_fate() -> None:
    text = (
        (ROOT / "docs" / "HTTP.md").read_text().split("## Every field of a chat completion", 1)[1].split("\n## ", 1)[0]
    )
    rows = re.findall(r"^\| (`[^|]+`) \| (carried|passed on|refused)[^|]*\|", text, re.MULTILINE)
    told = {name: fate for names, fate in rows for name in re.findall(r"`(\w+)`", names)}
    ours = (("carried", CARRIED), ("passed on", PASSED), ("refused", REFUSED))
    assert told == {name: fate for fate, names in ours for name in names}


def test_what_stepwell_writes_or_refuses_can_never_be_passed_on() -> None:
    assert (CARRIED | REFUSED) - {"messages"} <= OWN_FIELDS
    assert not OWN_FIELDS & PASSED


def test_what_is_asked_arrives_where_the_contract_holds_it() -> None:
    request = read(
        model="chat",
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=64,
        stop="END",
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=-0.1,
        user="u-1",
        metadata={"task": "arithmetic"},
        tools=[{"type": "function", "function": {"name": "add"}}],
        tool_choice="auto",
    )
    assert request.route == "chat"
    assert request.parameters.model_dump() == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 64,
        "stop": ("END",),
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "parallel_tool_calls": None,
        "extra": {},
    }
    assert (request.user, request.metadata, request.tool_choice) == ("u-1", {"task": "arithmetic"}, "auto")
    assert request.tools == ({"type": "function", "function": {"name": "add"}},)
    assert request.tenant == "default"


def test_the_extension_holds_what_only_stepwell_knows() -> None:
    request = read(
        stepwell={
            "origin": "EU",
            "route": "labels",
            "pin": "large",
            "session": "s",
            "cache": "off",
            "quality_floor": 0.9,
            "deadline_ms": 500,
            "max_escalations": 0,
            "max_cost_usd": 0.01,
        }
    )
    assert (request.origin, request.route, request.pin, request.session) == ("EU", "labels", "large", "s")
    assert (request.cache, request.quality_floor) == ("off", 0.9)
    assert request.budget.model_dump() == {"deadline_ms": 500, "max_cost_usd": 0.01, "max_escalations": 0}


def test_a_tenant_in_the_body_is_refused_because_anybody_could_write_it() -> None:
    with pytest.raises(UnsupportedParameter, match="x-stepwell-tenant"):
        read(stepwell={"tenant": "other"})


def test_the_tenant_comes_from_its_header_and_must_be_a_name() -> None:
    assert read({"x-stepwell-tenant": "acme"}).tenant == "acme"
    for bad in ("a.b", "*", "", "x" * 65, "a b"):
        with pytest.raises(InvalidRequest):
            read({"x-stepwell-tenant": bad})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("audio", {"voice": "x", "format": "wav"}),
        ("modalities", ["text", "audio"]),
        ("store", True),
        ("service_tier", "flex"),
        ("reasoning_effort", "high"),
        ("functions", [{"name": "f"}]),
        ("logit_bias", {"1": 2}),
        ("prediction", {"type": "content", "content": "x"}),
        ("web_search_options", {}),
        ("temprature", 0.2),
        ("tenant", "acme"),
        ("tool_choice", "sometimes"),
    ],
)
def test_a_field_that_is_not_carried_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        read(**{name: value})
    assert refused.value.param == name
    assert refused.value.http_status == 400


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_a_value_that_asks_for_what_happens_anyway_is_taken(name: str) -> None:
    for value in (*NEUTRAL[name], None):
        assert read(**{name: value}).messages


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"user": "a", "safety_identifier": "b"}, "safety_identifier"),
        ({"messages": "hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "hi", "mood": "x"}]}, "messages[0].mood"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "txt": "hi"}]}]}, "messages[0].content"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"stepwell": 3}, "stepwell"),
        ({"stepwell": {"origin": "Europe"}}, "stepwell.origin"),
        ({"stepwell": {"deadline_ms": 0}}, "stepwell.deadline_ms"),
        ({"stepwell": {"quality_floor": 2}}, "stepwell.quality_floor"),
        ({"stepwell": {"route": "labels"}, "model": "chat"}, "stepwell.route"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"model": 3}, "model"),
    ],
)
def test_a_wrong_value_is_refused_with_the_place_where_the_caller_wrote_it(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param


def test_a_missing_question_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="messages is missing"):
        to_request(b'{"model":"auto"}', {})


@pytest.mark.parametrize("model", ["gpt-4.1", "a b", "", "x" * 65])
def test_a_model_that_cannot_be_a_name_is_unknown(model: str) -> None:
    with pytest.raises(UnknownModel):
        read(model=model)


def test_a_model_left_out_lets_the_routes_decide() -> None:
    assert to_request(orjson.dumps({"messages": ASK}), {}).route is None


def test_parts_and_tool_calls_of_a_history_pass_and_echoed_empty_fields_fall_away() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    request = read(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": "https://e.example/x.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "audio": None,
                "tool_calls": [call],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "4"},
        ]
    )
    assert request.messages[1].tool_calls == (ToolCall(id="c1", function={"name": "add", "arguments": "{}"}),)
    assert request.messages[2].tool_call_id == "c1"


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
        {"role": "user", "content": [{"type": "file", "file": {}}]},
        {"role": "assistant", "content": "x", "refusal": "no"},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {}}]},
    ],
)
def test_audio_files_and_custom_tools_are_refused_and_not_dropped(message: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter, match=r"messages\[0\]"):
        read(messages=[message])


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("said", ["2 and 2", None, ""])
def test_reasoning_that_comes_back_with_a_history_falls_away(name: str, said: str | None) -> None:
    history = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    echoed = [history[0], {**history[1], name: said}]
    ask = {"role": "user", "content": "and 3 + 3?"}
    assert read(messages=[*echoed, ask]) == read(messages=[*history, ask])


def test_reasoning_of_anybody_but_a_model_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="reasoning_content"):
        read(messages=[{"role": "user", "content": "hi", "reasoning_content": "hm"}])


def test_a_completion_says_what_the_model_reasoned_and_is_silent_where_it_did_not() -> None:
    request = Request(id="r", input="hi")
    with_it = completion_object(answered(request, reasoning="2 and 2"), 0)["choices"][0]["message"]
    assert (with_it["content"], with_it["reasoning_content"]) == ("four", "2 and 2")
    assert "reasoning_content" not in completion_object(answered(request), 0)["choices"][0]["message"]


def test_response_formats_become_the_schema_that_the_answer_must_satisfy() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"name": "sum", "description": "A sum.", "strict": True, "schema": schema}
    assert read(response_format={"type": "text"}).response_schema is None
    assert read(response_format={"type": "json_object"}).response_schema == {"type": "object"}
    assert read(response_format={"type": "json_schema", "json_schema": wanted}).response_schema == {
        "title": "sum",
        "description": "A sum.",
        **schema,
    }


def test_an_idempotency_key_is_the_request_id_and_a_digest_where_it_cannot_be_one() -> None:
    assert read({"idempotency-key": "order-7"}).id == "order-7"
    odd = read({"idempotency-key": "order 7/é"}).id
    assert odd == request_id_of("order 7/é")
    assert odd != request_id_of("order 7/e")
    assert read().id is None


def test_a_correlation_id_is_no_request_id_because_callers_send_it_with_many_requests() -> None:
    assert read({"x-request-id": "trace-1"}).id is None


def test_the_session_is_known_under_its_usual_names() -> None:
    assert read({"x-session-id": "a", "x-conversation-id": "b"}, prompt_cache_key="c").session == "a"
    assert read({"x-conversation-id": "b"}, prompt_cache_key="c").session == "b"
    assert read(prompt_cache_key="c").session == "c"
    assert read({"x-session-id": "a"}, stepwell={"session": "own"}).session == "own"


def test_only_a_well_formed_traceparent_is_handed_on() -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = {"messages": ASK}
    assert to_call(fields, {"traceparent": good}).traceparent == good
    for bad in ("", "00-x", good.upper(), f"{good}\r\nx: y", "00-" + "0" * 32 + "-b7ad6b7169203331-01"):
        assert to_call(fields, {"traceparent": bad}).traceparent is None


def nested(depth: int) -> bytes:
    """A body of `depth` levels, with nothing else wrong with it."""
    schema = b'{"a":' * (depth - 4) + b"{}" + b"}" * (depth - 4)
    wanted = b'{"type":"json_schema","json_schema":{"name":"deep","schema":' + schema + b"}}"
    return b'{"messages":[{"role":"user","content":"hi"}],"response_format":' + wanted + b"}"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 10_000, 200_000])
def test_a_deeply_nested_body_is_a_clean_refusal(depth: int) -> None:
    with pytest.raises(InvalidRequest, match=r"nested|depth"):
        to_request(nested(depth), {})


def test_nesting_up_to_the_bound_passes_to_the_worker() -> None:
    request = to_request(nested(MAX_DEPTH), {})
    assert Request.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'{"messages":NaN}', b'{"a":"\\ud800"}', b"\xff\xfe"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        to_request(body, {})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(CARRIED | PASSED | REFUSED | {"x"})), JSON_VALUES, max_size=5))
def test_any_json_is_a_request_or_a_typed_refusal_and_nothing_else(fields: dict[str, Any]) -> None:
    try:
        body = orjson.dumps({"messages": ASK, **fields})
    except orjson.JSONEncodeError:
        return
    try:
        call = to_call(read_object(body), {}, passes=frozenset({"x", "logit_bias", "verbosity"}), alone=False)
    except (InvalidRequest, UnknownModel):
        return
    assert call.request.conversation()
    assert 1 <= call.n <= MOST_CHOICES


def test_the_official_client_reads_our_completion() -> None:
    request = read().model_copy(update={"id": "r1"})
    call = ToolCall(id="c1", function={"name": "add", "arguments": '{"a":2}'})
    completion = ChatCompletion.model_validate_json(to_completion(answered(request, None, tool_calls=(call,)), 17))
    assert (completion.id, completion.created, completion.model) == ("chatcmpl-r1", 17, "qwen2.5")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.tool_calls is not None
    assert completion.choices[0].message.tool_calls[0].to_dict() == call.model_dump()
    assert completion.usage is not None
    assert completion.usage.total_tokens == 15
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 4


def test_a_parsed_answer_without_text_is_written_out() -> None:
    reply = answered(read().model_copy(update={"id": "r"}), None, parsed={"a": 1})
    assert orjson.loads(to_completion(reply, 0))["choices"][0]["message"]["content"] == '{"a":1}'


@pytest.mark.parametrize(("given_reason", "shown"), [("length", "length"), ("eos", "stop"), (None, "stop")])
def test_a_finish_reason_is_one_that_the_api_knows(given_reason: str | None, shown: str) -> None:
    reply = answered(read().model_copy(update={"id": "r"}), finish_reason=given_reason)
    assert orjson.loads(to_completion(reply, 0))["choices"][0]["finish_reason"] == shown


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("max_tokens", -1),
        ("max_completion_tokens", -1),
        ("user", 5),
        ("safety_identifier", 5),
        ("prompt_cache_key", 5),
        ("stepwell", {"session": 5}),
    ],
)
def test_a_fault_is_told_at_the_name_under_which_it_was_written(written: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**{written: value})
    place = "stepwell.session" if written == "stepwell" else written
    assert caught.value.param == place
    assert caught.value.message.startswith(f"{place}: ")


def test_a_fault_of_one_place_is_not_told_at_another_that_means_the_same() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(prompt_cache_key="fine", stepwell={"session": 5})
    assert caught.value.param == "stepwell.session"


def test_a_fault_that_we_found_ourselves_is_told_without_the_words_of_the_library() -> None:
    with pytest.raises(InvalidRequest, match=r"^max_tokens: an integer beyond 9007199254740991"):
        read(max_tokens=10**17)
