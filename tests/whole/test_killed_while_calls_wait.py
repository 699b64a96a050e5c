"""A worker that is killed while calls wait for slots of their target loses those that were sent, and no others."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes_money import lines
from policy_files import write
from servers import NatsServer, provisioned, until
from stairs_house import Plans

from pipeline.adapters.money.valkey import PREFIX, ValkeyCounters
from pipeline.client import Client
from pipeline.contracts import Budget, Parameters, Reply, Request
from pipeline.errors import NoWorker

SLOTS, ASKED = 3, 9
BUDGETS = "budgets:\n  - {name: day, by: [tenant], per: day, limit: {usd: 5.0}}\n"
ANSWER = {
    "model": "m",
    "choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2},
}


@dataclass
class Model:
    """Answers nobody until it is opened. `calls`: that reached it."""

    calls: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.calls += 1
        await self.opened.wait()
        return web.json_response(ANSWER)

    @contextlib.asynccontextmanager
    async def served(self):  # type: ignore[no-untyped-def]
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        async with TestServer(app) as server:
            yield str(server.make_url("/v1"))


@contextlib.contextmanager
def worker(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    script = Path(__file__).resolve().parents[1] / "support" / "paying_worker.py"
    process = subprocess.Popen([sys.executable, str(script), *arguments], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def policies(folder: Path, url: str) -> Path:
    files = Plans({"first": "m"}, ("{variants: {first: 1}}",), budgets=BUDGETS).files(url)
    files["models"] = files["models"].replace("slots: 16", f"slots: {SLOTS}").replace("first_token: 2, idle: 1, ", "")
    files["models"] = files["models"].replace("total: 5", "total: 60")
    return write(folder, **files)


async def answered(client: Client, request: Request) -> Reply:
    """The reply; who asks before there is a worker asks again."""
    while True:
        try:
            return await client.ask(request)
        except NoWorker:
            await asyncio.sleep(0.1)


async def aside(valkey_url: str) -> int:
    """Billionths of a dollar that are held for attempts that run."""
    counters = ValkeyCounters(valkey_url)
    try:
        await counters.adopt()
        held = 0
        for key in await counters._calls.command("KEYS", f"{PREFIX}{counters._id}:w:*"):
            fields = await counters._calls.command("HGETALL", key)
            pairs = dict(zip(fields[::2], fields[1::2], strict=True)) if isinstance(fields, list) else fields
            held += sum(int(value) for name, value in pairs.items() if name.endswith(b"|x"))
        return held
    finally:
        await counters.close()


async def test_of_calls_that_only_waited_nothing_is_lost_or_held(
    nats: NatsServer, valkey_url: str, tmp_path: Path
) -> None:
    link, model = await provisioned(nats), Model()
    client = Client(link)
    parameters, budget = Parameters(max_tokens=100), Budget(deadline_ms=60_000)
    requests = [Request(input=f"Question {n}", cache="off", parameters=parameters, budget=budget) for n in range(ASKED)]
    async with model.served() as url, asyncio.timeout(60):
        command = (nats.url, valkey_url, str(policies(tmp_path / "policies", url)))
        with worker(*command) as first:
            asked = [asyncio.create_task(answered(client, request)) for request in requests]
            await until(lambda: model.calls == SLOTS, 20)
            await asyncio.sleep(0.3)  # the others have come to their wait
            reserved = [line for line in await lines(link.streams) if line.kind == "reserve"]
            assert len(reserved) == SLOTS
            os.kill(first.pid, signal.SIGKILL)
            await until(lambda: first.poll() is not None)
            assert model.calls == SLOTS
        model.opened.set()
        with worker(*command):
            replies = await asyncio.gather(*asked)
            assert Counter(reply.status for reply in replies) == {"answered": ASKED}
            async with asyncio.timeout(10):
                while await aside(valkey_url):
                    await asyncio.sleep(0.05)
    settled = [line for line in await lines(link.streams) if line.kind == "settle"]
    lost = [line for line in settled if "-lost-" in line.attempt]
    assert len(lost) == SLOTS, "those that were sent, and no others"
    assert {line.attempt.rpartition("-lost-")[0] for line in lost} == {line.attempt for line in reserved}
    assert model.calls == len(settled) == ASKED + SLOTS, "for each call that was made there is one line"
    await link.close()
