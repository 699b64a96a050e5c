"""`stepwell audit`: explain a request, list decisions, verify the log."""

from collections.abc import Mapping
from typing import Annotated

import orjson
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.audit.check import check
from pipeline.audit.read import Found, find_named, newest, repeats
from pipeline.audit.show import row, tree
from pipeline.audit.verify import Report
from pipeline.batch.kept import KeptReplies, KeptResults
from pipeline.cli.pii_text import plain
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import ChainedRecord
from pipeline.embedded.here import settings_here
from pipeline.ports import Stored
from pipeline.transport.nats import connect

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
SHOWN = 20
"""Findings shown to a person; --json has all that are kept."""


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="The log of decisions: explain, list, verify.")
    group.command("show")(show_command)
    group.command("list")(list_command)
    group.command("verify")(verify_command)
    root.add_typer(group, name="audit")


@errors_as_sentences
def show_command(
    name: Annotated[str, typer.Argument(help="Id of the request, or of its record (x-stepwell-audit-id).")],
    tenant: Annotated[str, typer.Option(help="Its tenant.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Explain what became of a request, step by step, and why.

    Of several records of a request the one that its reply names counts, else the last; the others are listed.

    Example: stepwell audit show 0f3c2a --tenant acme
    """
    (record, stored), others = run(_find(tenant, name))
    if as_json:
        found = {"sequence": stored.sequence, "record": orjson.loads(stored.body)}
        print_json({**found, "repeats": [row(other, each.sequence) for other, each in others]})
        return
    console.print(tree(record, stored.sequence, [(other, each.sequence) for other, each in others]))


async def _find(tenant: str, name: str) -> tuple[Found, list[Found]]:
    link = await connect(settings_here(), name="cli")
    try:
        found = await find_named(link.streams, KeptResults(link), tenant, name)
        return found, await repeats(link.streams, found)
    finally:
        await link.close()


@errors_as_sentences
def list_command(
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest decisions, and what pseudonyms were revealed.

    Example: stepwell audit list --last 50 --json
    """
    rows = [row(record, stored.sequence) for record, stored in run(_newest(last, tenant))]
    if as_json:
        print_json(rows)
        return
    shown = [
        told | {"request or token": told.get("request") or told.get("token"), "about": _about(told)} for told in rows
    ]
    print_rows(
        shown,
        ("sequence", "request or token", "status", "about"),
        as_json=False,
        whole=("sequence", "request or token", "status"),
    )


def _about(told: Mapping[str, object]) -> str:
    """What a person wants to know of one line: how a request ended, or who wanted to see what stands for a token."""
    if told.get("kind") == "reveal":
        return plain(f"asked by {told['who']}: {told['why']}")
    confidence, cost = told["confidence"], told["cost_usd"]
    parts = (
        str(told["code"] or ""),
        f"by {told['served']}" if told["served"] else "",
        f"cache {told['cache']}" if told["cache"] else "",
        f"confidence {confidence}" if confidence is not None else "",
        f"{cost} USD" if cost else "",
        f"{told['duration_ms']} ms",
    )
    return ", ".join(filter(None, parts))


async def _newest(last: int, tenant: str | None) -> list[tuple[ChainedRecord, Stored]]:
    link = await connect(settings_here(), name="cli")
    try:
        return await newest(link.streams, last, tenant)
    finally:
        await link.close()


@errors_as_sentences
def verify_command(as_json: JsonOption = False) -> None:
    """Verify the whole log: every chain link, and every stored reply against its record. Exit code 1 when bad.

    Example: stepwell audit verify --json
    """
    report = run(_verify(quiet=as_json))
    if as_json:
        print_json(report.as_dict())
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


async def _verify(*, quiet: bool) -> Report:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} records read"), TimeElapsedColumn())
    link = await connect(settings_here(), name="cli")
    try:
        with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
            task = progress.add_task("verify", total=None)
            told = KeptReplies(link).receipts()
            return await check(link.streams, lambda records: progress.update(task, completed=records), told)
    finally:
        await link.close()


def _print_report(report: Report) -> None:
    summary = f"{report.records} records in {report.producers} chains, {report.receipts} replies"
    if report.twice:
        summary += f" ({report.twice} also in settled pages of their batches)"
    excused = f", {report.excused} declared unconfirmed by their producer" if report.excused else ""
    if report.ok:
        console.print(f"[bold green]verified[/]: {summary}{excused}", highlight=False)
        return
    console.print(f"[bold red]{report.problems} problems[/] in {summary}{excused}", highlight=False)
    for finding in report.findings[:SHOWN]:
        who = f"{finding.producer}.{finding.n}" if finding.producer is not None else "—"
        console.print(f"  place {finding.sequence}  {who}  {finding.problem}: {finding.detail}", markup=False)
    if report.problems > SHOWN:
        console.print(f"  … and {report.problems - SHOWN} more", markup=False)
