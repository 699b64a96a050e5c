"""Cost of the ledger for an attempt: reserve and settle, beside a bare round trip to the same Valkey.

    python -m bench.micro_money [--attempts 2000] [--budgets 3] [--json]

Valkey is real and on this machine; the stream is in memory, so that what is measured is the ledger's own share. The
figures to compare are the ratios to one bare round trip (a PING over the same client).
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.stack import Stack, stack
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.money.ledger import StreamLedger
from pipeline.adapters.money.valkey import ValkeyCounters
from pipeline.contracts import Cover, Usage
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Charge
from pipeline.transport.memory import MemoryLink

USED = Usage(input_tokens=400, output_tokens=120)


def budgets(count: int) -> str:
    """A file of budgets that all requests are paid by, none of which is ever used up."""
    lines = "".join(f"  - {{name: b{n}, by: [tenant], per: day, limit: {{usd: 1000000}}}}\n" for n in range(count))
    return f"apiVersion: stepwell/v1\nkind: Budgets\nbudgets:\n{lines}"


def charge(number: int, covers: tuple[Cover, ...]) -> Charge:
    """One attempt."""
    request = f"r{number}"
    return Charge(
        attempt=f"acme.{request}.draft-1",
        tenant="acme",
        request_id=request,
        lane="interactive",
        stage="draft",
        purpose="draft",
        route="chat",
        variant="small",
        target="small",
        usd=0.001,
        tokens=1000,
        covers=covers,
    )


async def each_us(work: Callable[[int], Awaitable[object]], numbers: range, at_once: int) -> tuple[float, float]:
    """Microseconds for one, of time and of CPU, with so many at a time."""
    queue = iter(numbers)

    async def one() -> None:
        for number in queue:
            await work(number)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one() for _ in range(at_once)))
    count = len(numbers)
    return (time.perf_counter() - wall) / count * 1e6, (time.process_time() - cpu) / count * 1e6


async def measure(made: Stack, attempts: int, count: int) -> dict[str, Any]:
    """All figures."""
    (made.policies / "budgets.yaml").write_text(budgets(count))
    policies = FixedPolicy(load_folder(made.policies, made.environment))
    covers = tuple(Cover(budget=f"b{n}", scope="tenant=acme") for n in range(count))
    counters = ValkeyCounters(str(made.settings.valkey_url))
    ledger = StreamLedger(counters, MemoryLink().streams, policies, SystemClock())

    async def paid(number: int) -> None:
        one = charge(number, covers)
        assert await ledger.reserve(one) is None
        await ledger.settle(one, 0.0005, USED, estimated=False)

    async def unpaid(number: int) -> None:
        one = charge(number, ())
        assert await ledger.reserve(one) is None
        await ledger.settle(one, 0.0005, USED, estimated=False)

    async def bare(_: int) -> None:
        await counters._calls.command("PING")

    await paid(-1)
    figures: dict[str, Any] = {"attempts": attempts, "budgets": count}
    for at_once in (1, 32):
        ping = await each_us(bare, range(attempts), at_once)
        without = await each_us(unpaid, range(at_once * 10**7, at_once * 10**7 + attempts), at_once)
        full = await each_us(paid, range(at_once * 10**6, at_once * 10**6 + attempts), at_once)
        figures[f"{at_once} at a time"] = {
            "ping_us": round(ping[0], 1),
            "no_budget_us": round(without[0], 1),
            "reserve_settle_us": round(full[0], 1),
            "reserve_settle_cpu_us": round(full[1], 1),
            "ratio_to_ping": round(full[0] / ping[0], 2),
            "ratio_to_ping_cpu": round(full[1] / ping[1], 2),
        }
    await ledger.stop()
    return figures


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro_money", description=__doc__.split("\n")[0])
    parser.add_argument("--attempts", type=int, default=2000)
    parser.add_argument("--budgets", type=int, default=3, help="budgets that pay for each attempt")
    parser.add_argument("--json", action="store_true", help="JSON for programs")
    options = parser.parse_args()
    with stack() as made:
        made.start_valkey()
        figures = asyncio.run(measure(made, options.attempts, options.budgets))
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return 0
    table = Table(title=f"reserve and settle at {options.budgets} budgets, microseconds", title_justify="left")
    rows = {name: values for name, values in figures.items() if isinstance(values, dict)}
    table.add_column("")
    for name in rows:
        table.add_column(name, justify="right")
    for figure in next(iter(rows.values())):
        table.add_row(figure.replace("_", " "), *(str(values[figure]) for values in rows.values()))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
