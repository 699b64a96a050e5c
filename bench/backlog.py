"""Interactive latency next to a backlog of batch work, against the same without it.

    python -m bench.backlog --backlog 20000

The models take 20 ms and have eight slots, so that there is something to wait for.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Final

import uvloop
from rich.console import Console

from bench.drive import Latencies, ask_cascade, at_rate, text_of
from bench.stack import ready, stack
from pipeline.client import Client
from pipeline.contracts import Request
from pipeline.ports import Link
from pipeline.transport.nats import connect

console = Console(stderr=True)

SLOTS: Final = 8
MODEL_MS: Final = "20"


@dataclass(frozen=True)
class Found:
    """Milliseconds; `batch_left` is what was still waiting when the measurement ended."""

    backlog: int
    rate: float
    alone_p50: float
    alone_p99: float
    beside_p50: float
    beside_p99: float
    batch_left: int

    @property
    def ratio(self) -> float:
        """p99 with the backlog over p99 without."""
        return self.beside_p99 / self.alone_p99


async def _fill(link: Link, backlog: int) -> None:
    client = Client(link)
    numbers = iter(range(backlog))

    async def hand_in() -> None:
        for number in numbers:
            await client.enqueue(Request(input=text_of("batch", number), lane="batch"))

    await asyncio.gather(*(hand_in() for _ in range(64)))


async def _left(link: Link) -> int:
    count = 0
    async for _ in link.streams.scan("STEPS"):
        count += 1
    return count


async def measure(backlog: int, rate: float, seconds: float) -> Found:
    """Latencies alone, then beside the backlog."""
    with stack(slots=SLOTS) as made:
        made.start_nats()
        made.start_valkey()
        made.start_models(MODEL_MS, "--slots", str(SLOTS))
        made.provision()
        made.start_deployment("fused")
        await ready(made)
        link = await connect(made.settings, name="backlog", patient=True)
        await at_rate(ask_cascade(link, "warm"), rate, 3)
        alone = await at_rate(ask_cascade(link, "alone"), rate, seconds)
        await _fill(link, backlog)
        console.print(f"{await _left(link)} batch requests wait", style="dim")
        beside = await at_rate(ask_cascade(link, "beside"), rate, seconds)
        found = _found(backlog, rate, alone, beside, await _left(link))
        await link.close()
    return found


def _found(backlog: int, rate: float, alone: Latencies, beside: Latencies, left: int) -> Found:
    quantiles = [latencies.quantile(share) for latencies in (alone, beside) for share in (0.5, 0.99)]
    return Found(backlog, rate, *(round(value, 2) for value in quantiles), batch_left=left)


def main() -> int:
    """Measure and report; exit code 1 when the backlog was used up before the end, since then nothing was shown."""
    parser = argparse.ArgumentParser(prog="python -m bench.backlog", description=__doc__.split("\n")[0])
    parser.add_argument("--backlog", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=25.0, help="interactive requests per second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = uvloop.run(measure(options.backlog, options.rate, options.seconds))
    if options.json:
        sys.stdout.write(json.dumps({**asdict(found), "ratio": found.ratio}) + "\n")
    else:
        out = Console()
        out.print(f"alone   p50 {found.alone_p50:6.1f} ms   p99 {found.alone_p99:6.1f} ms")
        out.print(f"beside  p50 {found.beside_p50:6.1f} ms   p99 {found.beside_p99:6.1f} ms   ({found.ratio:.2f}x)")
        out.print(f"{found.batch_left} of {found.backlog} batch requests were still waiting at the end")
    return 0 if found.batch_left else 1


if __name__ == "__main__":
    sys.exit(main())
