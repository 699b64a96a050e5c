"""A large batch beside interactive work, while workers and the door are killed: is anything lost, doubled or grown?

    python -m bench.million --lines 1000000        the whole
    python -m bench.million --quick                3,000 lines and one kill, in a minute
    python -m bench.million --workers 2 --batch-workers 1     so many processes for each lane; with 0, all serve both
    python -m bench.million --log looks.jsonl      what was seen is written down as it is seen
    python -m bench.million --report looks.jsonl   what such a run has seen so far, also while it runs

What is reported: lines a second; rows of the output, results, records of decisions and calls of models, each for each
line; memory and processor time of every process, seen every second, and whether memory is flat (the rule stands in
`bench/growth.py`); seconds that each kill cost; and the latency of interactive requests beside the batch against that
without it in the same run. One that fails counts with all the time that its caller would have waited. With kills,
whoever was served by the one that died waits until somebody else takes over: `--kills 0` shows the batch.

This program keeps a byte for each line and nothing else that grows.

The model server bills a repeated call again. A worker that dies between an answer and its entry in the journal makes
the next one call again, under the same `Idempotency-Key`: so many calls may be repeated as it had in its hands.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Final

import orjson
import uvloop
from rich.console import Console

from bench.caller import Caller
from bench.growth import Look, Looks, cpu_ms_per_line, is_flat, lost_per_kill, plot, quiet_rate, slopes
from bench.million_found import TOOLS, Found, calls, count, left, records
from bench.stack import DEPLOYMENTS, Stack, free_port, ready, stack
from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine, Options
from pipeline.errors import StepwellError
from pipeline.transport.nats import connect

console = Console(stderr=True)

MARKS: Final = (0.1, 0.5, 1.0)
LOOK_S: Final = 0.1
SEEN_S: Final = 0.5
SAID_S: Final = 10.0
SWEPT: Final = 2000
"""With fewer lines nobody waits until what they left is swept."""
QUICK: Final = {"lines": 3000, "kills": 1, "seconds": 3.0, "rate": 5.0, "batch": 24}


async def _file(lines: int) -> AsyncIterator[bytes]:
    """The lines, made as they are sent."""
    for start in range(0, lines, 1000):
        numbers = range(start, min(start + 1000, lines))
        rows = ({"id": f"line-{number}", "input": f"What comes after {number}?"} for number in numbers)
        yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


def pools(workers: int, batch_workers: int, nice: int | None) -> dict[str, tuple[str, ...]]:
    """The workers by name, with their options: a pool for each lane, or all for both."""
    if not batch_workers:
        return {f"worker-{number}": () for number in range(workers)}
    low = () if nice is None else ("--nice", str(nice))
    fast = {f"interactive-{number}": ("--lanes", "interactive") for number in range(workers)}
    return fast | {f"batch-{number}": ("--lanes", "batch", *low) for number in range(batch_workers)}


class Victims:
    """Workers and the door: killed by SIGKILL, and started again at once."""

    def __init__(self, made: Stack, workers: Mapping[str, Sequence[str]]) -> None:
        self._made = made
        self._workers = workers
        self._turns = in_turn(list(workers))
        self._door = free_port()
        self.lives: dict[str, int] = {}

    def start(self) -> None:
        """Start all."""
        for name in [*self._workers, "door"]:
            self._start(name)

    def _start(self, name: str) -> None:
        if name == "door":
            command = [sys.executable, "-m", "stages", "serve", "--port", str(self._door)]
            self._made.run("door", command)
        else:
            self._made.start_worker(name, DEPLOYMENTS["fused"][0], *self._workers[name])
        self.lives[name] = self.lives.get(name, -1) + 1

    def kill(self, number: int) -> str:
        """Kill the one whose turn it is. Whoever leads the batch is among them."""
        name = self._turns[number % len(self._turns)]
        process = self._made.processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._start(name)
        return name


def in_turn(workers: Sequence[str]) -> list[str]:
    """Whose turn it is to die: the pools in turn, and the door once in each round of at least four."""
    kinds: dict[str, list[str]] = {}
    for name in workers:
        kinds.setdefault(name.split("-")[0], []).append(name)
    mixed = [name for names in zip_longest(*reversed(kinds.values())) for name in names if name is not None]
    return [*(mixed * 3)[: max(3, len(mixed))], "door"]


class Watch:
    """Looks at a batch while it runs: what processes use, how far it is, and when somebody is to be killed."""

    def __init__(self, made: Stack, victims: Victims, found: Found, looks: Looks) -> None:
        self._made = made
        self._victims = victims
        self._found = found
        self._looks = looks
        self._marks = list(MARKS)
        self._began = time.monotonic()
        self._seen = self._said = float("-inf")

    async def follow(self, engine: Engine, batch: Batch, kills: int) -> Batch:
        """Look until it has ended; kill at even distances, and read memory at the marks."""
        found = self._found
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                batch = await engine.get(batch.tenant, batch.id)
            except StepwellError:
                continue
            if batch.in_progress_at is not None and not found.reading_s:
                found.reading_s = round(batch.in_progress_at - batch.created, 1)
            self._look(batch.counts.ended, last=batch.ended)
            if batch.ended:
                return batch
            if found.kills < kills and batch.counts.ended >= found.lines * (found.kills + 1) / (kills + 1):
                name = await asyncio.to_thread(self._victims.kill, found.kills)
                found.kills += 1
                console.print(f"{batch.counts.ended} of {found.lines}: killed {name}", style="dim")

    def _look(self, ended: int, *, last: bool) -> None:
        found, now = self._found, time.monotonic()
        while self._marks and ended >= found.lines * self._marks[0]:
            found.memory_mib[f"{self._marks.pop(0):.0%}"] = _memory(self._made)
        if now - self._seen >= SEEN_S or last:
            self._seen = now
            names = sorted(self._made.processes)
            used = self._made.used()
            cpu = {name: round(used[name][1], 2) for name in names}
            mib = {name: round(used[name][0], 1) for name in names}
            lives = {name: self._victims.lives.get(name, 0) for name in names}
            at = round(now - self._began, 2)
            self._looks.add(Look(at, ended, found.kills, mib, cpu, lives))
        if now - self._said >= SAID_S and ended:
            self._said = now
            rate = ended / (now - self._began)
            left = f"{(found.lines - ended) / rate / 60:.1f} min left"
            told = " ".join(f"{name} {value:.0f}" for name, value in _memory(self._made).items())
            console.print(f"{ended} of {found.lines}, {rate:.0f} lines/s, {left}; MiB: {told}", style="dim")


def conclude(found: Found, looks: Looks) -> None:
    """Say what the looks say."""
    found.growth_mib = slopes(looks.kept, found.lines)
    found.flat = is_flat(found.growth_mib, TOOLS)
    found.cpu_ms = cpu_ms_per_line(looks.kept)
    found.quiet_lines_per_s, found.lost_per_kill_s = quiet_rate(looks.kept), lost_per_kill(looks.kept)


def _memory(made: Stack) -> dict[str, float]:
    return {name: round(mib, 1) for name, (mib, _) in sorted(made.used().items())}


async def _alone(made: Stack, rate: float, seconds: float, found: Found) -> None:
    """What callers notice without a batch, once everything is warm."""
    for name, how_long in (("warm", min(3.0, seconds)), ("alone", seconds)):
        caller = Caller(made, name, rate)
        await caller.start()
        await asyncio.sleep(how_long)
        seen = await caller.stop()
    found.alone, found.alone_p50, found.alone_p99 = seen.answered, seen.p50, seen.p99


async def _followed(made: Stack, options: argparse.Namespace, found: Found, following: Awaitable[Batch]) -> Batch:
    """The batch when it has ended, and what callers noticed meanwhile."""
    caller = Caller(made, "beside", options.rate)
    if not options.rate:
        return await following
    await caller.start()
    try:
        batch = await following
        seen = await caller.stop()
    finally:
        await caller.kill()
    found.beside, found.beside_failed = seen.answered, seen.failed
    found.beside_p50, found.beside_p99 = seen.p50, seen.p99
    return batch


async def measure(options: argparse.Namespace, looks: Looks) -> Found:
    """Run it."""
    found = Found(options.lines, hands=options.batch)
    with stack(slots=64) as made:
        made.start_nats()
        made.start_valkey()
        made.start_models(options.model_ms, "--forget-keys")
        made.provision("--batch", str(options.batch), "--ack-wait", "2")
        victims = Victims(made, pools(options.workers, options.batch_workers, options.nice))
        victims.start()
        await ready(made)
        link = await connect(made.settings, name="million", patient=True)
        if options.rate:
            await _alone(made, options.rate, options.seconds, found)
        found.memory_mib["0%"] = _memory(made)
        engine = Engine(link, SystemClock())
        began = time.monotonic()
        info = await engine.put_file("default", _file(options.lines), name="million.jsonl")
        batch = await engine.create("default", info.id, Options(window_s=7 * 86_400.0))
        batch = await _followed(
            made, options, found, Watch(made, victims, found, looks).follow(engine, batch, options.kills)
        )
        found.seconds = round(time.monotonic() - began, 1)
        running = (batch.completed_at or time.time()) - (batch.in_progress_at or batch.created)
        found.lines_per_s = round(options.lines / running, 1)
        found.status, found.answered, found.cost_usd = batch.status, batch.counts.answered, round(batch.cost_usd, 6)
        conclude(found, looks)
        await count(engine, batch, found)
        await records(link.streams, batch, found)
        if options.lines >= SWEPT:
            await left(engine, link.streams, batch, found)
        await calls(made, found)
        await link.close()
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2, help="workers of the interactive lane")
    parser.add_argument(
        "--batch-workers", type=int, default=1, help="workers of batches; 0: the others serve both lanes"
    )
    parser.add_argument("--nice", type=int, help="how far workers of batches put others first; the default is theirs")
    parser.add_argument("--batch", type=int, default=24, help="batch messages of a stage that may be out at once")
    parser.add_argument("--model-ms", default="0", help="how long models take to answer: 30 or 20-50")
    parser.add_argument("--rate", type=float, default=10.0, help="interactive requests a second; 0: none")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they are measured without the batch")
    parser.add_argument("--quick", action="store_true", help="a run of a minute: few lines, one kill")
    parser.add_argument("--log", type=Path, help="write what is seen to this file as it is seen")
    parser.add_argument("--report", type=Path, help="run nothing: say what such a file holds; --lines as in that run")
    parser.add_argument("--plot", type=Path, help="draw memory over lines to this PNG, where matplotlib is installed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name, value in QUICK.items() if options.quick else ():
        setattr(options, name, value)
    return options


def _reported(options: argparse.Namespace) -> tuple[Found, Looks]:
    """What a file of looks says."""
    looks = Looks.read(options.report)
    found = Found(options.lines, kills=looks.kept[-1].kills if looks.kept else 0)
    if looks.kept:
        last = looks.kept[-1]
        found.seconds, found.answered = last.at, last.ended
        found.lines_per_s = round(last.ended / last.at, 1)
        found.memory_mib = {f"{mark:.0%}": _at(looks, options.lines * mark) for mark in (0.0, 0.1, 0.2, 0.5, 1.0)}
        conclude(found, looks)
    return found, looks


def _at(looks: Looks, lines: float) -> dict[str, float]:
    """Memory when so many lines had ended, or at last."""
    return next((look.mib for look in looks.kept if look.ended >= lines), looks.kept[-1].mib)


def _print(found: Found, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({**asdict(found), "ratio": found.ratio}) + "\n")
        return
    for name, value in asdict(found).items():
        Console(width=140).print(f"{name.replace('_', ' '):24} {value}", highlight=False)
    Console().print(f"p99 beside the batch is {found.ratio:.2f} times that without it")
    word = {True: "flat", False: "not flat", None: "not said: too few lines"}[found.flat]
    Console().print(f"memory is {word} (at most 10 MiB for 100,000 lines; the rule: bench/growth.py)")


def main() -> int:
    """Run and report; the exit code is 1 when a line was lost, doubled or paid for without need, or memory grows."""
    options = _options()
    if options.report is not None:
        found, looks = _reported(options)
        _print(found, as_json=options.json)
    else:
        looks = Looks(options.log)
        found = uvloop.run(measure(options, looks))
        _print(found, as_json=options.json)
    if options.plot is not None and not plot(looks.kept, options.plot):
        console.print("nothing is drawn: install matplotlib")
    if options.report is not None:
        return 0
    broken = found.broken()
    console.print(f"[red]broken: {'; '.join(broken)}" if broken else "[green]one result for every line")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
