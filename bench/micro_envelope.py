"""What the plan's signals and snapshot add to an envelope: bytes, and time to write and read it.

    python -m bench.micro_envelope [--calls 4000] [--json]

Times are microseconds, the best of several runs. `per_json_parse` is their sum over that of one `orjson.loads` of the
same bytes. `whole` writes every field, as the contract would by itself; `lean` is what travels.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from pipeline.contracts import Envelope, parse_envelope
from pipeline.runner import dump_envelope

EXAMPLE: Final = Path(__file__).parents[1] / "schemas/examples/envelope/1.0/accepted/waiting_for_its_budget.json"
RUNS: Final = 7


def micros(work: Callable[[], object], calls: int) -> float:
    """The best of several runs, for one call."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, time.perf_counter() - begun)
    return best / calls * 1e6


def without_planning(envelope: Envelope) -> Envelope:
    """The same envelope as if planning had kept nothing of what it saw."""
    plan = envelope.plan
    if plan is None:
        return envelope
    bare: dict[str, Any] = {"signals": None, "snapshot": None, "covers": (), "rates": (), "chose": ()}
    return envelope.model_copy(update={"plan": plan.model_copy(update=bare)})


def measured(name: str, envelope: Envelope, dump: Callable[[Envelope], bytes], calls: int) -> dict[str, Any]:
    """One row."""
    body = dump(envelope)
    written, read = micros(lambda: dump(envelope), calls), micros(lambda: parse_envelope(body), calls)
    parse = micros(lambda: orjson.loads(body), calls)
    return {
        "name": name,
        "bytes": len(body),
        "write_us": round(written, 2),
        "read_us": round(read, 2),
        "per_json_parse": round((written + read) / parse, 1),
    }


def whole(envelope: Envelope) -> bytes:
    """Every field that is not null."""
    return envelope.model_dump_json(exclude_none=True).encode()


def rows(calls: int) -> list[dict[str, Any]]:
    """All rows."""
    full = parse_envelope(EXAMPLE.read_bytes())
    bare = without_planning(full)
    return [
        measured("without planning, whole", bare, whole, calls),
        measured("without planning, lean", bare, dump_envelope, calls),
        measured("with planning, whole", full, whole, calls),
        measured("with planning, lean", full, dump_envelope, calls),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=4_000, help="calls of each run")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = rows(options.calls)
    if options.json:
        json.dump(found, sys.stdout)
        return
    table = Table()
    for column in found[0]:
        table.add_column(column)
    for row in found:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
