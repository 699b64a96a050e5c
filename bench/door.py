"""The HTTP door with all stages in its process: what it takes, and what it adds, beside a relay and a plain upstream.

    python -m bench.door
    python -m bench.door --quick --json

All rows of one run stand on the same machine at the same time of day; ratios are to the relay, and times are also shown
as what is added to it. CPU is that of the process (or processes) of the way itself, without NATS, Valkey and models;
`per core` is what one core of it would bring, were it not shared.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from bench.drive import Ask, Latencies, at_rate, flat_out, text_of
from bench.sockets import Pool, pool, question
from bench.stack import Stack, free_port, stack
from bench.upstream import when

console = Console(stderr=True)

MARKS: Final = {
    "requests/s of a core": "1500",
    "CPU ms": "0.6",
    "added p50/p99 ms at 50/s": "2.2/5",
    "hits/s of a core": "4000",
    "first chunk added ms": "2",
    "chunk delay p99 ms": "1",
    "chunks/s": "50000",
}


@dataclass(frozen=True)
class Size:
    """How much is asked."""

    warm: int = 400
    flat_out: int = 4000
    callers: int = 32
    seconds: float = 15.0
    streams_per_s: float = 20.0
    burst: int = 32
    burst_chunks: int = 2000


QUICK: Final = Size(warm=200, flat_out=600, seconds=2.0, burst=8, burst_chunks=1000)

ROUGH: Final = (
    "rough: --quick asks {flat_out} times flat out and for {seconds:g} s at a rate, so that a p99 of requests is about "
    "their slowest one, and figures of two runs differ by a fifth; those to quote come without --quick, on a machine "
    "that does nothing else"
)


@dataclass
class Row:
    """The figures of one way to answer: milliseconds, MiB, and what a second or a core brings."""

    name: str
    requests_per_s: float = 0.0
    cpu_ms: float = 0.0
    nats_cpu_ms: float = 0.0
    latency_ms: tuple[float, float] = (0.0, 0.0)
    first_chunk_ms: tuple[float, float] = (0.0, 0.0)
    chunk_delay_ms: tuple[float, float] = (0.0, 0.0)
    chunks_per_s: float = 0.0
    chunk_cpu_us: float = 0.0
    rss_mib: float = 0.0
    over: str = ""

    @property
    def per_core(self) -> float:
        """Requests that one core answers in a second."""
        return 1000 / self.cpu_ms if self.cpu_ms else 0.0


# ---------------------------------------------------------------- whole answers


def _asks(made: Pool, run: str, model: str, *, same: bool = False) -> Ask:
    async def ask(number: int) -> float:
        began = time.perf_counter()
        await made.post(question(text_of(run, 0 if same else number), model=model), lambda _: None)
        return time.perf_counter() - began

    return ask


def _shifted(ask: Ask, by: int) -> Ask:
    async def shifted(number: int) -> float:
        return await ask(number + by)

    return shifted


async def _whole(row: Row, made: Stack, prefix: str, size: Size, ask: Ask) -> Row:
    await flat_out(ask, size.warm, 8)
    cpu, broker = made.cpu_s(prefix), made.cpu_s("nats")
    row.requests_per_s = await flat_out(_shifted(ask, 10_000), size.flat_out, size.callers)
    row.cpu_ms = 1000 * (made.cpu_s(prefix) - cpu) / size.flat_out
    row.nats_cpu_ms = 1000 * (made.cpu_s("nats") - broker) / size.flat_out
    row.latency_ms = _both(await at_rate(_shifted(ask, 100_000), 50, size.seconds))
    row.rss_mib = made.rss_mib(prefix)
    console.print(f"{row.name} measured", style="dim")
    return row


def _both(latencies: Latencies) -> tuple[float, float]:
    return latencies.quantile(0.5), latencies.quantile(0.99)


# ---------------------------------------------------------------- streams


@dataclass
class _Heard:
    """What is heard of one stream: its chunks, when the first came, how long each was on its way."""

    began: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    chunks: int = 0
    delays: list[float] = field(default_factory=list)

    def __call__(self, piece: bytes) -> None:
        now = time.monotonic_ns()
        for part in piece.split(b'"content":"')[1:]:
            for word in part.partition(b'"')[0].decode().split():
                left = when(word)
                if left:
                    self.first = self.first or time.perf_counter() - self.began
                    self.chunks += 1
                    self.delays.append((now - left) / 1e9)


async def _streams(row: Row, made: Pool, size: Size) -> None:
    heard: list[_Heard] = []

    async def ask(number: int) -> float:
        mine = _Heard()
        heard.append(mine)
        await made.post(question(text_of(f"{row.name}s", number), model="large", stream=True), mine)
        return mine.first

    await flat_out(ask, 20, 4)
    heard.clear()
    row.first_chunk_ms = _both(await at_rate(_shifted(ask, 1000), size.streams_per_s, size.seconds))
    row.chunk_delay_ms = _both(Latencies(tuple(sorted(delay for one in heard for delay in one.delays))))


async def _burst(row: Row, stack_: Stack, prefix: str, made: Pool, size: Size) -> None:
    heard: list[_Heard] = []

    async def ask(number: int) -> float:
        mine = _Heard()
        heard.append(mine)
        await made.post(question(f"burst {text_of(row.name, number)}", model="large", stream=True), mine)
        return 0.0

    await flat_out(ask, 2, 2)
    heard.clear()
    cpu, began = stack_.cpu_s(prefix), time.perf_counter()
    await flat_out(_shifted(ask, 1000), size.burst, 8)
    chunks = sum(one.chunks for one in heard)
    row.chunks_per_s = chunks / (time.perf_counter() - began)
    row.chunk_cpu_us = 1e6 * (stack_.cpu_s(prefix) - cpu) / max(chunks, 1)


# ---------------------------------------------------------------- ways


@dataclass(frozen=True)
class _Way:
    """One way to answer: its process (None: the upstream itself), and the model that it is asked for."""

    name: str
    prefix: str
    command: Callable[[int], list[str]] | None
    model: str
    over: str


def _relay(port: int) -> list[str]:
    return [sys.executable, "-m", "bench.relay", "http", str(port)]


def _door(port: int) -> list[str]:
    return [sys.executable, "-m", "stages", "serve", "--with-stages", "--port", str(port)]


WAYS: Final = (
    _Way("plain upstream", "models", None, "large", ""),
    _Way("HTTP relay", "relay", _relay, "large", "plain upstream"),
    _Way("door, fused", "door", _door, "auto", "HTTP relay"),
)


async def _answers(port: int, *, stream: bool) -> None:
    """Wait until the way answers."""
    for _ in range(300):
        with contextlib.suppress(Exception):
            async with pool(port) as one, asyncio.timeout(5):
                await one.post(question("Are you there?", model="large", stream=stream), lambda _: None)
                return
        await asyncio.sleep(0.1)
    raise RuntimeError("it did not start")


@contextlib.asynccontextmanager
async def _running(made: Stack, way: _Way, upstream: int, **changes: str) -> AsyncIterator[Pool]:
    """The way on a port of its own; the upstream on its own one."""
    port = upstream
    if way.command is not None:
        port = free_port()
        made.run(way.prefix, way.command(port), **changes)
    try:
        await _answers(port, stream="STEPWELL_LARGE_URL" in changes)
        async with pool(port) as sockets:
            yield sockets
    finally:
        if way.command is not None:
            made.stop(way.prefix)


async def measure(size: Size) -> list[Row]:
    """All rows, one after the other on the same servers."""
    rows = {way.name: Row(way.name, over=way.over) for way in WAYS}
    with stack() as made:
        made.start_nats()
        made.start_valkey()
        made.start_models()
        made.provision("--batch", "64")
        hits = Row("door, exact hits", over="HTTP relay")
        for way in WAYS:
            async with _running(made, way, made.models_port) as sockets:
                await _whole(rows[way.name], made, way.prefix, size, _asks(sockets, way.prefix, way.model))
                if way.prefix == "door":
                    await _whole(hits, made, way.prefix, size, _asks(sockets, "same", way.model, same=True))
        for way in WAYS:
            await _stream_rows(made, way, rows[way.name], size)
    return [*rows.values(), hits]


async def _stream_rows(made: Stack, way: _Way, row: Row, size: Size) -> None:
    """The same ways before a model server that streams, first with pauses, then without."""
    port = free_port()
    made.run("streams", [sys.executable, "-m", "bench.upstream", str(port), "--burst", str(size.burst_chunks)])
    url = f"http://127.0.0.1:{port}/v1"
    async with _running(made, way, port, STEPWELL_SMALL_URL=url, STEPWELL_LARGE_URL=url) as sockets:
        await _streams(row, sockets, size)
        await _burst(row, made, way.prefix if way.command else "streams", sockets, size)
    made.stop("streams")
    console.print(f"{row.name}: streams measured", style="dim")


# ---------------------------------------------------------------- report


def _show(rows: list[Row], rough: str | None) -> None:
    by_name = {row.name: row for row in rows}
    heads = ("way", "requests/s", "per core", "CPU ms", "NATS CPU ms", "p50/p99 at 50/s", "added", "MiB")
    table = Table(*heads, title="Whole answers; added = over the row named first above it", title_justify="left")
    for row in rows:
        base = by_name.get(row.over)
        share = f" ({row.requests_per_s / base.requests_per_s:.2f})" if base else ""
        times = f" ({row.cpu_ms / base.cpu_ms:.1f}x)" if base and base.cpu_ms else ""
        table.add_row(
            row.name,
            f"{row.requests_per_s:.0f}{share}",
            f"{row.per_core:.0f}",
            f"{row.cpu_ms:.2f}{times}",
            f"{row.nats_cpu_ms:.2f}",
            _pair(row.latency_ms),
            _added(row.latency_ms, base.latency_ms) if base else "",
            f"{row.rss_mib:.0f}",
        )
    heads = ("way", "first chunk p50/p99", "added", "chunk delay p50/p99", "chunks/s", "CPU us a chunk")
    streams = Table(*heads, title="Streams: 20 a second, then flat out", title_justify="left")
    for row in (row for row in rows if row.chunks_per_s):
        base = by_name.get(row.over)
        streams.add_row(
            row.name,
            _pair(row.first_chunk_ms),
            _added(row.first_chunk_ms, base.first_chunk_ms) if base else "",
            _pair(row.chunk_delay_ms),
            f"{row.chunks_per_s:.0f}",
            f"{row.chunk_cpu_us:.1f}",
        )
    out = Console(width=130)
    out.print(table)
    out.print(streams)
    out.print("marks: " + "; ".join(f"{name} {mark}" for name, mark in MARKS.items()), highlight=False)
    if rough is not None:
        out.print(rough, highlight=False)


def _pair(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.2f}/{pair[1]:.2f}"


def _added(pair: tuple[float, float], base: tuple[float, float]) -> str:
    return f"{pair[0] - base[0]:+.2f}/{pair[1] - base[1]:+.2f}"


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.door", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the load: the figures are rough")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    size = QUICK if options.quick else Size()
    rough = ROUGH.format(**asdict(size)) if options.quick else None
    rows = uvloop.run(measure(size))
    if options.json:
        told = [{**asdict(row), "per_core": row.per_core} for row in rows]
        sys.stdout.write(json.dumps({"rows": told, "marks": MARKS, "rough": rough}) + "\n")
    else:
        _show(rows, rough)
    return 0


if __name__ == "__main__":
    sys.exit(main())
