"""`stepwell demo`: real requests through everything, a line for each, and a summary that is computed."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.audit.check import check as verify_log
from pipeline.cli.models import pull_all
from pipeline.cli.show import console, errors_as_sentences, print_json
from pipeline.cli.up import HomeOption, PartsView, PortsOption, home_of, options_of
from pipeline.client import Client
from pipeline.embedded.catalogue import DEFAULT_PAIR, find
from pipeline.embedded.demo import Alone, Served, Summary, ask_all, baseline, read_cases, records_of, summarise, who
from pipeline.embedded.demo.cases import Case
from pipeline.embedded.here import settings_here
from pipeline.embedded.home import Home
from pipeline.embedded.listening import around
from pipeline.embedded.options import Options
from pipeline.embedded.stack import stack
from pipeline.embedded.state import running
from pipeline.errors import SourceUnreachable
from pipeline.transport.nats import NatsLink, connect

__all__ = ["register"]

DemoModels = Literal["local", "scripted"]
_USUAL = ("classify:classified", "plan:planned", "recall:miss")
"""Steps that tell nothing when they end like this."""
_EXPECTED = ("drafted", "escalated")


def register(root: typer.Typer) -> None:
    """Add the verb."""
    root.command("demo")(demo_command)


@errors_as_sentences
def demo_command(
    requests: Annotated[
        Path, typer.Argument(help="JSONL: a request, or a request with what is expected, on each line.")
    ],
    models: Annotated[
        DemoModels, typer.Option(help="local: real weights, fetched at first; scripted: none.")
    ] = "local",
    baselines: Annotated[bool, typer.Option(help="Also ask each model alone, to compare.")] = True,
    home: HomeOption = None,
    ports: PortsOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Only the summary, as JSON.")] = False,
) -> None:
    """Bring everything up, send a file of requests through it, and say what became of them.

    Example: stepwell demo examples/demo/requests.jsonl --models scripted
    """
    if as_json:
        console.quiet = True
    cases = read_cases(requests)
    place = home_of(home)
    chosen = models if running(place.state) else _models_at_hand(models, place)
    options = options_of(place.root, None, ports, models=chosen)
    if not ports and running(place.state) is None:
        options = replace(options, ports=around(options.ports))  # a demonstration gives way to what is there
    summary = asyncio.run(_demo(cases, options, baselines=baselines))
    _print_summary(summary)
    if as_json:
        print_json(summary.as_dict())
    if not summary.ok:
        raise typer.Exit(1)


def _models_at_hand(models: DemoModels, home: Home) -> DemoModels:
    """Fetch the weights that are missing; where nobody has them, say so and go on with the scripted models."""
    if models == "scripted":
        return models
    try:
        home.prepare()
        pull_all([find(name) for name in DEFAULT_PAIR], home)
    except SourceUnreachable as error:
        console.print(f"no weights ({escape(error.message)}), so the scripted models answer", highlight=False)
        return "scripted"
    return models


async def _demo(cases: Sequence[Case], options: Options, *, baselines: bool) -> Summary:
    async with _running(options) as models:
        link = await connect(settings_here(options.home), name="demo")
        try:
            return await _all_runs(link, cases, models, baselines=baselines)
        finally:
            await link.close()


@asynccontextmanager
async def _running(options: Options) -> AsyncIterator[str]:
    """The Stepwell that runs in the folder already, or one for as long as this lasts. Yields whose models answer."""
    present = running(Home(options.home).state)
    if present is not None:
        console.print("a Stepwell runs already in this folder: the requests go there", highlight=False)
        yield present.options.models
        return
    with PartsView() as view:
        view.end_when_ready()
        async with stack(options, view.show):
            yield options.models


async def _all_runs(link: NatsLink, cases: Sequence[Case], models: str, *, baselines: bool) -> Summary:
    client, run = Client(link), secrets.token_hex(4)
    served = [item async for item in _shown(ask_all(client, cases, run), len(cases), models)]
    gradable = sum(item.gradable for item in served)
    small, large = [], []
    if baselines and gradable:
        small = [item async for item in _counted(baseline(client, served, "small", run), gradable, "small alone")]
        large = [item async for item in _counted(baseline(client, served, "large", run), gradable, "large alone")]
    records = await records_of(link.streams, served)
    report = await verify_log(link.streams)
    return summarise(models, served, small, large, records, report.as_dict())


# ---------------------------------------------------------------- a line for each request


async def _shown(items: AsyncIterator[Served], total: int, models: str) -> AsyncIterator[Served]:
    console.print(f"\n[bold]{_HEAD}[/]", highlight=False, soft_wrap=True)
    with console.status(f"0 of {total}") as status:
        async for item in items:
            console.print(_line(item, models), highlight=False, soft_wrap=True)
            status.update(f"{item.number} of {total}")
            yield item


async def _counted(items: AsyncIterator[Served], total: int, what: str) -> AsyncIterator[Served]:
    """The same requests to one model alone: only a count is shown."""
    console.print(f"\n{what}: {total} requests whose answer is known", highlight=False)
    done = 0
    with console.status(what) as status:
        async for item in items:
            done += 1
            status.update(f"{what}: {done} of {total}")
            yield item


_NAMED: Final = 8
_HEAD = f"{'#':>3} {'kind':<10} {'served by':<10} {'right':<5} {'conf':>5} {'cost $':>9} {'ms':>6}  stairs"


def _line(item: Served, models: str) -> str:
    reply = item.reply
    confidence = f"{reply.confidence:.2f}" if reply and reply.confidence is not None else "—"
    cost = f"{reply.cost_usd:.6f}" if reply and reply.cost_usd is not None else "—"
    right = {True: "[green]yes[/]  ", False: "[red]no[/]   ", None: "—    "}[item.right]
    kind, by = escape(item.case.kind[:10]), who(item)
    stairs = escape(_stairs(item)) + (" (scripted)" if models == "scripted" else "")
    return (
        f"{item.number:>3} {kind:<10} {by:<10} {right} {confidence:>5} {cost:>9} {item.seconds * 1000:>6.0f}  {stairs}"
    )


def _stairs(item: Served) -> str:
    if item.reply is None:
        return item.trouble or ""
    told = [_stair(step) for step in item.reply.path if step not in _USUAL]
    error = item.reply.error
    return " › ".join(told) + (f" ({error.rule or error.code})" if error else "")


def _stair(step: str) -> str:
    stage, _, outcome = step.partition(":")
    return stage if outcome in _EXPECTED else f"{stage} {outcome}"


# ---------------------------------------------------------------- the end


def _print_summary(summary: Summary) -> None:
    marked = " [yellow](scripted models)[/]" if summary.models == "scripted" else ""
    console.print(f"\n[bold]{summary.requests} requests[/]{marked}", highlight=False)
    for name, count in summary.served.items():
        console.print(f"  {name:<10} {count:>3}  {count / summary.requests:>4.0%}", highlight=False)
    if summary.cascade.asked:
        console.print(_comparison(summary))
        if summary.models == "scripted":
            console.print(
                "scripted models know no answers: right and wrong say nothing about real ones", highlight=False
            )
    if summary.ending_known:
        ended = f"{summary.ended_as_expected} of {summary.ending_known}"
        console.print(f"ended as the policy should have it: {ended}", highlight=False)
    _print_kept(summary)
    _print_audit(summary.audit)


def _comparison(summary: Summary) -> Table:
    table = Table("requests whose answer is known", "right", "share", "seconds", "cost $", title_justify="left")
    rows = (("cascade", summary.cascade), ("small alone", summary.small_only), ("large alone", summary.large_only))
    for name, alone in rows:
        if alone.asked:
            table.add_row(name, *_cells(alone))
    if summary.large_only.asked:
        table.add_row("cascade / large alone", "", *_ratios(summary.cascade, summary.large_only), style="bold")
    return table


def _cells(alone: Alone) -> tuple[str, ...]:
    share = f"{alone.accuracy:.0%}" if alone.accuracy is not None else "—"
    cost = f"{alone.cost_usd:.6f}" if alone.cost_usd is not None else "unknown"
    return f"{alone.right} of {alone.asked}", share, f"{alone.seconds:.1f}", cost


def _ratios(cascade: Alone, large: Alone) -> tuple[str, ...]:
    right = f"{cascade.right / large.right:.2f}" if large.right else "—"
    time = f"{cascade.seconds / large.seconds:.2f}" if large.seconds else "—"
    cost = f"{cascade.cost_usd / large.cost_usd:.2f}" if cascade.cost_usd is not None and large.cost_usd else "—"
    return right, time, cost


def _print_kept(summary: Summary) -> None:
    """Which requests policy refused or kept here: a line for each rule."""
    by_rule: dict[tuple[str, str | None, str], list[int]] = {}
    for kept in summary.kept:
        by_rule.setdefault((kept.decision, kept.rule, kept.reason), []).append(kept.number)
    for (decision, rule, reason), numbers in sorted(by_rule.items(), key=lambda item: (item[0][0], -len(item[1]))):
        named = ", ".join(f"#{number}" for number in numbers[:_NAMED]) + (" …" if len(numbers) > _NAMED else "")
        why = f" by {rule}" if rule else ""
        console.print(
            f"  {len(numbers):>3} {decision}{why}: {reason} ({named})", markup=False, highlight=False, soft_wrap=True
        )


def _print_audit(report: Mapping[str, object]) -> None:
    if report.get("ok") is True:
        told = f"{report['records']} records in {report['producers']} chains, {report['receipts']} replies"
        console.print(f"[bold green]audit verified[/]: {told}", highlight=False)
    else:
        console.print(
            f"[bold red]audit: {report.get('problems')} problems[/]; run stepwell audit verify", highlight=False
        )
