"""The door as the official `openai` package sees it."""

from collections.abc import AsyncIterator

import openai
import pytest
from fakes_door import FakeAsker, Names, answered, ended
from pydantic import BaseModel

from pipeline.contracts import Reply, Request, ToolCall
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening


def scripted(request: Request) -> Reply:
    """Reply as the last message says."""
    word = request.conversation()[-1].content
    if word == "refuse":
        return ended(request, "refused", "residency_refused")
    if word == "sum":
        return answered(request, '{"total": 4}')
    if word == "call":
        call = ToolCall(id="c1", function={"name": "add", "arguments": '{"a": 2}'})
        return answered(request, None, tool_calls=(call,), finish_reason="tool_calls")
    if isinstance(word, str) and "_" in word:
        return ended(request, "failed", word)
    return answered(request, "one two")


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client, before a door whose cascade streams two pieces."""
    app = build_door(lambda _: FakeAsker(scripted, pieces=["one", " two"]), Names())
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as official:
        yield official
    await runner.cleanup()


def user(text: str) -> list[openai.types.chat.ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


async def test_it_reads_an_answer(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model="auto", messages=user("hi"))
    assert completion.choices[0].message.content == "one two"
    assert completion._request_id == completion.id.removeprefix("chatcmpl-")


async def test_it_can_send_our_answer_back_as_history(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="auto", messages=user("call"))
    message = first.choices[0].message
    assert message.tool_calls is not None
    history = [*user("call"), message.model_dump(), {"role": "tool", "tool_call_id": "c1", "content": "4"}]
    second = await client.chat.completions.create(model="auto", messages=history)
    assert second.choices[0].message.content == "one two"


async def test_it_reads_a_stream_with_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="auto", messages=user("hi"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "one two"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 15


async def test_its_stream_helper_puts_the_answer_together(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="auto", messages=user("hi")) as stream:
        completion = await stream.get_final_completion()
    assert completion.choices[0].message.content == "one two"
    assert completion.choices[0].finish_reason == "stop"


async def test_it_parses_a_structured_answer(client: openai.AsyncOpenAI) -> None:
    class Sum(BaseModel):
        total: int

    completion = await client.chat.completions.parse(model="auto", messages=user("sum"), response_format=Sum)
    assert completion.choices[0].message.parsed == Sum(total=4)


@pytest.mark.parametrize(
    ("word", "kind", "code"),
    [
        ("refuse", openai.BadRequestError, "residency_refused"),
        ("model_not_found", openai.NotFoundError, "model_not_found"),
        ("idempotency_conflict", openai.ConflictError, "idempotency_conflict"),
        ("schema_not_satisfied", openai.UnprocessableEntityError, "schema_not_satisfied"),
        ("target_overloaded", openai.RateLimitError, "target_overloaded"),
        ("deadline_exceeded", openai.InternalServerError, "deadline_exceeded"),
    ],
)
async def test_it_raises_its_own_error_classes_with_our_codes(
    client: openai.AsyncOpenAI, word: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as raised:
        await client.chat.completions.create(model="auto", messages=user(word))
    assert raised.value.code == code


async def test_it_raises_when_a_stream_breaks_off(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="auto", messages=user("target_timeout"), stream=True)
    with pytest.raises(openai.APIError) as raised:
        async for _ in stream:
            pass
    assert raised.value.code == "target_timeout"


async def test_it_lists_the_models(client: openai.AsyncOpenAI) -> None:
    assert {model.id async for model in client.models.list()} == {"auto", "chat", "labels", "small", "large"}
    assert (await client.models.retrieve("chat")).owned_by == "stepwell"


async def test_it_does_not_ask_again_when_the_answer_would_be_the_same(client: openai.AsyncOpenAI) -> None:
    asker = FakeAsker(lambda request: ended(request, "failed", "deadline_exceeded"))
    runner = await listening(build_door(lambda _: asker, Names()), "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    with pytest.raises(openai.InternalServerError):
        await client.with_options(base_url=base, max_retries=2).chat.completions.create(
            model="auto", messages=user("x")
        )
    assert len(asker.asked) == 1
    await runner.cleanup()
