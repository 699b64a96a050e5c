"""`stepwell cost`: what requests cost, and what the stairs saved."""

import time
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline.cli.money_text import bar, usd
from pipeline.cli.policy_replay import duration_s
from pipeline.cli.show import Misused, console, errors_as_sentences, print_json, print_table, run
from pipeline.contracts import is_name
from pipeline.costs.read import read_report
from pipeline.costs.report import BY, By, Report, Row
from pipeline.embedded.here import environment_here, settings_here
from pipeline.errors import StepwellError
from pipeline.ports import Link
from pipeline.revisions import RevisionStore
from pipeline.revisions.named import policy_in_force
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_NAMED: Final = 10
_COLUMNS: Final = ("requests", "calls", "cost", "served", "overhead", "large", "gross", "net", "unknown")


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="What requests cost, and what the stairs saved.")
    group.callback()(_group)
    group.command("report")(report_command)
    root.add_typer(group, name="cost")


def _group() -> None:
    """What requests cost, and what the stairs saved."""


@errors_as_sentences
def report_command(
    since: Annotated[str, typer.Option("--since", help="How far back: 30m, 24h, 7d.")] = "24h",
    by: Annotated[str, typer.Option("--by", help="tenant, route, variant or lane.")] = "tenant",
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What requests cost, by tenant, route, variant or lane, in US dollars at list price.

    cost: all calls, also failed, abandoned and unserved ones. served: the calls whose answers were served.
    overhead: cost without served.

    large: the same answers, had the best variant of the route given them at once (estimated by their length).
    gross: large without served. net: large without cost; negative where the stairs cost more than they saved.

    unknown: requests of which nobody knows the cost; they are in none of the sums.

    Not by user, key or tag: the records hold none of them. What a user spends of a budget: stepwell budget show.

    Example: stepwell cost report --since 7d --by route
    """
    grouping = _by(by)
    if tenant is not None and not is_name(tenant):
        raise Misused(f"{tenant!r} is no name of a tenant: letters, digits, _ and -, at most 64")
    seconds = duration_s(since)
    report, unreadable = run(_read(grouping, seconds, tenant, quiet=as_json))
    if as_json:
        print_json({"since": since, "currency": "USD", "unreadable": unreadable, **report.as_dict()})
        return
    _print(report, since, unreadable)


def _by(text: str) -> By:
    for known in BY:
        if text == known:
            return known
    raise Misused(f"--by {text}: group by {', '.join(BY[:-1])} or {BY[-1]}")


async def _read(by: By, seconds: float, tenant: str | None, *, quiet: bool) -> tuple[Report, int]:
    report, until = Report(by), time.time()
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} entries read"), TimeElapsedColumn())
    link = await connect(settings_here(), name="cli")
    try:
        with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
            task = progress.add_task("read", total=None)
            unreadable = await read_report(
                link.streams,
                report,
                since=until - seconds,
                until=until,
                tenant=tenant,
                told=lambda read: progress.update(task, completed=read),
            )
        if tenant is not None and not report.rows:
            await _require_tenant(link, tenant, until - seconds, until)
    finally:
        await link.close()
    return report, unreadable


async def _require_tenant(link: Link, tenant: str, since: float, until: float) -> None:
    """Nothing of the tenant ended, which is well where there is such a tenant. Raises `Misused` where there is none."""
    everybody = Report("tenant")
    await read_report(link.streams, everybody, since=since, until=until)
    if not everybody.rows or tenant in await _tenants(link):
        return
    known = ", ".join(sorted(everybody.rows)[:_NAMED])
    more = f" and {len(everybody.rows) - _NAMED} more" if len(everybody.rows) > _NAMED else ""
    raise Misused(f"tenant {tenant} had no request in that time and is not in the policy; there were {known}{more}")


async def _tenants(link: Link) -> frozenset[str]:
    """The tenants that the policy in force names; none where it cannot be loaded here."""
    environment = environment_here()
    folder = Settings.from_environment(environment).policies
    try:
        policy, _ = await policy_in_force(RevisionStore(link.bucket("policy")), folder, environment)
    except StepwellError:
        return frozenset()
    return frozenset(policy.tenants)


def _print(report: Report, since: str, unreadable: int) -> None:
    total = report.total
    if not report.rows:
        console.print(f"no request ended in the last {since}", highlight=False, markup=False)
        return
    title = f"the last {escape(since)}, by {report.by}, in US dollars"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(report.by, overflow="fold")
    for name in _COLUMNS if total.unknown else _COLUMNS[:-1]:
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in sorted(report.rows.items(), key=lambda item: (-item[1].cost, item[0])):
        table.add_row(escape(name), *_cells(row)[: len(table.columns) - 1])
    if len(report.rows) > 1:
        table.add_section()
        table.add_row("all", *_cells(total)[: len(table.columns) - 1], style="bold")
    print_table(table)
    _picture(total)
    for sentence in _sentences(total, unreadable):
        console.print(sentence, highlight=False)


def _cells(row: Row) -> tuple[str, ...]:
    amounts = (row.cost, row.served, row.overhead, row.large, row.gross)
    net = usd(row.net)
    return (
        str(row.requests),
        str(row.attempts),
        *map(usd, amounts),
        f"[red]{net}[/]" if row.net < 0 else net,
        f"[bold red]{row.unknown}[/]" if row.unknown else "0",
    )


def _picture(total: Row) -> None:
    """What was paid beside what the best variant alone would have cost, for the requests that can be compared."""
    longest = max(total.large, total.compared_cost)
    if longest <= 0:
        return
    for label, amount in (("always large", total.large), ("with stairs ", total.compared_cost)):
        console.print(f"  {label} {bar(amount / longest):<20} {usd(amount)}", highlight=False)


def _sentences(total: Row, unreadable: int) -> list[str]:
    told: list[tuple[Any, str]] = [
        (total.unknown, f"[bold red]{total.unknown} requests have an unknown cost[/]: give their targets a price"),
        (
            total.incomparable,
            f"{total.incomparable} answers cannot be compared: what the best one costs is unknown",
        ),
        (total.estimated, f"{usd(total.estimated)} of the cost was reported by nobody and is estimated"),
        (
            total.unrecorded,
            f"{usd(total.unrecorded)} stands in the ledger alone: of requests under way, or lost with their worker",
        ),
        (unreadable, f"[bold red]{unreadable} entries could not be read[/] and are in none of the sums"),
    ]
    return [sentence for present, sentence in told if present]
