"""Museum 9, with `kill -9`: an answer that was begun never ends as another one, also where its worker dies."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from servers import NatsServer, provisioned, until
from whole import policies_for

from pipeline.client import Client
from pipeline.contracts import Budget, Chunk, Reply, Request
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.errors import NoWorker
from pipeline.settings import Settings
from pipeline.transport.nats import NatsLink

STREAM = Request(input="How deep is the well?", cache="off", pin="large", budget=Budget(deadline_ms=60_000))


@contextlib.contextmanager
def worker(settings: Settings, url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """All stages in a process of their own."""
    urls = dict.fromkeys(("STEPWELL_SMALL_URL", "STEPWELL_LARGE_URL", "STEPWELL_US_URL"), url)
    where = {"STEPWELL_NATS": settings.nats_url, "STEPWELL_POLICIES": str(folder)}
    command = [sys.executable, "-m", "stages", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **urls, **where}, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def ready(link: NatsLink) -> None:
    """A worker takes requests."""

    async def there() -> bool:
        conversation = await link.converse("$SRV.PING.stepwell", b"")
        try:
            return await conversation.next(0.2) is not None
        except NoWorker:
            return False
        finally:
            conversation.close()

    async with asyncio.timeout(60):
        while not await there():
            await asyncio.sleep(0.05)


async def test_the_redelivery_answers_otherwise_and_the_caller_is_told(nats: NatsServer, tmp_path: Path) -> None:
    link = await provisioned(nats)
    client = Client(link)
    folder = policies_for(tmp_path / "policies", "mini", "maxi-drip")
    pieces: list[str] = []
    reply: Reply | None = None
    async with ScriptedServer() as models:
        with worker(nats.settings(), models.url, folder) as first, contextlib.ExitStack() as stack:
            await ready(link)
            async for item in client.stream(STREAM):
                if not isinstance(item, Chunk):
                    reply = item
                    continue
                pieces.append(item.text)
                if len(pieces) == 3:
                    models._seed += 1  # from now on it answers otherwise
                    os.kill(first.pid, signal.SIGKILL)
                    await until(lambda: first.poll() is not None)
                    stack.enter_context(worker(nats.settings(), models.url, folder))
            assert reply is not None
            counts = await client.result(reply.id)
    assert counts is not None
    assert counts.status == "answered"
    assert counts.content is not None
    assert not counts.content.startswith("".join(pieces)), "it is another answer"
    assert reply.status == "failed"
    assert reply.error is not None
    assert reply.error.code == "answer_lost"
    assert counts.id in reply.error.message
    await link.close()
