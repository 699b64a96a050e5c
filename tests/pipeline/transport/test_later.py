"""A request that waits for its budget survives the death of workers and of NATS, and is paid and answered once."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

from servers import NatsServer, provisioned, until

from pipeline.adapters.results import StreamResults
from pipeline.audit.check import check
from pipeline.client import Client
from pipeline.contracts import Reply, Request
from pipeline.errors import NoWorker, TransportUnavailable
from pipeline.layout import consumers
from pipeline.transport.nats import NatsLink

SUPPORT = Path(__file__).resolve().parents[2] / "support"
PATIENT_S = 10.0
"""Time to acknowledge where nothing has to be delivered twice: a machine that stands still must not make it so."""


def worker(server: NatsServer, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SUPPORT / "waiting_worker.py"), server.url, str(folder), *words]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


async def waits(link: NatsLink, stage: str = "draft") -> list[str]:
    """Subjects of what is kept for later in front of `stage`."""
    found = [stored.subject async for stored in link.streams.scan("STEPS", subject="step.later.>")]
    return [subject for subject in found if subject.split(".")[3] == stage]


async def ready(link: NatsLink) -> None:
    """A worker takes requests."""
    async with asyncio.timeout(40):
        while True:
            conversation = await link.converse("$SRV.PING.stepwell", b"")
            try:
                if await conversation.next(0.2) is not None:
                    return
            except NoWorker:
                await asyncio.sleep(0.05)
            finally:
                conversation.close()


async def result(link: NatsLink, request_id: str) -> Reply:
    results = StreamResults(link.streams)
    async with asyncio.timeout(40):
        while True:
            with contextlib.suppress(TransportUnavailable):  # NATS was killed a moment ago
                if (reply := await results.get("default", request_id)) is not None:
                    return reply
            await asyncio.sleep(0.05)


async def once(link: NatsLink, folder: Path, reply: Reply) -> None:
    """One charge, one reply, one record, and nothing left behind from which more could come."""
    async with asyncio.timeout(40):
        while [stored async for stored in link.streams.scan("STEPS")]:
            await asyncio.sleep(0.02)
    assert (folder / "calls").read_text().splitlines() == [reply.id]
    assert reply.status == "answered"
    assert [word for word in reply.path if word.startswith("draft:")] == ["draft:postponed", "draft:drafted"]
    report = await check(link.streams)
    assert report.ok
    assert len([stored async for stored in link.streams.scan("AUDIT")]) == 1
    assert len([stored async for stored in link.streams.scan("RESULTS")]) == 1


async def test_workers_that_die_before_during_and_after_the_wait_neither_lose_nor_double_it(
    nats: NatsServer, tmp_path: Path
) -> None:
    link = await provisioned(nats, consumers(batch=2, ack_wait_s=3.0))
    client = Client(link)
    dying = worker(nats, tmp_path, "die")
    await ready(link)
    await client.enqueue(Request(id="r1", input="hello", lane="batch"))
    await until(lambda: dying.poll() is not None, 40)  # it died between the store and the acknowledgement
    assert len([stored async for stored in link.streams.scan("STEPS")]) == 2, "the message, and itself for later"
    second = worker(nats, tmp_path)
    async with asyncio.timeout(40):
        while len([stored async for stored in link.streams.scan("STEPS")]) != 1 or not await waits(link):
            await asyncio.sleep(0.02)  # the redelivery of the message was recognised, and acknowledged
    second.kill()
    second.wait()
    (tmp_path / "open").touch()
    third = worker(nats, tmp_path)
    await once(link, tmp_path, await result(link, "r1"))
    third.kill()
    third.wait()
    await link.close()


async def test_a_death_of_nats_while_a_request_waits_loses_nothing(nats: NatsServer, tmp_path: Path) -> None:
    link = await provisioned(nats, consumers(batch=2, ack_wait_s=PATIENT_S))
    client = Client(link)
    process = worker(nats, tmp_path, "long")
    await ready(link)
    await client.enqueue(Request(id="r1", input="hello", lane="batch"))
    async with asyncio.timeout(40):
        while not await waits(link) or len([stored async for stored in link.streams.scan("STEPS")]) != 1:
            await asyncio.sleep(0.02)
    nats.kill()
    (tmp_path / "open").touch()
    nats.start()
    await once(link, tmp_path, await result(link, "r1"))
    process.kill()
    process.wait()
    await link.close()


async def test_a_waiting_caller_is_told_at_its_deadline_and_those_behind_it_are_served_meanwhile(
    nats: NatsServer, tmp_path: Path
) -> None:
    """Two batch requests may be out at once; five wait here, and none of them is among the two."""
    link = await provisioned(nats, consumers(batch=2, ack_wait_s=PATIENT_S))
    client = Client(link)
    process = worker(nats, tmp_path)
    await ready(link)
    for number in range(5):
        await client.enqueue(Request(id=f"b{number}", input="hello", lane="batch"))
    asked = Request(id="r1", input="hello", budget={"deadline_ms": 3000})
    reply = await client.ask(asked, timeout_s=40)
    assert reply.error is not None
    assert reply.error.code == "deadline_exceeded"
    assert reply.path[-2:] == ("draft:postponed", "draft:expired")
    (tmp_path / "open").touch()
    for number in range(5):
        assert (await result(link, f"b{number}")).status == "answered"
    assert sorted((tmp_path / "calls").read_text().split()) == [f"b{number}" for number in range(5)]
    process.kill()
    process.wait()
    await link.close()


async def test_what_came_back_by_itself_is_not_woken_again(nats: NatsServer) -> None:
    """Whoever wakes has read that it waits, and is slower than its time."""
    link = await provisioned(nats)
    transport = link.transport()
    await transport.postpone("batch", "draft", b"once", "default.r1.4.1", 0.2)
    stale = await link.streams.batch("STEPS", 1, "step.later.batch.*.default.r1.>")
    async with asyncio.timeout(40):
        while await waits(link):
            await asyncio.sleep(0.05)

    async def late(*_: object) -> object:
        return stale

    transport._streams.batch = late  # type: ignore[method-assign, assignment]
    assert not await transport.wake("batch", "default.r1")
    assert [stored.body async for stored in link.streams.scan("STEPS")] == [b"once"]
    await link.close()
