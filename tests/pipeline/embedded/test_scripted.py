"""The scripted model server: the shape of the OpenAI API, trouble on demand, and a ledger that tests can trust."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import aiohttp
import openai
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.documents import problems
from pipeline.embedded.scripted import ScriptedServer
from pipeline.embedded.scripted.answers import answer
from pipeline.embedded.scripted.behaviour import behaviour_of
from pipeline.embedded.scripted.instance import instance_of

ASK = [{"role": "user", "content": "Where does Ines Halvorsen live?"}]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=5.0) as made:
        yield made


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


# ---------------------------------------------------------------- the API, by the public client


async def test_the_public_client_gets_an_answer_with_usage_and_log_probabilities(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="large", messages=ASK, logprobs=True)
    choice = done.choices[0]
    assert choice.message.content
    assert choice.finish_reason == "stop"
    assert choice.logprobs is not None
    assert "".join(token.token for token in choice.logprobs.content or []) == choice.message.content
    assert done.usage is not None
    assert done.usage.completion_tokens == len(choice.logprobs.content or [])


async def test_the_public_client_gets_the_same_answer_as_a_stream(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="large", messages=ASK)
    stream = await client.chat.completions.create(
        model="large", messages=ASK, stream=True, logprobs=True, stream_options={"include_usage": True}
    )
    text, scored, usage, reason = "", 0, None, None
    async for piece in stream:
        usage = piece.usage or usage
        for choice in piece.choices:
            text += choice.delta.content or ""
            scored += len((choice.logprobs.content if choice.logprobs else None) or [])
            reason = choice.finish_reason or reason
    assert text == whole.choices[0].message.content
    assert usage == whole.usage
    assert (scored, reason) == (usage.completion_tokens if usage else None, "stop")


async def test_the_public_client_gets_a_call_of_a_tool_when_it_must_be_one(client: openai.AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    done = await client.chat.completions.create(model="large", messages=ASK, tools=[tool], tool_choice="required")
    calls = done.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "weather"
    assert problems(schema, orjson.loads(calls[0].function.arguments)) == ()
    free = await client.chat.completions.create(model="large", messages=ASK, tools=[tool])
    assert free.choices[0].message.tool_calls is None


async def test_it_lists_models_and_says_that_it_is_well(client: openai.AsyncOpenAI, server: ScriptedServer) -> None:
    assert [model.id async for model in client.models.list()] == [
        "scripted-small",
        "scripted-large",
        "scripted-embedder",
    ]
    async with aiohttp.ClientSession() as session, session.get(server.url.replace("/v1", "/health")) as response:
        assert response.status == 200


async def test_no_more_tokens_are_given_than_were_asked_for(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="large", messages=ASK, max_tokens=3)
    assert done.choices[0].finish_reason == "length"
    assert done.usage is not None
    assert done.usage.completion_tokens == 3


# ---------------------------------------------------------------- the script


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("some-429-model", openai.RateLimitError),
        ("error", openai.InternalServerError),
        ("reject", openai.BadRequestError),
    ],
)
async def test_trouble_comes_by_name(client: openai.AsyncOpenAI, model: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model=model, messages=ASK)
    if model == "some-429-model":
        assert caught.value.response.headers["Retry-After"] == "1"


async def test_a_flaky_model_fails_every_other_try_of_a_key(client: openai.AsyncOpenAI) -> None:
    for key in ("a", "b", "c"):
        worked = []
        for _ in range(4):
            try:
                await client.chat.completions.create(model="flaky", messages=ASK, extra_headers=keyed(key))
                worked.append(True)
            except openai.InternalServerError:
                worked.append(False)
        assert worked in ([True, False, True, False], [False, True, False, True])


async def test_a_truncated_answer_is_half_an_answer(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="truncated", messages=ASK)
    whole = await client.chat.completions.create(model="large", messages=ASK)
    assert done.choices[0].finish_reason == "length"
    assert (whole.choices[0].message.content or "").startswith(done.choices[0].message.content or "?")


@pytest.mark.parametrize("model", ["truncated", "midway"])
async def test_a_broken_stream_ends_without_a_reason(server: ScriptedServer, model: str) -> None:
    body = {"model": model, "messages": ASK, "stream": True}
    got = b""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", json=body) as response,
    ):
        try:
            async for piece in response.content.iter_any():
                got += piece
        except aiohttp.ClientPayloadError:
            assert model == "truncated"
    assert b"content" in got
    assert b"[DONE]" not in got
    assert b'"stop"' not in got
    assert (b'"error"' in got) == (model == "midway")


async def test_a_dripping_model_gives_one_token_at_a_time(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="drip", messages=ASK, stream=True, max_tokens=4)
    times = [time.monotonic() async for piece in stream if piece.choices and piece.choices[0].delta.content]
    assert len(times) == 4
    assert all(later - earlier > 0.03 for earlier, later in pairwise(times))


@pytest.mark.parametrize("kind", ["object", "array", "string", "integer"])
def test_wrong_json_never_satisfies_the_schema(kind: str) -> None:
    given = answer(asking({"type": kind}), behaviour_of("wrong-json"), 0)
    assert problems({"type": kind}, orjson.loads(given.text)) != ()


def test_a_fence_is_in_the_log_probabilities_alone() -> None:
    given = answer(asking({"type": "object"}), behaviour_of("large-fenced"), 0)
    assert "```" not in given.text
    assert re.fullmatch(r"```json\n(.*)\n```", "".join(token for token, _ in given.logprobs), re.DOTALL)


def test_small_models_doubt_about_a_third_of_the_prompts_and_large_ones_none() -> None:
    def doubts(model: str, seed: int = 0) -> set[int]:
        chosen = set()
        for i in range(1000):
            given = answer({"messages": [{"role": "user", "content": f"question {i}"}]}, behaviour_of(model), seed)
            if sum(score for _, score in given.logprobs) / len(given.logprobs) < -0.5:
                chosen.add(i)
        return chosen

    small = doubts("any-small")
    assert 300 <= len(small) <= 400
    assert doubts("any-small") == small
    assert doubts("any-small", seed=1) != small
    assert doubts("any-large") == set()
    assert len(doubts("unsure-large")) == 1000


def asking(schema: dict) -> dict:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return {"messages": ASK, "response_format": wanted}


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 3, "maxLength": 5},
        {"type": "string", "format": "date"},
        {"enum": ["refund", "delivery"]},
        {"const": 7},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": -5, "maximum": -2},
        {"type": "integer", "multipleOf": 7, "minimum": 1},
        {"type": "number", "minimum": 0.25, "maximum": 0.5},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": ["null", "boolean"]},
        {"type": "null"},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"required": ["a"]}]},
        {"$ref": "#/$defs/name"},
    ]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
        ),
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.integers(0, 2**64 - 1), st.lists(st.text(min_size=1, max_size=9), max_size=3))
def test_the_document_satisfies_the_schema(schema: dict, draw: int, words: list[str]) -> None:
    whole = {**schema, "$defs": {"name": {"type": "string"}}}
    made = instance_of(whole, draw, words)
    assert problems(whole, made) == ()
    assert instance_of(whole, draw, words) == made


def test_a_number_above_zero_is_not_rounded_to_zero() -> None:
    above = {"type": "number", "exclusiveMinimum": 0}
    assert all(instance_of(above, draw, []) > 0 for draw in range(2000))


def test_free_strings_are_taken_from_the_prompt() -> None:
    given = answer(asking({"type": "object", "properties": {"who": {"type": "string"}}}), behaviour_of("large"), 0)
    assert orjson.loads(given.text)["who"] in ASK[0]["content"]


# ---------------------------------------------------------------- the ledger


async def test_a_repeated_key_is_answered_from_memory_and_billed_once(
    client: openai.AsyncOpenAI, server: ScriptedServer
) -> None:
    other = [{"role": "user", "content": "something else"}]
    first = await client.chat.completions.create(model="large", messages=ASK, extra_headers=keyed("k"))
    again = await client.chat.completions.create(model="large", messages=other, extra_headers=keyed("k"))
    assert again.choices[0].message.content == first.choices[0].message.content
    stats = server.ledger.stats()
    assert (stats["calls"], stats["completed"], stats["billed"], stats["keys"]) == (2, 2, {"large": 1}, {"k": 1})
    assert stats["replayed"] == 1


async def test_a_server_that_forgets_keys_bills_twice_and_shows_it() -> None:
    async with (
        ScriptedServer(remember_keys=False) as server,
        openai.AsyncOpenAI(base_url=server.url, api_key="none") as client,
    ):
        for _ in range(2):
            await client.chat.completions.create(model="large", messages=ASK, extra_headers=keyed("k"))
        assert server.ledger.stats()["double_billed"] == ["k"]


async def test_two_calls_under_one_key_at_once_are_billed_once() -> None:
    async with (
        ScriptedServer(delay_ms=(50.0, 50.0)) as server,
        openai.AsyncOpenAI(base_url=server.url, api_key="none") as client,
    ):
        await asyncio.gather(
            *(client.chat.completions.create(model="m", messages=ASK, extra_headers=keyed("k")) for _ in range(2))
        )
        assert server.ledger.stats()["billed_total"] == 1
        assert server.ledger.stats()["max_concurrency"] == 2


async def test_a_call_whose_caller_went_away_is_aborted_and_not_billed(server: ScriptedServer) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(asyncio.TimeoutError):
            await session.post(
                f"{server.url}/chat/completions",
                json={"model": "slow", "messages": ASK},
                timeout=aiohttp.ClientTimeout(total=0.1),
            )
    for _ in range(100):
        if server.ledger.stats()["running"] == 0:
            break
        await asyncio.sleep(0.01)
    stats = server.ledger.stats()
    assert (stats["aborted"], stats["completed"], stats["billed_total"]) == (1, 0, 0)


async def test_slots_bound_what_runs_at_a_time() -> None:
    async with (
        ScriptedServer(delay_ms=(40.0, 40.0), slots=2) as server,
        openai.AsyncOpenAI(base_url=server.url, api_key="none") as client,
    ):
        begun = time.monotonic()
        await asyncio.gather(*(client.chat.completions.create(model="m", messages=ASK) for _ in range(6)))
        assert time.monotonic() - begun >= 0.12


async def test_the_ledger_is_read_and_cleared_over_http(client: openai.AsyncOpenAI, server: ScriptedServer) -> None:
    await client.chat.completions.create(model="large", messages=ASK)
    address = server.url.replace("/v1", "/__stats")
    async with aiohttp.ClientSession() as session:
        async with session.get(address) as response:
            assert (await response.json())["billed"] == {"large": 1}
        async with session.delete(address):
            pass
        async with session.get(address) as response:
            assert (await response.json())["calls"] == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"model":7}', b'{"model":"m","messages":[7]}', b"\xff"])
async def test_a_body_that_is_no_request_is_refused(server: ScriptedServer, body: bytes) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", data=body) as response,
    ):
        assert response.status == 400


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "pipeline.embedded.scripted",
        "--port",
        "18171",
        "--delay-ms",
        "1-2",
        "--slots",
        "2",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        for _ in range(100):
            try:
                done = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
                assert done.chat.completions.create(model="m", messages=ASK).choices[0].message.content
                break
            except openai.APIConnectionError:
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
