"""Museum 1: the same request streamed and not streamed costs the same; an abandoned stream is still billed.

LiteLLM #37923: about 830 EUR were invoiced, and 1.47 USD shown.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_money import lines
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer, valkey_server

from pipeline.contracts import Chunk, LedgerEntry, Reply, Request

BUDGETS = "budgets:\n  - {name: day, by: [tenant], per: day, limit: {usd: 1.0}}\n"
QUESTION = "How deep is the well, and who dug it?"


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def plans(model: str) -> Plans:
    return Plans({"first": model}, ("{variants: {first: 1}}",), budgets=BUDGETS)


async def streamed(home: House, name: str) -> Reply:
    async for item in home.client.stream(Request(id=name, input=QUESTION, stream=True, cache="off")):
        if isinstance(item, Reply):
            return item
    raise AssertionError("a stream ends with its reply")


async def settled(home: House) -> dict[str, LedgerEntry]:
    return {entry.request_id: entry for entry in await lines(home.link.streams) if entry.kind == "settle"}


async def test_a_request_costs_the_same_whether_it_is_streamed_or_not(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans("maxi"), valkey.url) as home:
        plain = await home.client.ask(Request(id="plain", input=QUESTION, cache="off"))
        stream = await streamed(home, "stream")
        assert plain.cost_usd is not None
        assert plain.cost_usd > 0
        assert (stream.usage, stream.cost_usd) == (plain.usage, plain.cost_usd)
        told = await settled(home)
        assert told["stream"].usd == told["plain"].usd == plain.cost_usd
        assert not any(entry.estimated for entry in told.values()), "both were reported"
        assert [record.cost_usd for record in await home.records()] == [plain.cost_usd, plain.cost_usd]


@pytest.mark.parametrize("when", ["at the first piece", "later"])
async def test_a_stream_that_its_caller_leaves_is_billed_for_what_was_made(
    tmp_path: Path, valkey: ValkeyServer, when: str
) -> None:
    async with house(tmp_path, plans("maxi-drip"), valkey.url) as home:
        seen = 0
        async for item in home.client.stream(Request(id="left", input=QUESTION, stream=True, cache="off")):
            assert isinstance(item, Chunk), "the caller leaves before the end"
            seen += 1
            if when == "at the first piece" or seen == 3:
                await home.client.cancel("left")
                break
        async with asyncio.timeout(20):
            while not await home.records():
                await asyncio.sleep(0.05)
        (record,) = await home.records()
        (attempt,) = record.attempts
        assert attempt.estimated, "nobody reported what it used"
        assert attempt.usage.input_tokens >= len(QUESTION) // 4
        assert attempt.usage.output_tokens >= 1
        assert record.cost_usd is not None
        assert record.cost_usd > 0
        entry = (await settled(home))["left"]
        assert (entry.usd, entry.estimated) == (record.cost_usd, True)
        assert [cover.budget for cover in entry.covers] == ["day"], "and its budget pays for it"


async def test_a_stream_that_breaks_off_is_billed_too(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans("truncated-drip"), valkey.url) as home:
        reply = await streamed(home, "broken")
        assert reply.status == "failed"
        assert reply.cost_usd is not None
        assert reply.cost_usd > 0
        assert (await settled(home))["broken"].usd == reply.cost_usd
