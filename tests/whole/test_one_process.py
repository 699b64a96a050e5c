"""Door and stages in one process: what a caller gets, and what is written down, is what it is with workers apart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from servers import NatsServer
from valkey_server import ValkeyServer, valkey_server
from whole import Whole, whole

from pipeline.adapters.clock import SystemClock
from pipeline.client import Client
from pipeline.contracts import Chunk, Reply, Request
from pipeline.revisions import AppliedPolicies
from pipeline.transport.nats import connect
from stages.app import run_beside


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@asynccontextmanager
async def together(house: Whole) -> AsyncIterator[Client]:
    """A client whose connection the stages share."""
    link = await connect(house.settings, name="door")
    policies = AppliedPolicies(house.policies, link.bucket("policy"), SystemClock(), house.environment)
    await policies.start()
    worker = await run_beside(house.settings, link, policies)
    try:
        yield Client(link)
    finally:
        await worker.stop(2)
        await policies.stop()


async def test_a_question_is_answered_and_its_step_was_durable(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=()) as house, together(house) as client:
        before = await house.link.jetstream.stream_info("STEPS")
        reply = await client.ask(Request(id="one", input="Why is the sky blue?"))
        after = await house.link.jetstream.stream_info("STEPS")
        stored = await house.client.result("one")
        records = await house.records()
    assert reply.status == "answered"
    assert after.state.last_seq == before.state.last_seq + 1
    assert stored is not None
    assert stored.model_dump_json(exclude_none=True) == reply.model_dump_json(exclude_none=True)
    assert [record.request_id for record in records if record.request_id == "one"] == ["one"]


async def hit(client: Client, question: Request) -> None:
    """Ask until the answer is remembered, which happens after the reply."""
    async with asyncio.timeout(10):
        while (await client.ask(question)).cache != "hit":
            await asyncio.sleep(0.05)


async def test_what_is_remembered_is_in_no_queue_and_is_recorded_and_kept_before_the_reply(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=()) as house, together(house) as client:
        question = Request(input="Why do wells have stairs?")
        first = await client.ask(question)
        await hit(client, question)
        before = await house.link.jetstream.stream_info("STEPS")
        again = await client.ask(question)
        after = await house.link.jetstream.stream_info("STEPS")
        stored = await house.client.result(again.id)
        records = await house.records()
        streamed = [item async for item in client.stream(question)]
    assert (first.cache, again.cache) == ("miss", "hit")
    assert after.state.last_seq == before.state.last_seq
    assert stored is not None
    assert stored.content == again.content == first.content
    assert [record.cache for record in records if record.request_id == again.id] == ["hit"]
    assert "".join(item.text for item in streamed if isinstance(item, Chunk)) == first.content


async def test_a_stream_adds_up_to_its_reply(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=()) as house, together(house) as client:
        items = [item async for item in client.stream(Request(input="Why is the sky blue today?", pin="large"))]
    *chunks, reply = items
    assert isinstance(reply, Reply)
    assert chunks
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, Chunk)) == reply.content


async def test_a_repetition_gets_the_first_reply(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=()) as house, together(house) as client:
        first = await client.ask(Request(id="twice", input="Why is grass green?"))
        calls = str(house.calls())
        again = await client.ask(Request(id="twice", input="Why is grass green?"))
        calls_then = str(house.calls())
    assert (first.audit_id, first.content) == (again.audit_id, again.content)
    assert calls == calls_then
