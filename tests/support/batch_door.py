"""A door with files and batches: the true engine and feeder over a link in memory, and small stages that echo."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import openai
from cascade import Middle, Notes, reply_of, stages
from fakes_door import Names

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.batch.engine import Engine
from pipeline.batch.feeder import Feeder
from pipeline.client import Client
from pipeline.contracts import Envelope, Served
from pipeline.gateway import Limits, build_door
from pipeline.gateway.access import Access
from pipeline.gateway.lines import translate_line
from pipeline.gateway.server import listening
from pipeline.policy.models.limits import AdmissionLimits, Lanes
from pipeline.ports import Link, Outcome, Run
from pipeline.runner import Runner
from pipeline.topology import DONE
from pipeline.transport.memory import MemoryLink
from pipeline.worker import Worker

SERVED = Served(route="chat", variant="small", target="small", model="qwen2.5", tier=0, tiers=1)


class Policies:
    """As much of a policy as admission looks at."""

    def current(self) -> Any:
        limits = SimpleNamespace(lanes=Lanes(), admission=AdmissionLimits())
        return SimpleNamespace(revision="p1", limits=limits)

    def revision(self, digest: str) -> Any:
        return None


@dataclass
class House:
    """What a test looks at. `asked`: the questions that reached a stage."""

    base: str
    link: Link
    feeder: Feeder
    asked: list[Envelope] = field(default_factory=list)


@contextlib.asynccontextmanager
async def batch_door(
    limits: Limits | None = None, access: Access | None = None, names: Names | None = None
) -> AsyncIterator[House]:
    """Bring it up."""
    link, clock = MemoryLink(), SystemClock()
    results = StreamResults(link.streams)
    asked: list[Envelope] = []

    async def end(envelope: Envelope, run: Run) -> Outcome:
        asked.append(envelope)
        words = envelope.request.conversation()[-1].content
        reply = reply_of(envelope).model_copy(update={"content": f"echo {words}", "served": SERVED, "cost_usd": 0.01})
        kept = await results.put(reply)
        if run.caller is not None:
            await run.caller.reply(kept)
        return Outcome(DONE)

    chosen = stages(audit=end)
    runner = Runner(chosen, link.transport(), link.streams, clock=clock, random=Middle(), observer=Notes(), worker="w")
    worker = Worker(chosen, runner, link, Admission(link, results, Policies(), clock))
    await worker.start()
    feeder = Feeder(link, clock, translate_line, "f")
    await feeder.start()
    bounds = limits or Limits()
    engine = Engine(link, clock)
    app = build_door(
        lambda tenant: Client(link, tenant), names or Names(), limits=bounds, access=access, batches=engine
    )
    door = await listening(app, "127.0.0.1", 0, bounds, grace_s=0.5)
    try:
        yield House(f"http://127.0.0.1:{door.addresses[0][1]}", link, feeder, asked)
    finally:
        await door.cleanup()
        await feeder.stop()
        await worker.stop(1)


def jsonl(*lines: dict[str, Any]) -> bytes:
    """The lines as a file."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in lines)


async def ended(client: openai.AsyncOpenAI, batch: str) -> openai.types.Batch:
    """The batch, once it has ended."""
    async with asyncio.timeout(20):
        while True:
            found = await client.batches.retrieve(batch)
            if found.status in ("completed", "failed", "cancelled", "expired"):
                return found
            await asyncio.sleep(0.05)
