"""Museum 1 over HTTP: the same request streamed and not costs the same, and who hangs up pays for what was made.

LiteLLM #37923: about 830 EUR were invoiced, and 1.47 USD shown.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from door_house import Front, front
from fakes_money import lines
from openai.types.chat import ChatCompletionMessageParam
from stairs_house import Plans
from valkey_server import ValkeyServer, valkey_server

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How deep is the well, and who dug it?"}]
FRESH = {"cache-control": "no-store"}
BUDGETS = "budgets:\n  - {name: day, by: [tenant], per: day, limit: {usd: 1.0}}\n"


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def plans(model: str) -> Plans:
    return Plans({"first": model}, ("{variants: {first: 1}}",), budgets=BUDGETS)


async def streamed(house: Front) -> tuple[int, float]:
    """Tokens and cost of a stream, as its last events tell them."""
    stream = await house.official.chat.completions.create(
        model="auto", messages=ASK, stream=True, stream_options={"include_usage": True}, extra_headers=FRESH
    )
    tokens, cost = 0, 0.0
    async for chunk in stream:
        tokens = chunk.usage.total_tokens if chunk.usage else tokens
        told = (chunk.model_extra or {}).get("stepwell")
        cost = told["cost_usd"] if told else cost
    return tokens, cost


async def test_a_request_costs_the_same_whether_it_is_streamed_or_not(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with front(tmp_path, plans("maxi"), valkey.url) as house:
        raw = await house.official.chat.completions.with_raw_response.create(
            model="auto", messages=ASK, extra_headers=FRESH
        )
        usage = raw.parse().usage
        assert usage is not None
        tokens, cost = await streamed(house)
        assert tokens == usage.total_tokens
        assert cost == float(raw.headers["x-stepwell-cost"]) > 0
        settled = [entry.usd for entry in await lines(house.home.link.streams) if entry.kind == "settle"]
        assert settled == [cost, cost]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_who_hangs_up_pays_for_what_was_made(tmp_path: Path, valkey: ValkeyServer, stream: bool) -> None:
    async with front(tmp_path, plans("maxi-drip"), valkey.url) as house:
        left = house.official.with_options(timeout=0.6)
        asking = asyncio.ensure_future(left.chat.completions.create(model="auto", messages=ASK, stream=stream))
        if stream:
            await anext(await asking)
            await (await asking).close()
        else:
            with pytest.raises(openai.APITimeoutError):
                await asking
        async with asyncio.timeout(10):
            while not (records := await house.home.records()):
                await asyncio.sleep(0.02)
        settled = [entry.usd for entry in await lines(house.home.link.streams) if entry.kind == "settle"]
        assert settled == [records[0].cost_usd]
        assert (settled[0] or 0) > 0
