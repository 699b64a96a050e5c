"""`/v1/responses` as the official `openai` package sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import openai
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes_door import FakeAsker, Names, answered, ended
from pydantic import BaseModel

from pipeline.contracts import RateState, Reply, Request, ToolCall
from pipeline.gateway import Limits, build_door
from pipeline.gateway.access import Caller, OpenAccess, Scope
from pipeline.gateway.keys import key_ids
from pipeline.gateway.server import listening

ADD: Any = {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": True}


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
    return answered(request, "one two")


class Keeping(FakeAsker):
    """An asker that has its replies still, of its own tenant."""

    def __init__(self, kept: dict[str, Reply]) -> None:
        super().__init__(scripted)
        self.kept = kept

    async def result(self, request_id: str) -> Reply | None:
        return self.kept.get(request_id)


@contextlib.asynccontextmanager
async def door(asker: FakeAsker, passes: Sequence[str] = ()) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client before a door whose cascade is `asker`, and whose targets pass on fields of these names."""
    app = build_door(lambda _: asker, Names(passes=passes))
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as official:
        yield official
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with door(FakeAsker(scripted, pieces=["one", " two"])) as official:
        yield official


@pytest.fixture
async def plain() -> AsyncIterator[openai.AsyncOpenAI]:
    """Nothing is streamed before the reply."""
    async with door(FakeAsker(scripted)) as official:
        yield official


async def test_it_reads_an_answer(client: openai.AsyncOpenAI) -> None:
    response = await client.responses.create(model="auto", input="hi", instructions="be brief")
    assert (response.output_text, response.status) == ("one two", "completed")
    assert response._request_id == response.id.removeprefix("resp_")


async def test_it_is_told_what_was_left_out(client: openai.AsyncOpenAI) -> None:
    raw = await client.responses.with_raw_response.create(model="auto", input="hi", reasoning={"summary": "auto"})
    assert raw.headers["x-stepwell-lossy"] == "reasoning.summary, store"
    assert raw.headers["x-stepwell-variant"] == "small"


async def test_it_is_told_where_log_probabilities_are_missing(plain: openai.AsyncOpenAI) -> None:
    raw = await plain.responses.with_raw_response.create(
        model="auto", input="hi", store=False, include=["message.output_text.logprobs"], top_logprobs=2
    )
    assert raw.headers["x-stepwell-lossy"] == "include.message.output_text.logprobs"


async def test_it_reads_pieces_of_like_size(client: openai.AsyncOpenAI) -> None:
    stream = await client.responses.create(
        model="auto", input="hi", stream=True, stream_options={"include_obfuscation": True}
    )
    deltas = [event.model_dump() async for event in stream if event.type == "response.output_text.delta"]
    assert all(delta["obfuscation"] for delta in deltas)


async def test_effort_goes_to_targets_that_take_it_and_is_refused_where_none_does() -> None:
    asker = FakeAsker(scripted)
    async with door(asker, passes=["reasoning_effort"]) as official:
        await official.responses.create(model="auto", input="hi", reasoning={"effort": "low"})
        with pytest.raises(openai.BadRequestError) as raised:
            await official.responses.create(model="auto", input="hi", text={"verbosity": "low"})
    assert asker.asked[0].parameters.extra == {"reasoning_effort": "low"}
    assert (raised.value.code, raised.value.param) == ("unsupported_parameter", "text.verbosity")


async def test_it_reads_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.responses.create(model="auto", input="hi", stream=True)
    events = [event async for event in stream]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage is not None


async def test_its_stream_helper_puts_the_response_together(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="auto", input="hi") as stream:
        response = await stream.get_final_response()
    assert (response.output_text, response.model) == ("one two", "qwen2.5")


async def test_it_parses_a_structured_answer(plain: openai.AsyncOpenAI) -> None:
    class Sum(BaseModel):
        total: int

    response = await plain.responses.parse(model="auto", input="sum", text_format=Sum)
    assert response.output_parsed == Sum(total=4)
    async with plain.responses.stream(model="auto", input="sum", text_format=Sum) as stream:
        assert (await stream.get_final_response()).output_parsed == Sum(total=4)


async def test_it_calls_a_tool_and_sends_back_what_came_of_it(plain: openai.AsyncOpenAI) -> None:
    history: list[Any] = [{"role": "user", "content": "call"}]
    response = await plain.responses.create(model="auto", input=history, tools=[ADD])
    (call,) = response.output
    assert call.type == "function_call"
    assert (call.name, call.arguments) == ("add", '{"a": 2}')
    history += [*response.output, {"type": "function_call_output", "call_id": call.call_id, "output": "4"}]
    assert (await plain.responses.create(model="auto", input=history, tools=[ADD])).output_text == "one two"


async def test_it_sends_back_what_it_parsed_and_streamed(plain: openai.AsyncOpenAI) -> None:
    class Sum(BaseModel):
        total: int

    async with plain.responses.stream(model="auto", input="call", tools=[ADD]) as stream:
        called = await stream.get_final_response()
    parsed = await plain.responses.parse(model="auto", input="sum", text_format=Sum)
    history: list[Any] = [*called.output, {"type": "function_call_output", "call_id": "c1", "output": "4"}]
    history += [*parsed.output, {"role": "user", "content": "hi"}]
    assert (await plain.responses.create(model="auto", input=history)).output_text == "one two"


