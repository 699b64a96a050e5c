"""Kill workers, the broker and the cache under load, and count what was lost, doubled or left without a record.

    python -m bench.faults                                        all four runs
    python -m bench.faults --deployment split --victim worker     one of them
    python -m bench.faults --requests 300                         smaller

Every figure is counted from the outside: replies at the client, results and records in the streams, and the bill in
the ledger of the scripted models. The run ends with exit code 1 when one of them is not as promised.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.stack import DEPLOYMENTS, Stack, ready, stack
from pipeline.adapters.money.pages import read_lines
from pipeline.audit.check import check
from pipeline.client import Client
from pipeline.contracts import AttemptRecord, AuditRecord, Reply, Request
from pipeline.errors import StepwellError
from pipeline.ports import Link
from pipeline.transport.nats import connect

console = Console(stderr=True)

MODEL_MS: Final = "20-50"
ACK_WAIT_S: Final = 1.5
ASK_TIMEOUT_S: Final = 120.0
MODULES: Final = ["bench.forked"]
BROKER_TIMES: Final = 10
"""NATS and Valkey are killed so much more seldom than workers: they take half a second to come back."""
RUNS: Final = (("fused", "worker"), ("split", "worker"), ("fused", "nats"), ("fused", "valkey"))


@dataclass
class Count:
    """What was seen."""

    deployment: str
    victim: str
    requests: int
    seconds: float = 0.0
    kills: int = 0
    answered: int = 0
    failed: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    other_reply_than_result: int = 0
    results: int = 0
    without_record: int = 0
    records: int = 0
    records_repeated: int = 0
    model_calls: int = 0
    model_calls_aborted: int = 0
    model_calls_replayed: int = 0
    billed: int = 0
    double_charges: int = 0
    ledger_lines: int = 0
    ledger_missing: int = 0
    ledger_beyond: int = 0
    ledger_lost: int = 0
    ledger_otherwise: int = 0
    chain_problems: int = 0
    chains: int = 0

    def broken(self) -> list[str]:
        """The promises that did not hold."""
        wanted = {
            "lost": self.lost,
            "failed": self.failed,
            "double charges": self.double_charges,
            "calls that the ledger does not know": self.ledger_missing,
            "lines of the ledger for calls that nobody made": self.ledger_beyond,
            "calls that cost otherwise in the ledger": self.ledger_otherwise,
            "replies other than the stored result": self.other_reply_than_result,
            "requests without a record": self.without_record,
            "problems in the chains": self.chain_problems,
            "results missing": self.requests - self.results,
        }
        return [f"{name}: {number}" for name, number in wanted.items() if number]


class Workers:
    """Worker processes that are killed and replaced, forked from a warm server so that one is back at once."""

    def __init__(self, made: Stack, deployment: str, spare: int) -> None:
        self._environment = made.environment
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(MODULES)
        self._sets = [stages for stages in DEPLOYMENTS[deployment] for _ in range(spare)]
        self._processes: list[Any] = []

    def start(self) -> None:
        """Start all."""
        self._processes = [self._spawn(stages) for stages in self._sets]

    def _spawn(self, stages: Sequence[str]) -> Any:
        from bench.forked import run

        process = self._context.Process(target=run, args=(self._environment, tuple(stages)), daemon=True)
        process.start()
        return process

    def kill_one(self, chance: random.Random) -> None:
        """SIGKILL one of them and start another in its place."""
        index = chance.randrange(len(self._processes))
        os.kill(self._processes[index].pid, signal.SIGKILL)
        self._processes[index].join()
        self._processes[index] = self._spawn(self._sets[index])

    def stop(self) -> None:
        """Stop all."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(5)
            process.kill()


async def _load(client: Client, count: Count, replies: dict[str, Reply | None], parallel: int) -> None:
    """Ask all requests, so many at a time. A caller that finds nobody asks again under the same id."""
    numbers = iter(range(count.requests))

    async def caller() -> None:
        for number in numbers:
            request = Request(id=f"fault-{number}", input=f"Question {number}: what comes after {number * 7}?")
            replies[str(request.id)] = await _ask(client, request)

    await asyncio.gather(*(caller() for _ in range(parallel)))


