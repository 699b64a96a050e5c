"""A large batch beside interactive work, while workers and the door are killed: is anything lost, doubled or grown?

    python -m bench.million --lines 1000000        the whole
    python -m bench.million --lines 300 --kills 1  in seconds

What is reported: lines a second; rows of the output, results, records of decisions and calls of models, each for each
line; memory of every process at 10, 50 and 100 % of the lines; and the latency of interactive requests beside the batch
against that without it in the same run. One that fails counts with all the time that its caller would have waited.
With kills, whoever was served by the one that died waits until somebody else takes over: `--kills 0` shows the batch.

The model server bills a repeated call again. A worker that dies between an answer and its entry in the journal makes
the next one call again, under the same `Idempotency-Key`: so many calls may be repeated as it had in its hands.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from rich.console import Console

from bench.drive import Ask, Latencies, ask_cascade
from bench.stack import DEPLOYMENTS, Stack, free_port, ready, stack
from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine, Options
from pipeline.client import DEFAULT_TIMEOUT_S
from pipeline.errors import StepwellError
from pipeline.ports import Streams
from pipeline.transport.nats import connect

console = Console(stderr=True)

MARKS: Final = (0.1, 0.5, 1.0)
LOOK_S: Final = 0.1


@dataclass
class Found:
    """What was seen. Milliseconds, MiB, seconds."""

    lines: int
    seconds: float = 0.0
    reading_s: float = 0.0
    lines_per_s: float = 0.0
    kills: int = 0
    status: str = ""
    answered: int = 0
    rows: int = 0
    rows_repeated: int = 0
    rows_missing: int = 0
    rows_without_answer: int = 0
    results: int = 0
    records: int = 0
    records_repeated: int = 0
    calls: int = 0
    calls_repeated: int = 0
    calls_aborted: int = 0
    hands: int = 0
    """Lines that one worker has in its hands at most."""
    alone: int = 0
    alone_p50: float = 0.0
    alone_p99: float = 0.0
    beside: int = 0
    beside_failed: int = 0
    beside_p50: float = 0.0
    beside_p99: float = 0.0
    cost_usd: float = 0.0
    memory_mib: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """p99 beside the batch over p99 without it."""
        return self.beside_p99 / self.alone_p99 if self.alone_p99 else 0.0

    def broken(self) -> list[str]:
        """The promises that did not hold."""
        wanted = {
            "lines without a row": self.rows_missing,
            "lines with several rows": self.rows_repeated,
            "lines without an answer": self.rows_without_answer,
            "lines without a result": self.lines - self.results,
            "lines without a record": self.lines - self.records,
            "calls repeated beyond those in the hands of the dead": max(
                0, self.calls_repeated - self.kills * self.hands
            ),
            "not completed": int(self.status != "completed"),
        }
        return [f"{name}: {number}" for name, number in wanted.items() if number]


async def _file(lines: int) -> AsyncIterator[bytes]:
    """The lines, made as they are sent."""
    for start in range(0, lines, 1000):
        numbers = range(start, min(start + 1000, lines))
        rows = ({"id": f"line-{number}", "input": f"What comes after {number}?"} for number in numbers)
        yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


class Victims:
    """Workers and the door: killed by SIGKILL, and started again at once."""

    def __init__(self, made: Stack, workers: int) -> None:
        self._made = made
        self._names = [f"worker-{number}" for number in range(workers)]
        self._door = free_port()
        self._chance = random.Random(7)

    def start(self) -> None:
        """Start all."""
        for name in [*self._names, "door"]:
            self._start(name)

    def _start(self, name: str) -> None:
        if name == "door":
            command = [sys.executable, "-m", "stages", "serve", "--port", str(self._door)]
            self._made.run("door", command)
        else:
            self._made.start_worker(name, DEPLOYMENTS["fused"][0])

    def kill(self, number: int) -> str:
        """Kill one: the door now and then, else the worker whose turn it is. Whoever leads the batch is among them."""
        name = "door" if number % 4 == 3 else self._names[number % len(self._names)]
        process = self._made.processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._start(name)
        return name


async def _follow(engine: Engine, batch: Batch, found: Found, made: Stack, victims: Victims, kills: int) -> Batch:
    """Look until it has ended; kill at even distances, and read memory at the marks."""
    marks = list(MARKS)
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            batch = await engine.get(batch.tenant, batch.id)
        except StepwellError:
            continue
        ended = batch.counts.ended
        if batch.in_progress_at is not None and not found.reading_s:
            found.reading_s = round(batch.in_progress_at - batch.created, 1)
        while marks and ended >= found.lines * marks[0]:
            found.memory_mib[f"{marks.pop(0):.0%}"] = _memory(made)
        if found.kills < kills and ended >= found.lines * (found.kills + 1) / (kills + 1):
            name = await asyncio.to_thread(victims.kill, found.kills)
            found.kills += 1
            console.print(f"{ended} of {found.lines}: killed {name}", style="dim")
        if batch.ended:
            return batch


def _memory(made: Stack) -> dict[str, float]:
    return {name: round(made.rss_mib(name), 1) for name in sorted(made.processes)}


async def _count(engine: Engine, batch: Batch, found: Found) -> None:
    """One row for each line?"""
    seen = Counter[int]()
    async for row in engine.rows(batch):
        seen[row.line] += 1
        found.rows += 1
        found.rows_without_answer += row.status != "answered"
    found.rows_repeated = sum(number > 1 for number in seen.values())
    found.rows_missing = sum(line not in seen for line in range(1, found.lines + 1))


class Paced:
    """Interactive requests every 1/rate seconds, whether or not earlier ones were answered."""

    def __init__(self, ask: Ask, rate: float) -> None:
        self._ask = ask
        self._rate = rate
        self._seconds: list[float] = []
        self.failed = 0

    async def run(self, enough: Callable[[], bool]) -> Latencies:
        """Ask until it is enough. The latencies of all, those that failed with all that their callers would wait."""
        loop = asyncio.get_running_loop()
        start, number, tasks = loop.time(), 0, set[asyncio.Task[None]]()
        while not enough():
            task = asyncio.ensure_future(self._one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(max(0.0, start + number / self._rate - loop.time()))
        await asyncio.gather(*tasks)
        return Latencies(tuple(sorted(self._seconds)))

    async def _one(self, number: int) -> None:
        try:
            self._seconds.append(await self._ask(number))
        except (StepwellError, RuntimeError):
            self.failed += 1
            self._seconds.append(DEFAULT_TIMEOUT_S)


def _for(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


async def _beside(made: Stack, rate: float, found: Found, enough: asyncio.Event) -> None:
    """Interactive requests until it is enough."""
    link = await connect(made.settings, name="beside", patient=True)
    paced = Paced(ask_cascade(link, "beside"), rate)
    seen = await paced.run(enough.is_set)
    found.beside, found.beside_failed = len(seen.values), paced.failed
    found.beside_p50, found.beside_p99 = round(seen.quantile(0.5), 2), round(seen.quantile(0.99), 2)
    await link.close()


async def _alone(link: Any, rate: float, seconds: float, found: Found) -> None:
    """The same without a batch, once everything is warm."""
    await Paced(ask_cascade(link, "warm"), rate).run(_for(min(3.0, seconds)))
    seen = await Paced(ask_cascade(link, "alone"), rate).run(_for(seconds))
    found.alone = len(seen.values)
    found.alone_p50, found.alone_p99 = round(seen.quantile(0.5), 2), round(seen.quantile(0.99), 2)


async def measure(options: argparse.Namespace) -> Found:
    """Run it."""
    found = Found(options.lines, hands=options.batch)
    with stack(slots=64) as made:
        made.start_nats()
        made.start_valkey()
        made.start_models(options.model_ms, "--forget-keys")
        made.provision("--batch", str(options.batch), "--ack-wait", "2")
        victims = Victims(made, options.workers)
        victims.start()
        await ready(made)
        link = await connect(made.settings, name="million", patient=True)
        if options.rate:
            await _alone(link, options.rate, options.seconds, found)
        found.memory_mib["0%"] = _memory(made)
        engine = Engine(link, SystemClock())
        began = time.monotonic()
        info = await engine.put_file("default", _file(options.lines), name="million.jsonl")
        batch = await engine.create("default", info.id, Options(window_s=7 * 86_400.0))
        enough = asyncio.Event()
        beside = asyncio.create_task(_beside(made, options.rate, found, enough)) if options.rate else None
        batch = await _follow(engine, batch, found, made, victims, options.kills)
        found.seconds = round(time.monotonic() - began, 1)
        enough.set()
        if beside is not None:
            await beside
        running = (batch.completed_at or time.time()) - (batch.in_progress_at or batch.created)
        found.lines_per_s = round(options.lines / running, 1)
        found.status, found.answered, found.cost_usd = batch.status, batch.counts.answered, round(batch.cost_usd, 6)
        await _count(engine, batch, found)
        await _records(link.streams, batch, found)
        await _calls(made, found)
        await link.close()
    return found


async def _records(streams: Streams, batch: Batch, found: Found) -> None:
    """Results of the batch by their ids, and records of decisions: a repeated delivery may be recorded twice."""
    ids, records = set[str](), Counter[str]()
    async for stored in streams.scan("RESULTS", subject=f"result.{batch.tenant}.*"):
        name = stored.subject.rpartition(".")[2]
        if name.startswith(f"{batch.id}-"):
            ids.add(name)
    async for stored in streams.scan("AUDIT", subject=f"audit.{batch.tenant}.decision"):
        name = orjson.loads(stored.body)["request_id"]
        if name.startswith(f"{batch.id}-"):
            records[name] += 1
    found.results, found.records = len(ids), len(records)
    found.records_repeated = sum(number - 1 for number in records.values())


async def _calls(made: Stack, found: Found) -> None:
    """Calls that the model server answered, for lines and beside them, and those that it had answered before.

    It knows the newest half million of keys, and a call is repeated within seconds or never.
    """
    address = f"http://127.0.0.1:{made.models_port}/__stats"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        stats = orjson.loads(await response.read())
    found.calls, found.calls_aborted = stats["completed"], stats["aborted"]
    found.calls_repeated = sum(number - 1 for number in stats["keys"].values())


def main() -> int:
    """Run and report; the exit code is 1 when a line was lost, doubled or paid for without need."""
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8, help="batch messages of a stage that may be out at once")
    parser.add_argument("--model-ms", default="0", help="how long models take to answer: 30 or 20-50")
    parser.add_argument("--rate", type=float, default=10.0, help="interactive requests a second; 0: none")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they are measured without the batch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = uvloop.run(measure(options))
    if options.json:
        sys.stdout.write(json.dumps({**asdict(found), "ratio": found.ratio}) + "\n")
    else:
        for name, value in asdict(found).items():
            Console(width=140).print(f"{name.replace('_', ' '):24} {value}", highlight=False)
        Console().print(f"p99 beside the batch is {found.ratio:.2f} times that without it")
    broken = found.broken()
    console.print(f"[red]broken: {'; '.join(broken)}" if broken else "[green]one result for every line")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
