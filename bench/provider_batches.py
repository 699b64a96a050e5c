"""A large batch whose lines go by batches of their provider, while whoever leads is killed: what is lost or paid twice?

    python -m bench.provider_batches                20,000 lines in two files, two kills
    python -m bench.provider_batches --quick        600 lines in two files, two kills, in a minute

The workers that lead what gathers calls into files are killed by SIGKILL: the first one when the first batch of the
provider has been created, the second one when a part of its answers lies on the shelf. What is reported: lines by how
they ended, the provider's own count of lines, of batches and of keys that it answered twice, seconds until all lines
waited and until all had ended, and the memory of every process at the start, with all lines waiting, and at most.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from rich.console import Console
from ruamel.yaml import YAML

from bench.stack import DEPLOYMENTS, Stack, ready, stack
from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine, Options
from pipeline.errors import StepwellError
from pipeline.ports import Streams
from pipeline.topology import shelf_subject
from pipeline.transport.nats import NatsLink, connect

console = Console(stderr=True)

QUICK: Final = {"lines": 600, "file": 300, "batch_s": 3.0, "gather": 60.0}
SAID_S: Final = 5.0
PARTS: Final = ("nats", "valkey", "worker-0", "worker-1")


@dataclass
class Found:
    """What was seen. Seconds and MiB."""

    lines: int
    file: int
    kills: list[str] = field(default_factory=list)
    status: str = ""
    answered: int = 0
    rows: int = 0
    rows_repeated: int = 0
    results: int = 0
    provider_batches: int = 0
    provider_lines: int = 0
    provider_answers: int = 0
    provider_answered_twice: int = 0
    most_waiting: int = 0
    waiting_s: float = 0.0
    seconds: float = 0.0
    mib_before: dict[str, float] = field(default_factory=dict)
    mib_waiting: dict[str, float] = field(default_factory=dict)
    mib_most: dict[str, float] = field(default_factory=dict)
    waiting_bytes: dict[str, int] = field(default_factory=dict)
    """Bytes of memory for each line that waits: those more than before over the most lines that waited."""

    def broken(self) -> list[str]:
        """The promises that did not hold."""
        wanted = {
            "lines without an answer": self.lines - self.answered,
            "lines without a row": self.lines - self.rows,
            "lines with several rows": self.rows_repeated,
            "lines without a result": self.lines - self.results,
            "answers of the provider beyond lines": self.provider_answers - self.lines,
            "lines in its batches beyond lines": self.provider_lines - self.lines,
            "lines that it answered twice": self.provider_answered_twice,
            "batches beyond one more than is needed": max(0, self.provider_batches - -(-self.lines // self.file) - 1),
            "not completed": int(self.status != "completed"),
        }
        return [f"{name}: {number}" for name, number in wanted.items() if number]


def by_batches(policies: Path, options: argparse.Namespace) -> None:
    """Have calls of the small model go by batches, and let it be sure of each answer: one call for each line."""
    yaml = YAML()
    document: Any = yaml.load(policies / "models.yaml")
    rules = {"gather": options.gather, "every": 1, "least": 3600, "max_lines": options.file}
    document["targets"]["small"].update({"batches": rules, "model": "mini"})
    yaml.dump(document, policies / "models.yaml")


async def _file(lines: int) -> AsyncIterator[bytes]:
    for start in range(0, lines, 1000):
        rows = ({"id": f"l{n}", "input": f"What comes after {n}?"} for n in range(start, min(start + 1000, lines)))
        yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


class Kills:
    """Kills whoever leads, once for each moment that was reached, and starts it again."""

    def __init__(self, made: Stack, streams: Streams, found: Found) -> None:
        self._made = made
        self._streams = streams
        self._found = found

    async def run(self, moments: list[tuple[str, Callable[[], Awaitable[bool]]]]) -> None:
        """Wait for each moment in turn."""
        for name, reached in moments:
            while not await _quietly(reached):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.02)
            victim = await self._leader()
            process = self._made.processes[victim]
            process.send_signal(signal.SIGKILL)
            process.wait()
            self._made.start_worker(victim, DEPLOYMENTS["fused"][0])
            self._found.kills.append(f"{victim} {name}")
            console.print(f"killed {victim} {name}", style="dim")

    async def _leader(self) -> str:
        stored = await self._streams.last(shelf_subject("lease"))
        who = orjson.loads(stored.body)["who"] if stored is not None else ""
        for name, process in self._made.processes.items():
            if name.startswith("worker") and f"-{process.pid}-" in f"{who}-":
                return name
        return "worker-0"


async def _quietly(reached: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await reached()
    except StepwellError:
        return False


async def _batches(made: Stack) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{made.models_port}/v1/batches?limit=100"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        listed: list[dict[str, Any]] = orjson.loads(await response.read())["data"]
    return listed


async def _stats(made: Stack) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{made.models_port}/__stats") as response,
    ):
        stats: dict[str, Any] = orjson.loads(await response.read())
    return stats


def _memory(made: Stack) -> dict[str, float]:
    return {name: round(made.rss_mib(name), 1) for name in PARTS}


async def _follow(made: Stack, engine: Engine, batch: Batch, found: Found) -> Batch:
    """Look until it has ended."""
    began, said = time.monotonic(), 0.0
    while not batch.ended:
        await asyncio.sleep(0.25)
        try:
            batch = await engine.get(batch.tenant, batch.id)
        except StepwellError:
            continue
        now, mib = time.monotonic(), _memory(made)
        found.mib_most = {name: max(mib[name], found.mib_most.get(name, 0.0)) for name in PARTS}
        if batch.waiting > found.most_waiting:
            found.most_waiting, found.waiting_s, found.mib_waiting = batch.waiting, round(now - began, 1), mib
        if now - said >= SAID_S:
            said = now
            console.print(
                f"{now - began:.0f} s: {batch.waiting} wait, {batch.counts.ended} of {found.lines} ended; MiB {mib}",
                style="dim",
            )
    return batch


async def measure(options: argparse.Namespace) -> Found:
    """Run it."""
    found = Found(options.lines, options.file)
    with stack(slots=64) as made:
        by_batches(made.policies, options)
        made.start_nats()
        made.start_valkey()
        made.start_models("0", "--batch-s", str(options.batch_s), "--forget-keys")
        made.provision("--batch", "24", "--ack-wait", "2")
        for number in range(2):
            made.start_worker(f"worker-{number}", DEPLOYMENTS["fused"][0])
        await ready(made)
        link = await connect(made.settings, name="provider-batches", patient=True)
        found.mib_before, before = _memory(made), await _stats(made)
        engine = Engine(link, SystemClock())
        began = time.monotonic()
        info = await engine.put_file("default", _file(options.lines), name="lines.jsonl")
        batch = await engine.create("default", info.id, Options(window_s=2 * 86_400.0))
        kills = asyncio.create_task(Kills(made, link.streams, found).run(_moments(made, link, options)))
        batch = await _follow(made, engine, batch, found)
        found.seconds = round(time.monotonic() - began, 1)
        kills.cancel()
        await _count(made, engine, batch, found, before)
        await link.close()
    return found


def _moments(
    made: Stack, link: NatsLink, options: argparse.Namespace
) -> list[tuple[str, Callable[[], Awaitable[bool]]]]:
    async def created() -> bool:
        return len(await _batches(made)) > 0

    async def half_read() -> bool:
        return bool(len(await link.streams.subjects("SHELF", "shelf.answer.*.*")) > options.file / 10)

    moments: list[tuple[str, Callable[[], Awaitable[bool]]]]
    moments = [("after a batch was created", created), ("while its answers were read", half_read)]
    return moments[: options.kills]


async def _count(made: Stack, engine: Engine, batch: Batch, found: Found, before: dict[str, Any]) -> None:
    seen = bytearray(found.lines + 1)
    async for row in engine.rows(batch):
        found.rows_repeated += seen[row.line]
        seen[row.line] = 1
        found.rows += 1
        found.results += row.reply is not None
    stats, batches = await _stats(made), await _batches(made)
    found.status, found.answered = batch.status, batch.counts.answered
    found.provider_batches = len(batches)
    found.provider_lines = sum(each["request_counts"]["total"] for each in batches)
    found.provider_answers = stats["billed_total"] - before["billed_total"]
    found.provider_answered_twice = len(stats["double_billed"])
    if found.most_waiting:
        found.waiting_bytes = {
            name: round((mib - found.mib_before[name]) * 2**20 / found.most_waiting)
            for name, mib in found.mib_waiting.items()
        }


def main() -> int:
    """Run and report; the exit code is 1 when a line was lost, doubled, or paid for twice."""
    parser = argparse.ArgumentParser(prog="python -m bench.provider_batches", description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--file", type=int, default=10_000, help="lines of a file")
    parser.add_argument("--kills", type=int, default=2, choices=(0, 1, 2))
    parser.add_argument("--gather", type=float, default=300.0, help="seconds that the first line of a file waits")
    parser.add_argument("--batch-s", type=float, default=20.0, help="seconds that the provider takes for a batch")
    parser.add_argument("--quick", action="store_true", help="a run of a minute: few lines")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name, value in QUICK.items() if options.quick else ():
        setattr(options, name, value)
    found = uvloop.run(measure(options))
    if options.json:
        sys.stdout.write(json.dumps(asdict(found)) + "\n")
    else:
        for name, value in asdict(found).items():
            Console(width=140).print(f"{name.replace('_', ' '):24} {value}", highlight=False)
    broken = found.broken()
    console.print(f"[red]broken: {'; '.join(broken)}" if broken else "[green]one answer for every line, paid for once")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