@pytest.mark.parametrize(
    ("word", "kind", "code"),
    [
        ("refuse", openai.BadRequestError, "residency_refused"),
        ("idempotency_conflict", openai.ConflictError, "idempotency_conflict"),
        ("schema_not_satisfied", openai.UnprocessableEntityError, "schema_not_satisfied"),
        ("rate_limited", openai.RateLimitError, "rate_limited"),
        ("deadline_exceeded", openai.InternalServerError, "deadline_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_it_raises_its_own_error_for_ours(
    plain: openai.AsyncOpenAI, word: str, kind: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        await plain.responses.create(model="auto", input=word, stream=stream)  # type: ignore[call-overload]
    assert raised.value.code == code


async def test_it_raises_what_goes_wrong_in_the_middle_of_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.responses.create(model="auto", input="deadline_exceeded", stream=True)
    seen: list[str] = []

    async def read_on() -> None:
        async for event in stream:
            seen.append(event.type)

    with pytest.raises(openai.APIError) as raised:
        await read_on()
    assert raised.value.code == "deadline_exceeded"
    assert seen[-1] == "response.failed"


async def test_a_refused_value_names_the_callers_own_field(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(model="auto", input="hi", max_output_tokens=0)
    assert raised.value.param == "max_output_tokens"
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="unheard_of", input="hi")


async def test_a_limit_that_is_hit_names_itself_and_when_to_come_back() -> None:
    rate = RateState(name="rpm", counts="requests", limit=10, remaining=0, reset_s=12.5)
    refused = FakeAsker(lambda request: ended(request, "refused", "rate_limited", retry_after_s=90))
    refused.reply = lambda request: ended(request, "refused", "rate_limited").model_copy(update={"rates": (rate,)})
    async with door(refused) as official:
        with pytest.raises(openai.RateLimitError) as raised:
            await official.responses.create(model="auto", input="hi")
    assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"


async def test_who_goes_away_takes_the_request_back() -> None:
    asker = FakeAsker(scripted, hold=True)
    async with door(asker) as official:
        asking = asyncio.ensure_future(official.responses.create(model="auto", input="hi"))
        await asker.started.wait()
        asking.cancel()
        await asyncio.wait_for(asker.taken_back.wait(), 5)


async def test_it_counts_the_tokens_of_a_question(client: openai.AsyncOpenAI) -> None:
    raw = await client.responses.input_tokens.with_raw_response.count(model="auto", input="hi " * 30)
    assert raw.headers["x-stepwell-estimated"] == "input_tokens"
    counted = raw.parse()
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 34)


async def test_a_response_is_there_again_while_it_is_kept_and_cannot_be_deleted() -> None:
    request = Request(id="r1", input="hi")
    answer = answered(request, completed_at=7.0)
    kept = {"r1": answer, "no name": answer, "r2": ended(request, "refused", "residency_refused")}
    async with door(Keeping(kept)) as official:
        response = await official.responses.retrieve("resp_r1")
        assert (response.id, response.output_text, response.created_at) == ("resp_r1", "four", 7)
        with pytest.raises(openai.BadRequestError, match="because of residency_refused"):
            await official.responses.retrieve("resp_r2")
        for unknown in ("resp_r3", "resp_no name", "r" * 99):
            with pytest.raises(openai.NotFoundError):
                await official.responses.retrieve(unknown)
        with pytest.raises(openai.BadRequestError, match="goes by itself"):
            await official.responses.delete("resp_r1")
        with pytest.raises(openai.BadRequestError, match="in one piece"):
            await official.responses.retrieve("resp_r1", stream=True)


class Restricted(OpenAccess):
    """Everybody comes with a key that opens one route."""

    def __init__(self, route: str) -> None:
        super().__init__(key_ids(b""))
        self.route = route

    async def admit(self, headers: Mapping[str, str], scope: Scope) -> Caller:
        return replace(await super().admit(headers, scope), routes=frozenset({self.route}))


@pytest.mark.parametrize(("route", "seen"), [("chat", True), ("small", True), ("labels", False)])
async def test_a_key_sees_responses_of_the_routes_that_it_opens_alone(route: str, seen: bool) -> None:
    kept = {"r1": answered(Request(id="r1", input="hi")), "r2": ended(Request(id="r2", input="hi"), "failed", "failed")}
    app = build_door(lambda _: Keeping(kept), Names(), access=Restricted(route))
    async with TestClient(TestServer(app)) as caller:
        statuses = [(await caller.get(f"/v1/responses/resp_{name}")).status for name in kept]
    assert statuses == [200 if seen else 404, 404]


async def test_vectors_are_no_response() -> None:
    kept = {"r1": answered(Request(id="r1", input="hi"), None, embeddings=("AAAA",))}
    async with door(Keeping(kept)) as official:
        with pytest.raises(openai.NotFoundError):
            await official.responses.retrieve("resp_r1")


async def test_a_door_that_keeps_nothing_has_no_response_again(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="kept for a day"):
        await client.responses.retrieve("resp_r1")
