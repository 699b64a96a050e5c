"""What is counted when a batch has ended: one row, one result, one record for each line, and no call made twice."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import orjson

from bench.growth import is_flat
from bench.stack import Stack
from pipeline.batch import Batch, Engine
from pipeline.ports import Streams

__all__ = ["TOOLS", "Found", "calls", "count", "left", "records"]

SWEPT_S: Final = 60.0
"""How long what a batch left may stay after its end."""
TOOLS: Final = ("models",)
"""What belongs to the measurement: the model server remembers half a million keys to find calls that were repeated."""


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
    growth_mib: dict[str, float | None] = field(default_factory=dict)
    """MiB for 100,000 lines."""
    flat: bool | None = None
    cpu_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds of processors for each line."""
    quiet_lines_per_s: float | None = None
    lost_per_kill_s: float | None = None
    left: dict[str, int] = field(default_factory=dict)
    """Messages of the batch that stand in streams where none should stay."""

    @property
    def ratio(self) -> float:
        """p99 beside the batch over p99 without it."""
        return self.beside_p99 / self.alone_p99 if self.alone_p99 else 0.0

    @property
    def growing(self) -> list[str]:
        """Processes whose memory is not flat."""
        return [name for name, slope in self.growth_mib.items() if is_flat({name: slope}, TOOLS) is False]

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
            "messages left in streams": sum(self.left.values()),
            "not completed": int(self.status != "completed"),
        }
        grown = {f"{name} grows, in MiB for 100,000 lines": self.growth_mib[name] for name in self.growing}
        return [f"{name}: {number}" for name, number in (wanted | grown).items() if number]


async def count(engine: Engine, batch: Batch, found: Found) -> None:
    """One row for each line, and a result in each?"""
    seen = bytearray(found.lines + 1)
    async for row in engine.rows(batch):
        seen[row.line] = min(seen[row.line] + 1, 2)
        found.rows += 1
        found.rows_without_answer += row.status != "answered"
        found.results += row.reply is not None and seen[row.line] == 1
    found.rows_repeated = seen.count(2)
    found.rows_missing = seen.count(0, 1)


async def records(streams: Streams, batch: Batch, found: Found) -> None:
    """Records of decisions, by the lines they are about: a repeated delivery may be recorded twice."""
    seen, prefix = bytearray(found.lines + 1), f"{batch.id}-".encode()
    async for stored in streams.scan("AUDIT", subject=f"audit.{batch.tenant}.decision"):
        if prefix not in stored.body:
            continue
        name = orjson.loads(stored.body)["request_id"]
        if name.startswith(f"{batch.id}-"):
            line = int(name.removeprefix(f"{batch.id}-"))
            found.records_repeated += seen[line]
            seen[line] = 1
    found.records = seen.count(1)


async def left(engine: Engine, streams: Streams, batch: Batch, found: Found) -> None:
    """What a batch leaves in the streams where a message stands for each line, once it had time to sweep."""
    until = time.monotonic() + SWEPT_S
    while (await engine.get(batch.tenant, batch.id)).swept < batch.pages:
        await asyncio.sleep(0.5)
        if time.monotonic() > until:
            break
    for stream, subject in (("RESULTS", f"result.{batch.tenant}.*"), ("JOURNAL", f"journal.{batch.tenant}.*.*")):
        prefix = f"{subject.split('.')[0]}.{batch.tenant}.{batch.id}-"
        found.left[stream] = sum(
            [stored.subject.startswith(prefix) async for stored in streams.scan(stream, subject=subject)]
        )


async def calls(made: Stack, found: Found) -> None:
    """Calls that the model server answered, for lines and beside them, and those that it had answered before.

    It knows the newest half million of keys, and a call is repeated within seconds or never.
    """
    address = f"http://127.0.0.1:{made.models_port}/__stats"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        stats = orjson.loads(await response.read())
    found.calls, found.calls_aborted = stats["completed"], stats["aborted"]
    found.calls_repeated = sum(number - 1 for number in stats["keys"].values())
