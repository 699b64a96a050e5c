"""A shelf, a provider, and collectors over them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from fakes_models import target
from servers import NatsServer, provisioned

from pipeline.adapters.provider_batches.collector import Collector
from pipeline.adapters.provider_batches.records import Answer, Line, digest_of
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.contracts import Lane
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.ports import Charge, Ledger, Streams
from pipeline.transport.memory import MemoryLink

__all__ = ["LINES", "RULES", "House", "hang_after", "house", "killed", "line"]

RULES = {"gather": 0.01, "every": 0.01, "least": 60.0, "spare": 1.0}
LINES = 7


class Shifted:
    """The time, and more where a test says so."""

    shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift

    def monotonic(self) -> float:
        return time.monotonic() + self.shift


class Wakes:
    """Notes who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    async def wake(self, lane: Lane, key: str) -> bool:
        self.woken.append(key)
        return True

    async def on_the_way(self, lane: Lane) -> dict[str, int]:
        return {}


def line(name: str, model: str, endpoint: str, now: float, **changes: Any) -> Line:
    body = f'{{"model":"{model}","messages":[{{"role":"user","content":"{name}"}}]}}'
    charge = Charge(f"t.{name}.draft-1", "t", name, "batch", "draft", "draft", "r", "v", "small", 0.1, 100)
    fields: dict[str, Any] = {
        "name": name,
        "key": f"t.{name}",
        "until": now + 3000,
        "deadline_at": now + 3600,
        "at": now - 1,
        "endpoint": endpoint,
        "digest": digest_of(body.encode()),
        "body": body,
        "charge": charge,
    }
    return Line(**{**fields, **changes})


class House:
    """Collectors over one shelf and one provider."""

    def __init__(self, streams: Streams, server: ScriptedServer, model: str = "mini", **rules: object) -> None:
        self.streams = streams
        self.server = server
        self.clock = Shifted()
        self.wakes = Wakes()
        self.shelf = Shelf(streams)
        self.model = model
        self.targets = {"small": target(model, server.url, batches={**RULES, **rules})}
        self.ledger: Ledger | None = None
        self._made: list[Collector] = []

    def collector(self) -> Collector:
        policies: Any = SimpleNamespace(current=lambda: SimpleNamespace(targets=self.targets))
        transport: Any = self.wakes
        made = Collector(self.streams, transport, policies, self.clock, f"c{len(self._made)}", self.ledger)
        self._made.append(made)
        return made

    async def fill(self, count: int = LINES, address: str = "") -> None:
        for number in range(count):
            made = line(f"n{number}", self.model, address or self.server.url, self.clock.now())
            await self.put(made)

    async def put(self, made: Line) -> None:
        """On the shelf, and its request where those wait that have to."""
        await self.shelf.put("small", made)
        await self.streams.append(f"step.later.batch.draft.{made.key}.4.1", b"{}")

    async def ends(self, *numbers: int) -> None:
        """These requests end, for whatever reason."""
        for number in numbers:
            await self.streams.purge(f"step.later.batch.draft.t.n{number}.4.1")

    async def answers(self) -> dict[str, Answer]:
        return {name: answer async for name, answer in self.shelf.answers("small")}

    async def done(self, count: int = LINES) -> dict[str, Answer]:
        async with asyncio.timeout(10):
            while len(await self.answers()) < count or (await self.shelf.known("small")).shelved.files:
                await asyncio.sleep(0.01)
        return await self.answers()

    async def stop(self) -> None:
        for made in self._made:
            await made.stop()


@contextlib.asynccontextmanager
async def house(nats: NatsServer | None, model: str = "mini", **rules: object) -> AsyncIterator[House]:
    link = MemoryLink() if nats is None else await provisioned(nats)
    async with ScriptedServer() as server:
        server.batches.takes_s = 0.03
        built = House(link.streams, server, model, **rules)
        yield built
        await built.stop()
        await link.close()


async def killed(collector: Collector) -> None:
    """It does nothing more: neither says that it goes, nor ends what it began."""
    task, collector._task = collector._task, None
    assert task is not None
    task.cancel()
    await asyncio.wait([task])


def hang_after(owner: Any, method: str, times: int) -> asyncio.Event:
    """The call is made, and whoever made it never hears of it."""
    real, reached, made = getattr(owner, method), asyncio.Event(), 0

    async def hanging(*given: Any, **named: Any) -> Any:
        nonlocal made
        made += 1
        result = await real(*given, **named)
        if made >= times:
            reached.set()
            await asyncio.Event().wait()
        return result

    setattr(owner, method, hanging)
    return reached
