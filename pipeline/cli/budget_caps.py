"""What caps on escalations stand at: as workers count them in Valkey."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from pipeline.adapters.money.pacing import Pace
from pipeline.adapters.money.valkey import ValkeyCounters
from pipeline.cli.show import console, print_table
from pipeline.errors import StoreUnavailable
from pipeline.policy import Policy

__all__ = ["caps_of", "print_caps", "read_caps"]

Paces = Mapping[str, Mapping[str, Pace]]


async def read_caps(policy: Policy, valkey_url: str | None) -> Paces | None:
    """What each cap stands at, by whose it is; None: nobody counts them for all, or he does not answer."""
    if valkey_url is None or not policy.escalations:
        return None
    counters = ValkeyCounters(valkey_url)
    try:
        return {cap.name: await counters.paces(cap.name) for cap in policy.escalations}
    except StoreUnavailable:
        return None
    finally:
        await counters.close()


def caps_of(policy: Policy, paces: Paces | None) -> Iterator[dict[str, Any]]:
    """One row for each bucket of each cap in force; a cap that nobody used yet has one without a scope."""
    for cap in policy.escalations:
        known = paces.get(cap.name, {}) if paces is not None else {}
        buckets: list[tuple[str, Pace | None]] = [*sorted(known.items(), key=lambda entry: entry[0])]
        for scope, pace in buckets or [("", None)]:
            yield {
                "cap": cap.name,
                "scope": scope,
                "share": cap.share,
                "burst": cap.burst,
                "counted": paces is not None,
                "left": None if pace is None else round(pace.level, 3),
                "lately": None if pace is None else round(pace.lately, 4),
                "price": None if pace is None or not cap.pace else round(pace.price, 4),
                "state": _state(pace),
            }


def _state(pace: Pace | None) -> str:
    if pace is None:
        return "unknown"
    if pace.level < 1.0:
        return "empty"
    return "shut" if pace.shut else "open"


def print_caps(rows: list[dict[str, Any]]) -> None:
    """A table for people."""
    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("cap on escalations", "of", "share", "lately", "left of burst", "price", "state"):
        table.add_column(column, overflow="fold", justify="left" if column in ("cap on escalations", "of") else "right")
    for row in rows:
        table.add_row(
            escape(row["cap"]),
            escape(row["scope"]) or "[dim]nobody yet[/]",
            f"{row['share'] * 100:g} %",
            "" if row["lately"] is None else f"{row['lately'] * 100:.1f} %",
            "" if row["left"] is None else f"{row['left']:.1f} / {row['burst']}",
            "" if row["price"] is None else f"{row['price']:.2f}",
            row["state"],
        )
    print_table(table)
    if not rows[0]["counted"]:
        console.print("[dim]each worker keeps the caps for itself: no Valkey counts them for all[/]", highlight=False)
