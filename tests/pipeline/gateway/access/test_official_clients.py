"""The official clients raise their own exceptions where the door lets nobody in, and are let in by what they send."""

import asyncio
from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
from fakes_door import FakeAsker, Names, answered
from keys_made import KeysInMemory, made

from pipeline.adapters.clock import SystemClock
from pipeline.gateway import Limits, build_door
from pipeline.gateway.access import KeyAccess, Quotas
from pipeline.gateway.server import listening
from pipeline.keys import KeyLimits

GOOD, BARE = made(), made(scopes=("models",))
NARROW = made(routes=("labels",))
FEW = made(limits=KeyLimits(requests_per_minute=1))
BUSY = made(limits=KeyLimits(tokens_per_minute=10))


@pytest.fixture
async def base() -> AsyncIterator[str]:
    keys = KeysInMemory(*(record for _, record in (GOOD, BARE, NARROW, FEW, BUSY)))
    asker = FakeAsker(lambda request: answered(request, "one"), pieces=["one"])
    access = KeyAccess(keys, SystemClock(), Quotas())
    app = build_door(lambda _tenant: asker, Names(), access=access)
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def asked(base: str, key: str, model: str = "auto", *, stream: bool = False) -> object:
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0) as client:
        answer = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "?"}], stream=stream
        )
        return [chunk async for chunk in answer] if stream else answer  # type: ignore[union-attr]


async def said(base: str, key: str) -> object:
    async with anthropic.AsyncAnthropic(base_url=base, api_key=key, max_retries=0) as client:
        return await client.messages.create(model="chat", max_tokens=9, messages=[{"role": "user", "content": "?"}])


async def test_the_client_of_openai_is_let_in_and_raises_its_own_exceptions(base: str) -> None:
    assert await asked(base, GOOD[0])
    with pytest.raises(openai.AuthenticationError) as unknown:
        await asked(base, GOOD[0][:-1])
    assert unknown.value.code == "invalid_api_key"
    for key, model in ((BARE[0], "auto"), (NARROW[0], "auto"), (NARROW[0], "chat"), (NARROW[0], "large")):
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await asked(base, key, model)
        assert denied.value.code == "permission_denied"
    assert await asked(base, NARROW[0], "labels")


async def test_the_client_of_anthropic_sends_its_key_in_its_own_header(base: str) -> None:
    assert await said(base, GOOD[0])
    with pytest.raises(anthropic.AuthenticationError):
        await said(base, "sk-ant-something")
    with pytest.raises(anthropic.PermissionDeniedError):
        await said(base, BARE[0])


async def test_a_key_that_opens_some_models_lists_those_alone(base: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=NARROW[0], max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ["labels"]
        with pytest.raises(openai.PermissionDeniedError):
            await client.models.retrieve("chat")


async def test_limits_of_a_key_are_told_as_limits_of_rate(base: str) -> None:
    await asked(base, FEW[0])
    with pytest.raises(openai.RateLimitError) as many:
        await asked(base, FEW[0])
    assert int(many.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_count_whether_they_are_streamed_or_not(base: str, stream: bool) -> None:
    await asked(base, BUSY[0], stream=stream)
    await asyncio.sleep(0.05)
    with pytest.raises(openai.RateLimitError):
        await asked(base, BUSY[0], stream=stream)
