"""The door as the official `openai` package sees it."""

import contextlib
from collections.abc import AsyncIterator

import openai
import pytest
from fakes_door import FakeAsker, Names, answered, ended
from pydantic import BaseModel

from pipeline.contracts import RateState, Reply, Request, ToolCall, Usage
from pipeline.errors import TransportUnavailable
from pipeline.gateway import Limits, build_door
from pipeline.gateway.keys import key_ids
from pipeline.gateway.problems import STATUS
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


@contextlib.asynccontextmanager
async def before(client: openai.AsyncOpenAI, asker: FakeAsker) -> AsyncIterator[openai.AsyncOpenAI]:
    """The client before a door of its own, whose cascade is `asker`."""
    app = build_door(lambda _: asker, Names(), key_id=key_ids(b"secret"))
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    yield client.with_options(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
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


async def test_it_can_send_back_what_a_model_reasoned(client: openai.AsyncOpenAI) -> None:
    asker = FakeAsker(lambda request: answered(request, "4", reasoning="2 and 2"))
    async with before(client, asker) as own:
        first = await own.chat.completions.create(model="auto", messages=user("2 + 2?"))
        message = first.choices[0].message
        assert message.model_dump()["reasoning_content"] == "2 and 2"
        await own.chat.completions.create(model="auto", messages=[*user("2 + 2?"), message.model_dump(), *user("3?")])
    assert asker.asked[1].conversation()[1].model_dump(exclude_none=True) == {"role": "assistant", "content": "4"}


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
        ("rate_limited", openai.RateLimitError, "rate_limited"),
        ("budget_refused", openai.RateLimitError, "budget_refused"),
        ("escalation_capped", openai.RateLimitError, "escalation_capped"),
        ("context_length_exceeded", openai.BadRequestError, "context_length_exceeded"),
        ("deadline_exceeded", openai.InternalServerError, "deadline_exceeded"),
    ],
)
async def test_it_raises_its_own_error_classes_with_our_codes(
    client: openai.AsyncOpenAI, word: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as raised:
        await client.chat.completions.create(model="auto", messages=user(word))
    assert raised.value.code == code


async def test_it_sends_wishes_in_the_body_and_in_headers_and_reads_limits_and_costs(
    client: openai.AsyncOpenAI,
) -> None:
    rates = (RateState(name="per-minute", counts="requests", limit=60, remaining=59, reset_s=0.4),)
    usage = Usage(input_tokens=12, output_tokens=9, cached_tokens=4, reasoning_tokens=6)
    asker = FakeAsker(lambda request: answered(request, rates=rates, usage=usage))
    async with before(client, asker) as official:
        raw = await official.chat.completions.with_raw_response.create(
            model="auto",
            messages=user("x"),
            extra_body={"provider": {"only": ["eu-cloud"], "allow_fallbacks": False}},
            extra_headers={"x-stepwell-pin": "large", "x-stepwell-meta-task": "labels"},
        )
    (asked,) = asker.asked
    assert (asked.pin, asked.metadata) == ("large", {"task": "labels"})
    assert asked.provider is not None
    assert (asked.provider.only, asked.provider.allow_fallbacks) == (("eu-cloud",), False)
    assert asked.api_key is not None
    assert raw.headers["x-ratelimit-remaining-requests"] == "59"
    assert raw.headers["x-ratelimit-reset-requests"] == "1s"
    assert raw.headers["x-stepwell-cost"] == "0.000125"
    used = raw.parse().usage
    assert used is not None
    assert used.completion_tokens_details is not None
    assert used.completion_tokens_details.reasoning_tokens == 6
    assert used.prompt_tokens_details is not None
    assert used.prompt_tokens_details.cached_tokens == 4


async def test_it_waits_as_long_as_a_rate_limit_says_and_asks_again_by_itself(client: openai.AsyncOpenAI) -> None:
    """A stream too is refused with a clean status and headers, before its first byte."""
    states = (RateState(name="per-minute", counts="requests", limit=1, remaining=0, reset_s=0.2),)

    def limited(request: Request) -> Reply:
        if len(asker.asked) == 1:
            return ended(request, "refused", "rate_limited", retry_after_s=0.2).model_copy(update={"rates": states})
        return answered(request, "now")

    asker = FakeAsker(limited)
    async with before(client, asker) as official:
        with pytest.raises(openai.RateLimitError) as raised:
            await official.chat.completions.create(model="auto", messages=user("x"), stream=True)
        assert raised.value.response.headers["retry-after"] == "1"
        assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        asker.asked.clear()
        patient = official.with_options(max_retries=1)
        completion = await patient.chat.completions.create(model="auto", messages=user("x"))
    assert completion.choices[0].message.content == "now"
    assert len(asker.asked) == 2


async def test_it_does_not_hammer_a_budget_that_is_used_up_until_tomorrow(client: openai.AsyncOpenAI) -> None:
    asker = FakeAsker(lambda request: ended(request, "refused", "budget_refused", retry_after_s=40_000.0))
    async with before(client, asker) as official:
        with pytest.raises(openai.RateLimitError) as raised:
            await official.with_options(max_retries=3).chat.completions.create(model="auto", messages=user("x"))
    assert raised.value.response.headers["retry-after"] == "40000"
    assert len(asker.asked) == 1


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


OF_STATUS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


async def test_every_code_of_ours_is_an_exception_of_its_own_by_its_status(client: openai.AsyncOpenAI) -> None:
    """Where the client has no class for a status, such as 413, it raises the one that all of them come from."""
    for code, status in STATUS.items():
        asker = FakeAsker(lambda request, code=code: ended(request, "failed", code))  # type: ignore[misc]
        async with before(client, asker) as official:
            for stream in (False, True):
                with pytest.raises(openai.APIStatusError) as raised:
                    await official.chat.completions.create(model="auto", messages=user("x"), stream=stream)
                usual = openai.InternalServerError if status >= 500 else openai.APIStatusError
                assert type(raised.value) is OF_STATUS.get(status, usual), code
                assert (raised.value.status_code, raised.value.code) == (status, code)


async def test_a_retry_asks_for_the_same_request_where_the_caller_gave_a_key(client: openai.AsyncOpenAI) -> None:
    """Without a key each try is a request of its own: nobody can tell it from a question that is asked twice."""

    def busy_once(request: Request) -> Reply:
        return ended(request, "failed", "target_overloaded") if len(asker.asked) == 1 else answered(request, "now")

    for headers, same in (({"Idempotency-Key": "order-7"}, True), ({}, False)):
        asker = FakeAsker(busy_once)
        async with before(client, asker) as official:
            patient = official.with_options(max_retries=1)
            await patient.chat.completions.create(model="auto", messages=user("x"), extra_headers=headers)
        first, second = asker.asked
        assert (first.id == second.id) is same


async def test_a_raw_and_a_streaming_response_show_the_headers(client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model="auto", messages=user("hi"))
    assert raw.headers["x-stepwell-variant"] == "small"
    assert raw.parse().choices[0].message.content == "one two"
    ask = client.chat.completions.with_streaming_response
    async with ask.create(model="auto", messages=user("hi"), stream=True) as response:
        assert response.headers["x-stepwell-request-id"]
        lines = [line async for line in response.iter_lines()]
    assert lines[-2] == "data: [DONE]"


async def test_pieces_may_be_filled_up(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="auto", messages=user("hi"), stream=True, stream_options={"include_obfuscation": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "one two"
    assert all(chunk.model_dump()["obfuscation"] for chunk in chunks[:2])


async def test_one_of_several_streams_that_fails_ends_them_with_an_error(client: openai.AsyncOpenAI) -> None:
    def second_fails(request: Request) -> Reply:
        alone = (request.id or "").endswith("-c1")
        return ended(request, "failed", "target_timeout") if alone else answered(request, "one two")

    asker = FakeAsker(second_fails, pieces=["one", " two"])
    async with before(client, asker) as official:
        stream = await official.chat.completions.create(model="auto", messages=user("x"), stream=True, n=2)
        with pytest.raises(openai.APIError) as raised:
            async for _ in stream:
                pass
        assert raised.value.code == "target_timeout"
        with pytest.raises(openai.InternalServerError):
            await official.chat.completions.create(model="auto", messages=user("x"), n=2)


async def read_all(official: openai.AsyncOpenAI, n: int) -> None:
    async for _ in await official.chat.completions.create(model="auto", messages=user("x"), stream=True, n=n):
        pass


@pytest.mark.parametrize("n", [1, 2])
async def test_a_stream_whose_cascade_is_lost_ends_with_an_error(client: openai.AsyncOpenAI, n: int) -> None:
    """Of several it may be lost before all of them have begun; then that is the status."""
    asker = FakeAsker(pieces=["one", TransportUnavailable("NATS is away; ask again")])
    async with before(client, asker) as official:
        with pytest.raises(openai.APIError) as raised:
            await read_all(official, n)
    assert raised.value.code == "transport_unavailable"
