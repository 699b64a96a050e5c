"""200 concurrent requests on a budget with room for 10: how many are dispatched, also when a worker is killed.

    python -m bench.budget                        50 repetitions, a worker killed in the middle of each
    python -m bench.budget --no-kill              the same without
    python -m bench.budget --repetitions 5 --json

What is dispatched is counted from the outside: every call that reached the scripted models, also one whose worker was
killed before its end. Such a call is paid for as lost, so what it took is not there for another. The run ends with exit
code 1 when a repetition dispatched more than there was room for, when a request got no reply, or when the ledger says
something else.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.progress import track
from rich.table import Table
from ruamel.yaml import YAML

from bench.faults import Workers
from bench.stack import Stack, ready, stack
from pipeline.adapters.money.pages import read_lines
from pipeline.client import Client
from pipeline.contracts import Parameters, Request
from pipeline.errors import StepwellError
from pipeline.ports import Link
from pipeline.transport.nats import connect

console = Console(stderr=True)

ROOM: Final = 10
AT_ONCE: Final = 200
MODEL_MS: Final = "300-800"
PATIENCE_S: Final = 90.0
# One token of answer costs 10 USD for a million, and the prompt nothing: what is set aside is what it costs.
PRICE: Final = {"input": 0, "output": 10, "source": "bench", "as_of": "2026-01-01"}
BUDGETS: Final = f"""\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {{name: room, by: [tenant], per: total, limit: {{usd: {ROOM * 10 / 1e6:.6f}}}}}
"""


@dataclass
class Seen:
    """What one repetition showed."""

    answered: int = 0
    refused: int = 0
    other: int = 0
    lost: int = 0
    dispatched: int = 0
    aborted: int = 0
    held: int = 0
    settled: int = 0
    killed: bool = False

    def broken(self) -> bool:
        """Whether it was otherwise than promised."""
        too_many = max(self.dispatched, self.held, self.settled, self.answered) > ROOM
        return too_many or self.lost > 0 or self.other > 0


@dataclass
class Count:
    """All repetitions."""

    repetitions: list[Seen] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The figures."""
        dispatched = [seen.dispatched for seen in self.repetitions]
        return {
            "repetitions": len(self.repetitions),
            "at_once": AT_ONCE,
            "room": ROOM,
            "most_dispatched": max(dispatched, default=0),
            "fewest_dispatched": min(dispatched, default=0),
            "workers_killed": sum(seen.killed for seen in self.repetitions),
            "broken": sum(seen.broken() for seen in self.repetitions),
            "calls_broken_off": sum(seen.aborted for seen in self.repetitions),
            "answered": sum(seen.answered for seen in self.repetitions),
            "refused": sum(seen.refused for seen in self.repetitions),
            "lost": sum(seen.lost for seen in self.repetitions),
            "other": sum(seen.other for seen in self.repetitions),
        }


def _budgets(made: Stack) -> None:
    """A budget for each tenant, and a target whose calls cost what is set aside for them."""
    yaml = YAML()
    path = made.policies / "models.yaml"
    models = yaml.load(path)
    for target in models["targets"].values():
        target["price"] = dict(PRICE)
        if "embedding" not in target["capabilities"]:
            target["model"] = "mini"
    yaml.dump(models, path)
    (made.policies / "budgets.yaml").write_text(BUDGETS)


async def _stats(made: Stack) -> dict[str, Any]:
    url = f"http://127.0.0.1:{made.models_port}/__stats"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return dict(await answer.json())


async def _calls(made: Stack) -> tuple[int, int]:
    """Calls that the models billed so far, and calls whose worker was gone before their end."""
    stats = await _stats(made)
    return int(stats["billed_total"]), int(stats["aborted"])


async def _under_way(made: Stack) -> None:
    """Wait until a model is being asked: the middle of a repetition."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if (await _stats(made))["running"]:
            return
        await asyncio.sleep(0.01)


async def _ask(client: Client, number: int) -> str:
    """How a request ended. One whose caller lost its way asks again under the same id."""
    request = Request(id=f"q-{number}", input=f"Question {number}", cache="off", parameters=Parameters(max_tokens=1))
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            return (await client.ask(request, timeout_s=until - time.monotonic())).status
        except StepwellError:
            await asyncio.sleep(0.05)
    return "lost"


async def _ledger(link: Link, tenant: str, seen: Seen) -> None:
    kinds: Counter[str] = Counter()
    async for line in read_lines(link.streams, tenant=tenant):
        kinds.update([line.kind] if line is not None else [])
    seen.held, seen.settled = kinds["reserve"] - kinds["release"], kinds["settle"]


async def _repetition(
    made: Stack, link: Link, workers: Workers, number: int, chance: random.Random, *, kill: bool
) -> Seen:
    tenant, seen = f"tenant-{number}", Seen(killed=kill)
    billed, aborted = await _calls(made)
    asking = [asyncio.create_task(_ask(Client(link, tenant), n)) for n in range(AT_ONCE)]
    if kill:
        await _under_way(made)
        await asyncio.sleep(0.2 * chance.random())
        await asyncio.to_thread(workers.kill_one, chance)
    ended = Counter(await asyncio.gather(*asking))
    seen.answered, seen.refused, seen.lost = ended.pop("answered", 0), ended.pop("refused", 0), ended.pop("lost", 0)
    seen.other = sum(ended.values())
    billed_now, aborted_now = await _calls(made)
    seen.aborted = aborted_now - aborted
    seen.dispatched = billed_now - billed + seen.aborted
    await _ledger(link, tenant, seen)
    return seen


async def measure(repetitions: int, *, kill: bool) -> Count:
    """Run them one after the other on one set of servers, each with a tenant of its own."""
    count, chance = Count(), random.Random(11)
    with stack() as made:
        _budgets(made)
        made.start_nats()
        made.start_valkey()
        made.start_models(MODEL_MS)
        made.provision("--ack-wait", "1.5", "--batch", "64")
        workers = Workers(made, "fused", 2)
        workers.start()
        try:
            await ready(made)
            link = await connect(made.settings, name="budget", patient=True)
            for number in track(range(repetitions), console=console, transient=True, description="repetitions"):
                count.repetitions.append(await _repetition(made, link, workers, number, chance, kill=kill))
            await link.close()
        finally:
            workers.stop()
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.budget", description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--no-kill", action="store_true", help="kill no worker")
    parser.add_argument("--json", action="store_true", help="JSON for programs")
    options = parser.parse_args(arguments)
    count = asyncio.run(measure(options.repetitions, kill=not options.no_kill))
    summary = count.summary()
    if options.json:
        sys.stdout.write(json.dumps({**summary, "each": [asdict(seen) for seen in count.repetitions]}, indent=2) + "\n")
    else:
        table = Table(title=f"{AT_ONCE} requests at once, room for {ROOM}", title_justify="left", show_header=False)
        for name, value in summary.items():
            table.add_row(name.replace("_", " "), str(value))
        Console().print(table)
    return 1 if summary["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