async def _ask(client: Client, request: Request) -> Reply | None:
    until = time.monotonic() + ASK_TIMEOUT_S
    while time.monotonic() < until:
        try:
            return await client.ask(request, timeout_s=until - time.monotonic())
        except StepwellError:
            await asyncio.sleep(0.05)
    return None


async def _enqueue_all(client: Client, count: Count, replies: dict[str, Reply | None], parallel: int) -> None:
    """Hand in all requests, remember those confirmed, and fetch their results."""
    numbers = iter(range(count.requests))
    accepted: list[str] = []

    async def caller() -> None:
        for number in numbers:
            request = Request(id=f"fault-{number}", input=f"Question {number}: what comes after {number * 7}?")
            while True:
                try:
                    accepted.append(await client.enqueue(request))
                    break
                except StepwellError:
                    await asyncio.sleep(0.05)

    await asyncio.gather(*(caller() for _ in range(parallel)))
    waiting = set(accepted)
    until = time.monotonic() + ASK_TIMEOUT_S
    while waiting and time.monotonic() < until:
        for request_id in list(waiting):
            reply = await _fetch(client, request_id)
            if reply is not None:
                replies[request_id] = reply
                waiting.discard(request_id)
        await asyncio.sleep(0.2)
    replies.update(dict.fromkeys(waiting))


async def _fetch(client: Client, request_id: str) -> Reply | None:
    try:
        return await client.result(request_id)
    except StepwellError:
        return None


async def _kill(
    made: Stack, workers: Workers, victim: str, every_s: float, count: Count, enough: asyncio.Event
) -> None:
    """Kill until it is enough. What was killed is always started again, also the last time."""
    chance = random.Random(7)
    while not enough.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), every_s * (0.5 + chance.random()))
            return
        if victim == "worker":
            await asyncio.to_thread(workers.kill_one, chance)
        else:
            process = made.processes[victim]
            process.kill()
            process.wait()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(made.start_nats if victim == "nats" else made.start_valkey)
        count.kills += 1


async def _inspect(link: Link, made: Stack, count: Count, replies: Mapping[str, Reply | None]) -> None:
    """Count from the streams and from the ledger of the models."""
    stored: dict[str, Reply] = {}
    async for message in link.streams.scan("RESULTS", subject="result.default.*"):
        reply = Reply.model_validate_json(message.body)
        if reply.id.startswith("fault-"):
            stored[reply.id] = reply
    recorded: list[str] = []
    calls: dict[str, float | None] = {}
    async for message in link.streams.scan("AUDIT"):
        record = AuditRecord.model_validate_json(message.body)
        if record.request_id.startswith("fault-"):
            recorded.append(record.request_id)
            calls |= {_identity(record, attempt): attempt.cost_usd for attempt in record.attempts}
    for request_id, reply in replies.items():
        _tally(count, reply, stored.get(request_id))
    count.results = len(stored)
    count.without_record = len(set(stored) - set(recorded))
    count.records, count.records_repeated = len(recorded), len(recorded) - len(set(recorded))
    report = await check(link.streams)
    count.chains, count.chain_problems = report.producers, report.problems
    for finding in report.findings[:5]:
        console.print(f"chain: {finding}")
    await _compare(link, count, calls)
    _bill(made, count)


def _identity(record: AuditRecord, attempt: AttemptRecord) -> str:
    """How the ledger names an attempt."""
    return f"{record.tenant}.{record.request_id}.{attempt.stage}-{attempt.number}"


async def _compare(link: Link, count: Count, calls: Mapping[str, float | None]) -> None:
    """Hold the ledger against the records: one line for each call, with the same cost.

    A call that a killed worker may have made stands in no record; its line is estimated, and named so.
    """
    settled: dict[str, float | None] = {}
    async for line in read_lines(link.streams, tenant="default", kind="settle"):
        if line is not None and line.request_id.startswith("fault-"):
            count.ledger_lines += 1
            if line.estimated and "-lost-" in line.attempt.rpartition(".")[2]:
                count.ledger_lost += 1
            else:
                settled[line.attempt] = line.usd
    count.ledger_missing = len(calls.keys() - settled.keys())
    count.ledger_beyond = count.ledger_lines - count.ledger_lost - len(calls.keys() & settled.keys())
    count.ledger_otherwise = sum(calls[attempt] != settled[attempt] for attempt in calls.keys() & settled.keys())


