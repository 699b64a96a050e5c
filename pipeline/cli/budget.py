"""`stepwell budget`: what budgets have left."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.adapters.money.counters import Slot, Total, dollars, nano
from pipeline.adapters.money.fold import Fold
from pipeline.adapters.money.payers import used
from pipeline.adapters.money.rebuild import read_fold
from pipeline.adapters.money.windows import frame_at
from pipeline.cli.budget_caps import Paces, caps_of, print_caps, read_caps
from pipeline.cli.money_text import bar, usd
from pipeline.cli.show import Misused, console, errors_as_sentences, print_json, print_table, run
from pipeline.embedded.here import environment_here
from pipeline.policy import Policy
from pipeline.policy.models import BudgetSpec
from pipeline.revisions import RevisionStore
from pipeline.revisions.named import policy_in_force
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["counters_of", "register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="What budgets have left.")
    group.callback()(_group)
    group.command("show")(show_command)
    root.add_typer(group, name="budget")


def _group() -> None:
    """What budgets have left."""


@errors_as_sentences
def show_command(
    name: Annotated[str | None, typer.Argument(help="Only this budget.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What is spent, held and left of each budget in its present window, as the ledger says (not the counters).

    spent: settled attempts. held: set aside for attempts that run. resets: when the window ends (UTC).
    Users, keys and tags stand there as digests. Caps on escalations come after them, as Valkey counts them: the share
    lately, what is left in the bucket, and the price, which is the urgency that an escalation needs now.

    Example: stepwell budget show tests-eu --json
    """
    now = time.time()
    policy, fold, paces = run(_read(now, quiet=as_json))
    names = [*(spec.name for spec in policy.budgets), *(cap.name for cap in policy.escalations)]
    if name is not None and name not in names:
        there = f"there are {', '.join(names)}" if names else "there is none"
        raise Misused(f"no budget {name} is in force; {there}")
    rows = [row for row in counters_of(policy, fold, now) if name is None or row["budget"] == name]
    caps = [row for row in caps_of(policy, paces) if name is None or row["cap"] == name]
    if as_json:
        print_json([*rows, *caps])
        return
    if not rows and not caps:
        console.print("no budget is in force", highlight=False)
        return
    if rows:
        _print(rows)
    print_caps(caps)


async def _read(now: float, *, quiet: bool) -> tuple[Policy, Fold, Paces | None]:
    environment = environment_here()
    settings = Settings.from_environment(environment)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines read"), TimeElapsedColumn())
    link = await connect(settings, name="cli")
    try:
        policy, _ = await policy_in_force(RevisionStore(link.bucket("policy")), settings.policies, environment)
        with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
            task = progress.add_task("read", total=None)

            async def told(lines: int) -> None:
                progress.update(task, completed=lines)

            pers = {spec.per for spec in policy.budgets}
            fold, _ = await read_fold(link.streams, link.bucket("budgets"), now, pers, told)
    finally:
        await link.close()
    return policy, fold, await read_caps(policy, settings.valkey_url)


def counters_of(policy: Policy, fold: Fold, now: float) -> Iterator[dict[str, Any]]:
    """One row for each counter of each budget in force; a budget that nobody used yet has one without a scope."""
    held = dict(_held(fold))
    for spec in policy.budgets:
        frame = frame_at(spec.per, now)
        slots = {*fold.spent, *held}
        mine = sorted(slot for slot in slots if slot.budget == spec.name and slot.frame == frame)
        for slot in mine or [Slot(spec.name, "", frame)]:
            yield _row(spec, slot, fold.spent.get(slot, Total()), held.get(slot, Total()))


def _held(fold: Fold) -> Iterator[tuple[Slot, Total]]:
    sums: dict[Slot, Total] = {}
    for _, holding in fold.pending.values():
        for slot in holding.slots:
            before = sums.get(slot, Total())
            sums[slot] = Total(before.nano + holding.amount.nano, before.tokens + holding.amount.tokens, 0)
    yield from sums.items()


def _row(spec: BudgetSpec, slot: Slot, spent: Total, held: Total) -> dict[str, Any]:
    limit = spec.limit
    both = Total(spent.nano + held.nano, spent.tokens + held.tokens, spent.requests)
    left = {
        "usd": None if limit.usd is None else dollars(nano(limit.usd) - both.nano),
        "tokens": None if limit.tokens is None else limit.tokens - both.tokens,
        "requests": None if limit.requests is None else limit.requests - both.requests,
    }
    return {
        "budget": spec.name,
        "scope": slot.scope,
        "window": slot.frame.name,
        "action": spec.action,
        "limit": limit.model_dump(exclude_none=True),
        "spent": {"usd": dollars(spent.nano), "tokens": spent.tokens, "requests": spent.requests},
        "held": {"usd": dollars(held.nano), "tokens": held.tokens},
        "left": {kind: amount for kind, amount in left.items() if amount is not None},
        "used": round(used(both, limit), 6),
        "warns": used(both, limit) >= spec.warn_at,
        "resets_at": slot.frame.ends,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("budget", "of", "limit", "spent", "held", "left", "used", "resets (UTC)"):
        table.add_column(
            column,
            overflow="fold",
            no_wrap=column != "of",
            justify="left" if column in ("budget", "of", "used") else "right",
        )
    for row in rows:
        kinds = tuple(row["limit"])
        share = min(1.0, row["used"])
        colour = "red" if share >= 1 else "yellow" if row["warns"] else "green"
        table.add_row(
            escape(row["budget"]),
            escape(row["scope"]) or "[dim]nobody yet[/]",
            *(_amounts(row[part], kinds) for part in ("limit", "spent", "held", "left")),
            f"[{colour}]{bar(share, 6):<6}[/] {row['used'] * 100:.0f} %",
            "never" if row["resets_at"] is None else time.strftime("%-d %b %H:%M", time.gmtime(row["resets_at"])),
        )
    print_table(table)


def _amounts(amounts: dict[str, float], kinds: tuple[str, ...]) -> str:
    """The amounts of the kinds that are limited, each with its unit."""
    units = {"usd": "USD", "tokens": "tokens", "requests": "requests"}
    shown = [(kind, amounts[kind]) for kind in kinds if kind in amounts]
    return "\n".join(f"{usd(amount) if kind == 'usd' else f'{amount:,}'} {units[kind]}" for kind, amount in shown)
