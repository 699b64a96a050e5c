"""What the cascade costs: requests per second and core, added latency, added time to the first chunk, memory.

    python -m bench.run
    python -m bench.run --quick --json

Every figure stands beside that of a bare relay in the same run, on the same machine, at the same time of day.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field

import aiohttp
import uvloop
from rich.console import Console
from rich.table import Table

from bench.drive import Ask, ask_cascade, ask_door, ask_relay, at_rate, first_chunk_of_cascade, flat_out
from bench.stack import Stack, free_port, ready, stack
from pipeline.ports import Link
from pipeline.transport.nats import connect

console = Console(stderr=True)


@dataclass(frozen=True)
class Size:
    """How much is asked."""

    warm: int = 300
    flat_out: int = 4000
    callers: int = 64
    seconds: float = 15.0
    streams_per_s: float = 20.0


QUICK = Size(warm=50, flat_out=400, seconds=3.0)


@dataclass
class Row:
    """The figures of one way to answer. Milliseconds and MiB; `cpu_ms` counts its processes without NATS and models."""

    name: str
    requests_per_s: float = 0.0
    cpu_ms: float = 0.0
    nats_cpu_ms: float = 0.0
    per_core: float = 0.0
    latency: dict[str, tuple[float, float]] = field(default_factory=dict)
    first_chunk_ms: float = 0.0
    rss_mib: float = 0.0


async def _row(name: str, made: Stack, prefix: str, size: Size, ask: Ask, first: Ask | None) -> Row:
    row = Row(name)
    await flat_out(ask, size.warm, 8)
    cpu, broker = made.cpu_s(prefix), made.cpu_s("nats")
    row.requests_per_s = await flat_out(_offset(ask, 10_000), size.flat_out, size.callers)
    row.cpu_ms = 1000 * (made.cpu_s(prefix) - cpu) / size.flat_out
    row.nats_cpu_ms = 1000 * (made.cpu_s("nats") - broker) / size.flat_out
    row.per_core = 1000 / row.cpu_ms if row.cpu_ms else 0.0
    for index, rate in enumerate((50, 200)):
        latencies = await at_rate(_offset(ask, 100_000 * (index + 1)), rate, size.seconds)
        row.latency[f"{rate}/s"] = (latencies.quantile(0.5), latencies.quantile(0.99))
    if first is not None:
        row.first_chunk_ms = (await at_rate(first, size.streams_per_s, size.seconds)).quantile(0.5)
    row.rss_mib = made.rss_mib(prefix)
    console.print(f"{name} measured", style="dim")
    return row


def _offset(ask: Ask, by: int) -> Ask:
    async def shifted(number: int) -> float:
        return await ask(number + by)

    return shifted


async def _relay(made: Stack, size: Size, link: Link) -> Row:
    made.run("relay", [sys.executable, "-m", "bench.relay", "nats"])
    await _until(lambda: ask_relay(link, "relay")(0))
    row = await _row("relay", made, "relay", size, ask_relay(link, "relay"), ask_relay(link, "relays", stream=True))
    made.stop("relay")
    return row


async def _deployment(made: Stack, size: Size, link: Link, name: str) -> Row:
    made.start_deployment(name)
    await ready(made)
    row = await _row(name, made, "worker", size, ask_cascade(link, name), first_chunk_of_cascade(link, f"{name}s"))
    if name != "fused":
        made.stop("worker")
    return row


async def _cached(made: Stack, size: Size, link: Link) -> Row:
    return await _row("fused, cache hits", made, "worker", size, ask_cascade(link, "cached", same=True), None)


async def _doors(made: Stack, size: Size) -> list[Row]:
    relay, door = free_port(), free_port()
    made.run("http-relay", [sys.executable, "-m", "bench.relay", "http", str(relay)])
    made.run("door", [sys.executable, "-m", "stages", "serve", "--port", str(door)])
    rows = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        ways = (("HTTP relay", "http-relay", relay, "large"), ("HTTP door (alone)", "door", door, "auto"))
        for name, prefix, port, model in ways:
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            ask = ask_door(session, url, prefix, model=model)
            first = ask_door(session, url, f"{prefix}s", model="large", stream=True)
            await _until(lambda ask=ask: ask(0))
            rows.append(await _row(name, made, prefix, size, ask, first))
    made.stop("door")
    return rows


async def _until(attempt: Callable[[], Awaitable[float]]) -> None:
    """Try until it works, so that start-up is not measured."""
    for _ in range(200):
        try:
            async with asyncio.timeout(5):
                await attempt()
                return
        except Exception:
            await asyncio.sleep(0.1)
    raise RuntimeError("it did not start")


async def measure(size: Size, deployments: tuple[str, ...]) -> list[Row]:
    """All rows, one after the other on the same servers."""
    with stack() as made:
        made.start_nats()
        made.start_valkey()
        made.start_models()
        made.provision("--batch", "64")
        link = await connect(made.settings, name="bench", patient=True)
        rows = [await _relay(made, size, link)]
        for name in deployments:
            rows.append(await _deployment(made, size, link, name))
        rows.append(await _deployment(made, size, link, "fused"))
        rows.append(await _cached(made, size, link))
        rows += await _doors(made, size)
        await link.close()
    return rows


def _show(rows: list[Row]) -> None:
    table = Table(
        "way",
        "requests/s",
        "per core",
        "CPU ms",
        "NATS CPU ms",
        "p50/p99 at 50/s",
        "added",
        "p50/p99 at 200/s",
        "added",
        "first chunk",
        "added",
        "MiB",
        title="ms; added = over the bare relay above it",
        title_justify="left",
    )
    base = rows[0]
    for row in rows:
        if "relay" in row.name:
            base = row
        table.add_row(row.name, *_cells(row, base))
    Console(width=150).print(table)


def _cells(row: Row, base: Row) -> list[str]:
    cells = [f"{row.requests_per_s:.0f} ({row.requests_per_s / base.requests_per_s:.2f})"]
    cells += [f"{row.per_core:.0f}", f"{row.cpu_ms:.2f} ({row.cpu_ms / base.cpu_ms:.1f}x)", f"{row.nats_cpu_ms:.2f}"]
    for rate, (middle, high) in row.latency.items():
        cells += [
            f"{middle:.1f}/{high:.1f}",
            f"{middle - base.latency[rate][0]:+.1f}/{high - base.latency[rate][1]:+.1f}",
        ]
    if row.first_chunk_ms:
        cells += [f"{row.first_chunk_ms:.1f}", f"{row.first_chunk_ms - base.first_chunk_ms:+.1f}"]
    else:
        cells += ["", ""]
    return [*cells, f"{row.rss_mib:.0f}"]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, to see that it runs")
    parser.add_argument("--only-fused", action="store_true", help="leave the other deployments out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    deployments = () if options.only_fused else ("split", "two")
    rows = uvloop.run(measure(QUICK if options.quick else Size(), deployments))
    if options.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows]) + "\n")
    else:
        _show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