def _tally(count: Count, reply: Reply | None, stored: Reply | None) -> None:
    if reply is None:
        count.lost += 1
        return
    if reply.status == "answered":
        count.answered += 1
    else:
        count.failed += 1
        code = reply.error.code if reply.error else reply.status
        count.codes[code] = count.codes.get(code, 0) + 1
    if stored is None or (stored.content, stored.audit_id) != (reply.content, reply.audit_id):
        count.other_reply_than_result += 1


def _bill(made: Stack, count: Count) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{made.models_port}/__stats", timeout=10) as answer:
        stats = json.load(answer)
    count.model_calls, count.model_calls_aborted = stats["calls"], stats["aborted"]
    count.model_calls_replayed = stats["replayed"]
    count.billed = stats["billed_total"]
    double = stats["double_billed"]
    count.double_charges = len(double) if isinstance(double, list | dict) else int(double)


async def measure(options: argparse.Namespace, deployment: str, victim: str) -> Count:
    """One run."""
    count = Count(deployment, victim, options.requests)
    every_s = options.every if victim == "worker" else BROKER_TIMES * options.every
    with stack() as made:
        made.start_nats()
        made.start_valkey()
        made.start_models(MODEL_MS)
        made.provision("--ack-wait", str(ACK_WAIT_S), "--batch", "64")
        workers = Workers(made, deployment, options.spare)
        workers.start()
        await ready(made)
        link = await connect(made.settings, name="faults", patient=True)
        replies: dict[str, Reply | None] = {}
        began = time.monotonic()
        enough = asyncio.Event()
        killing = asyncio.create_task(_kill(made, workers, victim, every_s, count, enough))
        load = _enqueue_all if victim == "nats" else _load
        progress = asyncio.create_task(_progress(count, replies))
        await load(Client(link), count, replies, options.parallel)
        enough.set()
        await killing
        progress.cancel()
        count.seconds = round(time.monotonic() - began, 1)
        await _inspect(link, made, count, replies)
        workers.stop()
        await link.close()
    return count


async def _progress(count: Count, replies: Mapping[str, Reply | None]) -> None:
    while True:
        await asyncio.sleep(2)
        console.print(f"{len(replies)} of {count.requests} replies, {count.kills} kills", style="dim")


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--deployment", choices=tuple(DEPLOYMENTS), help="only this one")
    parser.add_argument("--victim", choices=("worker", "nats", "valkey"), help="only this one")
    parser.add_argument("--every", type=float, default=0.2, help="mean seconds between two kills of a worker")
    parser.add_argument("--spare", type=int, default=2, help="processes for each set of stages")
    parser.add_argument("--parallel", type=int, default=64, help="callers at a time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    counts = [asyncio.run(measure(options, *run)) for run in _runs(options.deployment, options.victim)]
    if options.json:
        sys.stdout.write(json.dumps([asdict(count) for count in counts]) + "\n")
    else:
        _show(counts)
    broken = [f"{count.deployment}, {count.victim} killed: {what}" for count in counts for what in count.broken()]
    console.print(f"[red]broken: {'; '.join(broken)}" if broken else "[green]all promises held")
    return 1 if broken else 0


def _runs(deployment: str | None, victim: str | None) -> list[tuple[str, str]]:
    if deployment is None and victim is None:
        return list(RUNS)
    return [(deployment or "fused", victim or "worker")]


def _show(counts: list[Count]) -> None:
    heads = [f"{count.deployment}, {count.victim} killed" for count in counts]
    table = Table("counted", *heads)
    for name in list(asdict(counts[0]))[2:]:
        table.add_row(name.replace("_", " "), *(str(getattr(count, name)) for count in counts))
    Console(width=120).print(table)


if __name__ == "__main__":
    sys.exit(main())
