"""`stepwell policy replay`: what another policy would have done with the requests of the last hours."""

import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.audit.read import AUDIT, first_since, last_sequence
from pipeline.cli.hooks import planner_of
from pipeline.cli.show import Misused, console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import AuditRecord, parse_record
from pipeline.costs.again import Planner
from pipeline.costs.replay import Replay
from pipeline.embedded.here import environment_here
from pipeline.policy import Policy
from pipeline.ports import Streams
from pipeline.revisions import RevisionStore, policy_in_force, policy_named
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["add", "duration_s"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_D: Final = 36_525
"""A hundred years of days: older than any record, and a time that every clock can name."""
_SHOWN: Final = 20
"""Rows of a table for people; --json has all."""


def add(group: typer.Typer, planner: Planner | None) -> None:
    """Add the verb."""

    @errors_as_sentences
    def replay_command(
        against: Annotated[
            str, typer.Option("--against", help="A folder, a revision, or current for the policy in force.")
        ],
        since: Annotated[str, typer.Option("--since", help="How far back: 30m, 24h, 7d.")] = "24h",
        tenant: Annotated[str | None, typer.Option(help="Only requests of this tenant.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Plan the requests of the last hours again under another policy, and tell what would change.

        No model is called: planning depends on nothing but what records keep. The report says how many requests would
        move where, what that costs or saves, and which targets may see other data than before, by route and tenant.

        Example: stepwell policy replay --since 24h --against policies-new
        """
        seconds = duration_s(since)
        replayed = run(_replay(planner_of(planner), against, time.time() - seconds, tenant, quiet=as_json))
        report = {"since": since, **replayed.report()}
        if as_json:
            print_json(report)
        else:
            _print(report)

    group.command("replay")(replay_command)


def duration_s(text: str) -> int:
    """Seconds of `24h` or `1.5h`.

    Raises:
        Misused: it is no duration, none at all, or a longer one than a hundred years.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Misused(f"{text}: write a number and s, m, h, d or w, such as 24h or 1.5h")
    seconds = round(float(found[1]) * _SECONDS[found[2]])
    if seconds > _LONGEST_D * 86_400:
        raise Misused(f"{text} is longer than a hundred years: {_LONGEST_D}d are the most")
    if not seconds:
        raise Misused(f"{text}: nothing ends in no time; write at least 1s")
    return seconds


async def _replay(planner: Planner, against: str, since: float, tenant: str | None, *, quiet: bool) -> Replay:
    environment = environment_here()
    settings = Settings.from_environment(environment)
    link = await connect(settings, name="cli")
    columns = (TextColumn("planning again"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        store = RevisionStore(link.bucket("policy"))
        policy = await _policy(against, store, settings, environment)
        replay = Replay(policy, planner)
        after = await first_since(link.streams, since)
        total = max(0, await last_sequence(link.streams) - after)
        with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
            task = progress.add_task("replay", total=total)
            await _read(link.streams, replay, since, after, tenant, lambda: progress.advance(task))
        return replay
    finally:
        await link.close()


async def _policy(against: str, store: RevisionStore, settings: Settings, environment: dict[str, str]) -> Policy:
    if against == "current":
        policy, _ = await policy_in_force(store, settings.policies, environment)
        return policy
    return await policy_named(against, store, environment)


async def _read(
    streams: Streams, replay: Replay, since: float, after: int, tenant: str | None, step: Callable[[], None]
) -> None:
    """Read record by record, keeping none."""
    subject = None if tenant is None else f"audit.{tenant}.>"
    async for stored in streams.scan(AUDIT, after=after, subject=subject):
        step()
        try:
            record = parse_record(stored.body)
        except ValidationError:
            replay.not_replayable["its record cannot be read"] += 1
            replay.records += 1
            continue
        if isinstance(record, AuditRecord) and record.at >= since:
            replay.add(record)


# ---------------------------------------------------------------- for people


def _print(report: dict[str, Any]) -> None:
    replayed, moved, cost = report["replayed"], report["moved"], report["cost"]
    line = f"against revision {report['against']}, since {report['since']}: {replayed} requests planned again"
    console.print(line, markup=False)
    for why, count in report["not_replayable"].items():
        console.print(f"not replayable: {count}, {why}", highlight=False, markup=False)
    if not replayed:
        return
    refused, skipped = report["refused"], report["drafts_skipped"]
    share = f"{report['moved_share']:.1%}"
    console.print(f"[bold]{moved} would move ({share})[/]", highlight=False)
    console.print(f"refused: {refused['before']} before, {refused['after']} after", highlight=False)
    console.print(f"drafts skipped: {skipped['before']} before, {skipped['after']} after", highlight=False)
    steps, unsure = report["escalations"], report["failed_as_unsure"]
    console.print(
        f"[bold]{steps['more']} would escalate more, {steps['less']} less[/]; not judged: {steps['not_judged']}",
        highlight=False,
    )
    console.print(f"failed as unsure: {unsure['before']} before, {unsure['after']} after", highlight=False)
    console.print(
        f"cost: {_usd(cost['before_usd'])} before, {_usd(cost['after_usd'])} after, "
        f"difference {_usd(cost['difference_usd'], sign=True)}; not known for {cost['unknown']} requests",
        highlight=False,
    )
    for key, title in (("routes", "Routes"), ("variants", "Stairs")):
        _rows(report[key], ("from", "to", "requests"), title)
    _rows(report["residency"], ("target", "before", "after", "rule", "effect", "requests"), "Who may see the data")
    counts = ("requests", "moved", "escalate_more", "escalate_less", "refused_before", "refused_after")
    columns = (*counts, "difference_usd", "cost_unknown")
    for key, what in (("by_route", "route"), ("by_tenant", "tenant")):
        _rows(report[key], (what, *columns), f"By {what}")
    console.print("Assumed:", style="bold")
    for line in report["assumptions"]:
        console.print(f"  {line}", highlight=False, markup=False)


def _rows(rows: list[dict[str, Any]], columns: tuple[str, ...], title: str) -> None:
    if rows:
        more = f" (the first {_SHOWN} of {len(rows)})" if len(rows) > _SHOWN else ""
        print_rows(rows[:_SHOWN], columns, as_json=False, title=title + more)


def _usd(amount: float, *, sign: bool = False) -> str:
    return f"{amount:{'+' if sign else ''}.6f} USD"
