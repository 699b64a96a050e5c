"""`/v1/messages` as the official `anthropic` package sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anthropic
import pytest
from fakes_door import FakeAsker, Names, answered, ended
from pydantic import BaseModel

from pipeline.contracts import RateState, Reply, Request, ToolCall
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening

ADD: Any = {"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
RATE = RateState(name="rpm", counts="requests", limit=10, remaining=9, reset_s=0.5)


def scripted(request: Request) -> Reply:
    """Reply as the last message says."""
    last = request.conversation()[-1]
    word = last.content
    if last.role == "tool":
        return answered(request, "one two")
    if word == "refuse":
        return ended(request, "refused", "residency_refused")
    if word == "sum":
        return answered(request, '{"total": 4}')
    if word == "call":
        call = ToolCall(id="c1", function={"name": "add", "arguments": '{"a": 2}'})
        return answered(request, None, tool_calls=(call,), finish_reason="tool_calls")
    if isinstance(word, str) and "_" in word:
        return ended(request, "failed", word)
    return answered(request, "one two", rates=(RATE,))


@contextlib.asynccontextmanager
async def door(
    asker: FakeAsker, limits: Limits | None = None, passes: Sequence[str] = ()
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """The official client before a door whose cascade is `asker`, and whose targets pass on fields of these names."""
    app = build_door(lambda _: asker, Names(passes=passes), limits=limits)
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with anthropic.AsyncAnthropic(base_url=base, api_key="none", max_retries=0) as official:
        yield official
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with door(FakeAsker(scripted, pieces=["one", " two"])) as official:
        yield official


@pytest.fixture
async def plain() -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Nothing is streamed before the reply."""
    async with door(FakeAsker(scripted)) as official:
        yield official


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def asked(content: Any, **fields: Any) -> Any:
    return {"model": "auto", "max_tokens": 9, "messages": user(content), **fields}


async def test_it_reads_an_answer(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(**asked("hi", system="be brief"))
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == "one two"
    assert (message.model, message.stop_reason) == ("qwen2.5", "end_turn")
    assert message._request_id == message.id.removeprefix("msg_")


async def test_headers_tell_what_was_left_out_who_answered_and_what_may_still_come(
    client: anthropic.AsyncAnthropic,
) -> None:
    raw = await client.messages.with_raw_response.create(**asked("hi", cache_control={"type": "ephemeral"}))
    assert raw.headers["x-stepwell-lossy"] == "cache_control"
    assert raw.headers["x-stepwell-variant"] == "small"
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "9"


async def test_it_reads_a_stream(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(**asked("hi"), stream=True)
    kinds = [event.type async for event in stream]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


async def test_its_stream_helper_puts_the_message_together(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(**asked("hi")) as stream:
        text = [piece async for piece in stream.text_stream]
        message = await stream.get_final_message()
    assert text == ["one", " two"]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 8, 3)


async def test_it_parses_a_structured_answer(plain: anthropic.AsyncAnthropic) -> None:
    class Sum(BaseModel):
        total: int

    message = await plain.messages.parse(**asked("sum"), output_format=Sum)
    assert message.parsed_output == Sum(total=4)
    async with plain.messages.stream(**asked("sum"), output_format=Sum) as stream:
        assert (await stream.get_final_message()).parsed_output == Sum(total=4)
    history = [*user("sum"), {"role": "assistant", "content": message.content}, *user("hi")]
    again = await plain.messages.create(model="auto", max_tokens=9, messages=history)
    assert again.stop_reason == "end_turn"


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_calls_a_tool_and_sends_back_what_came_of_it(plain: anthropic.AsyncAnthropic, streamed: bool) -> None:
    if streamed:
        async with plain.messages.stream(**asked("call", tools=[ADD])) as stream:
            message: Any = await stream.get_final_message()
    else:
        message = await plain.messages.create(**asked("call", tools=[ADD]))
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.name, call.input) == ("add", {"a": 2})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "4"}
    history = [*user("call"), {"role": "assistant", "content": message.content}, *user([result])]
    last = await plain.messages.create(model="auto", max_tokens=9, messages=history, tools=[ADD])
    assert last.content[0].type == "text"


@pytest.mark.parametrize("streamed", [False, True])
async def test_its_tool_runner_goes_on_without_a_thread_where_it_is_told_that_there_is_none(streamed: bool) -> None:
    runner = getattr(anthropic.AsyncAnthropic(api_key="none").beta.messages, "tool_runner", None)
    if runner is None:
        pytest.skip("this version of the package has no tool runner")
    added: list[int] = []

    @anthropic.beta_async_tool
    async def add(a: int) -> str:
        """Add."""
        added.append(a)
        return str(a)

    asker = FakeAsker(scripted)
    async with door(asker) as official:
        question: Any = {"model": "auto", "max_tokens": 9, "messages": user("call"), "tools": [add]}
        last = await official.beta.messages.tool_runner(**question, stream=streamed).until_done()
    assert [block.text for block in last.content] == ["one two"]
    assert added == [2]
    assert [len(request.conversation()) for request in asker.asked] == [1, 3]


