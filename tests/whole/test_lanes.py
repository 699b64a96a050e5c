"""A pool of workers for each lane: each takes its own work, and a batch goes on without anybody of the other one."""

import asyncio
from pathlib import Path

import orjson
import pytest
from servers import NatsServer
from whole import Whole, whole

from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine, Options
from pipeline.client import Client
from pipeline.contracts import Lane, Request
from pipeline.errors import NoWorker
from pipeline.gateway.readiness import WorkerPing

pytestmark = pytest.mark.usefixtures("patience")

LINES = 5


async def batch_of(cascade: Whole) -> Batch:
    """A batch that has ended."""
    engine = Engine(cascade.link, SystemClock())

    async def rows():  # type: ignore[no-untyped-def]
        yield b"".join(orjson.dumps({"id": f"{n}", "input": f"What is {n} + {n}?"}) + b"\n" for n in range(LINES))

    info = await engine.put_file("default", rows(), name="lines.jsonl")
    batch = await engine.create("default", info.id, Options(window_s=600.0))
    async with asyncio.timeout(30):
        while not batch.ended:
            await asyncio.sleep(0.05)
            batch = await engine.get("default", batch.id)
    return batch


async def told_of(cascade: Whole, service: str) -> list[dict[str, object]]:
    """What `$SRV.INFO` says of the endpoints of a service."""
    conversation = await cascade.link.converse(f"$SRV.INFO.{service}", b"")
    try:
        answer = await conversation.next(2)
    except NoWorker:
        return []
    finally:
        conversation.close()
    assert answer is not None
    return [orjson.loads(answer.body)]


async def test_workers_of_batches_run_them_alone_and_take_no_callers(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    async with whole(tmp_path, nats, valkey_url, lanes=[("batch",)]) as cascade:
        with pytest.raises(NoWorker):
            await Client(cascade.link).ask(Request(input="Is anybody there?"), timeout_s=5)
        with pytest.raises(NoWorker):
            await WorkerPing(cascade.link)()
        (shown,) = await told_of(cascade, "stepwell-batch")
        assert shown["endpoints"] == []
        batch = await batch_of(cascade)
        assert (batch.status, batch.counts.answered) == ("completed", LINES)


async def test_with_a_pool_for_each_lane_both_are_served_and_each_by_its_own(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    lanes: list[tuple[Lane, ...]] = [("interactive",), ("batch",)]
    async with whole(tmp_path, nats, valkey_url, lanes=lanes) as cascade:
        client = Client(cascade.link)
        asked = await client.enqueue(Request(input="And three?", lane="batch"))
        batch = await batch_of(cascade)
        assert (batch.status, batch.counts.answered) == ("completed", LINES)
        reply = await client.ask(Request(input="How many legs have two cats?"), timeout_s=10)
        assert reply.status == "answered"
        (shown,) = await told_of(cascade, "stepwell")
        assert shown["endpoints"]
        async with asyncio.timeout(20):
            while (later := await client.result(asked)) is None:
                await asyncio.sleep(0.05)
        assert later.status == "answered"


async def test_workers_of_the_interactive_lane_leave_batches_where_they_are(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    async with whole(tmp_path, nats, valkey_url, lanes=[("interactive",)]) as cascade:
        reply = await Client(cascade.link).ask(Request(input="How many legs have two cats?"), timeout_s=10)
        assert reply.status == "answered"
        assert await told_of(cascade, "stepwell-batch") == []
        state = await cascade.link.jetstream.consumer_info("STEPS", "batch-classify")
        assert state.num_waiting == 0