async def test_who_asks_for_a_thread_is_told_so_in_the_words_of_the_api_and_in_ours(
    client: anthropic.AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await client.messages.create(**asked("hi"), extra_body={"thread": {"type": "create"}})
    body: Any = caught.value.body
    assert body["error"]["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert body["error"]["message"].startswith("thread is not supported: send the whole conversation")
    assert body["stepwell"]["param"] == "thread"


async def test_it_sends_an_image() -> None:
    asker = FakeAsker(scripted)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    async with door(asker) as official:
        await official.messages.create(**asked([image, {"type": "text", "text": "what is it?"}]))
    (message,) = asker.asked[0].messages
    assert message.content is not None
    assert message.content[0].image_url == {"url": "data:image/png;base64,aGk="}  # type: ignore[union-attr]


async def test_it_sees_no_thoughts_that_it_did_not_ask_for_and_may_say_what_only_we_know() -> None:
    asker = FakeAsker(lambda request: answered(request, reasoning="2 and 2"))
    async with door(asker) as official:
        message = await official.messages.create(**asked("hi"), extra_body={"stepwell": {"cache": "off"}})
    assert [block.type for block in message.content] == ["text"]
    assert asker.asked[0].cache == "off"


async def test_thinking_goes_to_targets_that_take_it_and_is_shown() -> None:
    asker = FakeAsker(lambda request: answered(request, reasoning="2 and 2"))
    async with door(asker, passes=["thinking", "top_k"]) as official:
        wanted: Any = {"thinking": {"type": "adaptive"}, "extra_body": {"top_k": 3}}
        message = await official.messages.create(**asked("hi"), **wanted)
        async with official.messages.stream(**asked("hi"), **wanted) as stream:
            streamed = await stream.get_final_message()
    for answer in (message, streamed):
        assert [block.type for block in answer.content] == ["thinking", "text"]
    assert asker.asked[0].parameters.extra == {"thinking": {"type": "adaptive"}, "top_k": 3}


async def test_thinking_is_refused_where_no_target_takes_it(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as raised:
        await client.messages.create(**asked("hi"), thinking={"type": "adaptive"})
    assert raised.value.error_code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("word", "kind", "code"),
    [
        ("refuse", anthropic.BadRequestError, "residency_refused"),
        ("idempotency_conflict", anthropic.ConflictError, "idempotency_conflict"),
        ("schema_not_satisfied", anthropic.UnprocessableEntityError, "schema_not_satisfied"),
        ("rate_limited", anthropic.RateLimitError, "rate_limited"),
        ("transport_unavailable", anthropic.InternalServerError, "transport_unavailable"),
        ("deadline_exceeded", anthropic.InternalServerError, "deadline_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_it_raises_its_own_error_for_ours(
    plain: anthropic.AsyncAnthropic, word: str, kind: type[anthropic.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        await plain.messages.create(**asked(word), stream=stream)
    assert raised.value.error_code == code
    assert raised.value.request_id == raised.value.response.headers["x-stepwell-request-id"]


async def test_it_raises_what_goes_wrong_in_the_middle_of_a_stream(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(**asked("deadline_exceeded"), stream=True)
    seen: list[str] = []

    async def read_on() -> None:
        async for event in stream:
            seen.append(event.type)

    with pytest.raises(anthropic.APIStatusError) as raised:
        await read_on()
    assert raised.value.error_code == "deadline_exceeded"
    assert "message_stop" not in seen


async def test_refused_fields_are_named_as_the_caller_wrote_them(client: anthropic.AsyncAnthropic) -> None:
    for fields, param in (
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop_sequences": ["a", "b", "c", "d", "e"]}, "stop_sequences"),
        ({"metadata": {"user_id": "u" * 300}}, "metadata.user_id"),
        ({"container": "c"}, "container"),
    ):
        with pytest.raises(anthropic.BadRequestError) as raised:
            await client.messages.create(**asked("hi", **fields))
        assert raised.value.type == "invalid_request_error"
        body: Any = raised.value.body
        assert body["stepwell"]["param"] == param
        assert body["request_id"] == raised.value.request_id
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(**{**asked("hi"), "model": "unheard_of"})


async def test_errors_before_anything_is_read_are_in_its_words_too() -> None:
    async with door(FakeAsker(scripted), Limits(body_bytes=200)) as official:
        with pytest.raises(anthropic.APIStatusError) as raised:
            await official.messages.create(**asked("hi " * 200), extra_headers={"x-request-id": "mine"})
    assert (raised.value.status_code, raised.value.type) == (413, "request_too_large")
    assert raised.value.request_id == "mine"


async def test_who_goes_away_takes_the_request_back() -> None:
    asker = FakeAsker(scripted, hold=True)
    async with door(asker) as official:
        asking = asyncio.ensure_future(official.messages.create(**asked("hi")))
        await asker.started.wait()
        asking.cancel()
        await asyncio.wait_for(asker.taken_back.wait(), 5)


async def test_it_tries_again_where_that_helps_and_only_there() -> None:
    tried: list[str] = []

    def reply(request: Request) -> Reply:
        tried.append(str(request.conversation()[-1].content))
        if len(tried) == 1:
            return ended(request, "failed", "target_overloaded", retry_after_s=0.01)
        return scripted(request)

    async with door(FakeAsker(reply)) as official:
        again = official.with_options(max_retries=2)
        message = await again.messages.create(**asked("hi"), extra_headers={"x-stepwell-meta-a": "b"})
        assert message.stop_reason == "end_turn"
        with pytest.raises(anthropic.UnprocessableEntityError):
            await again.messages.create(**asked("schema_not_satisfied"))
    assert tried == ["hi", "hi", "schema_not_satisfied"]


async def test_it_counts_the_tokens_of_a_question(client: anthropic.AsyncAnthropic) -> None:
    raw = await client.messages.with_raw_response.count_tokens(
        model="auto", messages=user("hi " * 30), system="be brief"
    )
    assert raw.headers["x-stepwell-estimated"] == "input_tokens"
    assert (await raw.parse()).input_tokens == 41
