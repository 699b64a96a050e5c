"""`stepwell batch`: files of requests, handed in, followed, fetched, taken back and tried again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine
from pipeline.batch.engine import batch_id
from pipeline.batch.model import ENDED
from pipeline.batch.served import is_served
from pipeline.cli import batch_text
from pipeline.cli.batch_file import Given, Local, look_through, upload
from pipeline.cli.batch_write import Format, Output, Written, write
from pipeline.cli.show import beside, console, errors_as_sentences, print_json, print_rows, run
from pipeline.embedded.here import settings_here
from pipeline.errors import InvalidRequest, NotFound, NoWorker
from pipeline.ports import Link
from pipeline.transport.nats import connect

__all__ = ["register"]

LOOK_S: Final = 0.5
NOBODY: Final = "no worker takes lines of batches now: start one with `stepwell worker --lanes batch`"

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until every line has ended.")]
TenantOption = Annotated[str | None, typer.Option(help="Whose batch it is; else that of any.")]
BatchArgument = Annotated[str, typer.Argument(help="Id of the batch.")]
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One request a line.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Files of requests: hand in, follow, fetch, cancel, retry.")
    verbs = (submit_command, status_command, results_command, cancel_command, retry_command, list_command)
    for verb in verbs:
        group.command(verb.__name__.removesuffix("_command"))(verb)
    root.add_typer(group, name="batch")


# ---------------------------------------------------------------- verbs


@errors_as_sentences
def submit_command(
    file: FileArgument,
    wait: WaitOption = False,
    batch: Annotated[str | None, typer.Option("--id", help="Id of the batch; else one made of the file.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose requests these are.")] = "default",
    route: Annotated[str | None, typer.Option(help="Route or variant of lines that name none.")] = None,
    origin: Annotated[str | None, typer.Option(help="Origin of the data of lines that name none, such as EU.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read every line and say what is wrong.")] = False,
    skip_invalid: Annotated[bool, typer.Option(help="Run the other lines when some are invalid.")] = False,
    dedup: Annotated[bool, typer.Option(help="Run lines that ask the same once; all get the answer.")] = True,
    within: Annotated[str, typer.Option(help="Lines that have not ended by then expire: 90m, 24h, 7d.")] = "24h",
    not_before: Annotated[str | None, typer.Option(help="Begin at 2026-01-31T22:00, at 22:00, or in +2h.")] = None,
    window: Annotated[str | None, typer.Option(help="Hours in which lines run, such as 22:00-06:00.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of --window and --not-before, such as Europe/Berlin.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every line of a file, then hand in all of them. The same file again finds the same batch.

    A line is a request of ours, or {custom_id, method, url, body} as in OpenAI's batch API. With --wait the exit code
    is 1 when a line was not answered, but for invalid ones that were left out on purpose.

    Example: stepwell batch submit requests.jsonl --wait

    Example: stepwell batch submit requests.jsonl --check

    Example: stepwell batch submit night.jsonl --window 22:00-06:00 --timezone Europe/Berlin --within 3d
    """
    given = Given(
        tenant=tenant,
        route=route,
        origin=origin,
        skip_invalid=skip_invalid,
        dedup=dedup,
        within=within,
        not_before=not_before,
        window=window,
        timezone=timezone,
    )
    local = run(look_through(file, given, quiet=as_json))
    if check:
        _checked(local, as_json=as_json)
        return
    _refuse_invalid(local, skip_invalid=skip_invalid, as_json=as_json)
    _end(run(_submit(local, batch, wait=wait, as_json=as_json)), wait=wait)


@errors_as_sentences
def status_command(
    batch: BatchArgument, wait: WaitOption = False, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Show how far a batch is. With --wait the exit code is 1 when a line was not answered.

    Example: stepwell batch status b-3f2a --wait
    """
    _end(run(_status(batch, tenant, wait=wait, as_json=as_json)), wait=wait)


@errors_as_sentences
def results_command(
    batch: BatchArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; else standard output.")] = None,
    form: Annotated[Format, typer.Option("--format", help="JSON lines, or a Parquet file.")] = "jsonl",
    only: Annotated[Written, typer.Option(help="Which lines.")] = "all",
    errors: Annotated[Path | None, typer.Option(help="File for the lines that were not answered.")] = None,
    partial: Annotated[bool, typer.Option(help="Take what is there while lines are still open.")] = False,
    follow: Annotated[bool, typer.Option(help="Write lines until the batch has ended.")] = False,
    unordered: Annotated[bool, typer.Option(help="With --follow: write lines as they come.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Write how every line ended, in the order of the file, errors among them.

    Example: stepwell batch results b-3f2a -o answers.jsonl --errors errors.jsonl

    Example: stepwell batch results b-3f2a --follow --unordered

    Example: stepwell batch results b-3f2a --format parquet -o answers.parquet
    """
    run(_results(batch, tenant, Output(output, errors, form, only), partial=partial, follow=follow, come=unordered))


@errors_as_sentences
def cancel_command(
    batch: BatchArgument, wait: WaitOption = False, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Take a batch back. What was not begun never runs, what runs is cancelled, and results so far stay.

    Example: stepwell batch cancel b-3f2a
    """
    run(_change(batch, tenant, "cancel", (), wait=wait, as_json=as_json))


@errors_as_sentences
def retry_command(
    batch: BatchArgument,
    lines: Annotated[list[int] | None, typer.Argument(help="Numbers of lines; else all not answered.")] = None,
    wait: WaitOption = False,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run lines of a batch again that has ended: those named, or all that were not answered. What was before is kept.

    Example: stepwell batch retry b-3f2a --wait

    Example: stepwell batch retry b-3f2a 17 42
    """
    _end(run(_change(batch, tenant, "retry", lines or (), wait=wait, as_json=as_json)), wait=wait)


@errors_as_sentences
def list_command(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Show batches, the newest first.

    Example: stepwell batch list --json
    """
    columns = ("id", "source", "status", "ended", "failed", "cost_usd", "created")
    print_rows(
        [batch_text.listed(batch) for batch in run(_all(tenant, limit))], columns, as_json=as_json, whole=("id",)
    )


# ---------------------------------------------------------------- how


def _end(batch: Batch, *, wait: bool) -> None:
    """Lines that somebody left out as invalid were no surprise to him; the others should have been answered."""
    counts = batch.counts
    if wait and (batch.status != "completed" or counts.answered + counts.invalid < counts.total):
        raise typer.Exit(1)


def _checked(local: Local, *, as_json: bool) -> None:
    found = local.found
    if as_json:
        print_json(batch_text.report(found))
    else:
        batch_text.problems(found)
        console.print(
            f"{found.total} lines, {found.invalid} invalid, {found.repeated} ask what an earlier one asks",
            highlight=False,
        )
    if found.invalid:
        raise typer.Exit(1)


def _refuse_invalid(local: Local, *, skip_invalid: bool, as_json: bool) -> None:
    """Say what is wrong with which line, before anything runs."""
    found = local.found
    if not as_json:
        batch_text.problems(found)
    if not found.invalid or (skip_invalid and found.invalid < found.total):
        return
    if as_json:
        print_json(batch_text.report(found))
    raise InvalidRequest(
        f"{found.invalid} of {found.total} lines cannot run, so none was handed in:"
        " mend them, or leave them out with --skip-invalid"
    )


async def _submit(local: Local, wanted: str | None, *, wait: bool, as_json: bool) -> Batch:
    async with _link() as link:
        engine = Engine(link, SystemClock())
        if not await is_served(link, "batch"):
            raise NoWorker(NOBODY)
        info = await upload(engine, local, quiet=as_json)
        own = wanted if wanted is not None else batch_id(info.tenant, info.digest, local.options)
        batch = await engine.create(info.tenant, info.id, local.options, batch_id=own)
        return await _tell(engine, batch, wait=wait, as_json=as_json)


async def _status(batch: str, tenant: str | None, *, wait: bool, as_json: bool) -> Batch:
    async with _link() as link:
        engine = Engine(link, SystemClock())
        found = await engine.get(tenant, batch)
        if not found.ended and await is_served(link, "batch") is False:
            beside.print(f"{NOBODY}; until then it waits", highlight=False, soft_wrap=True, markup=False)
        return await _tell(engine, found, wait=wait, as_json=as_json)


async def _change(
    batch: str, tenant: str | None, verb: str, lines: list[int] | tuple[int, ...], *, wait: bool, as_json: bool
) -> Batch:
    async with _link() as link:
        engine = Engine(link, SystemClock())
        if verb == "cancel":
            changed = await engine.cancel(tenant, batch)
        else:
            changed = await engine.retry(tenant, batch, list(lines) or None)
        return await _tell(engine, changed, wait=wait, as_json=as_json)


async def _tell(engine: Engine, batch: Batch, *, wait: bool, as_json: bool) -> Batch:
    found = await _follow(engine, batch, quiet=as_json) if wait else batch
    if as_json:
        print_json(batch_text.document(found, SystemClock().now()))
        return found
    console.print(batch_text.sentence(found, SystemClock().now()), highlight=False, soft_wrap=True, markup=False)
    if not found.ended:
        console.print(f"follow it with: stepwell batch status {found.id} --wait", highlight=False, soft_wrap=True)
    return found


async def _follow(engine: Engine, batch: Batch, *, quiet: bool) -> Batch:
    """Look until every line has ended."""
    with batch_text.bar(quiet=quiet) as progress:
        task = progress.add_task(batch.id, total=None, failed=0, cost="")
        while True:
            batch = await engine.get(batch.tenant, batch.id)
            batch_text.show(progress, task, batch)
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(LOOK_S)


async def _results(batch: str, tenant: str | None, output: Output, *, partial: bool, follow: bool, come: bool) -> None:
    async with _link() as link:
        engine = Engine(link, SystemClock())
        found = await engine.get(tenant, batch)
        counts = found.counts
        if not found.ended and not partial and not follow:
            raise NotFound(
                f"{counts.open} of {counts.total} lines of {batch} have not ended: wait with"
                f" `stepwell batch status {batch} --wait`, or take what is there with --partial"
            )
        await write(engine, found, output, follow=follow, order="come" if come else "file")


async def _all(tenant: str | None, limit: int) -> list[Batch]:
    async with _link() as link:
        engine, found, after = Engine(link, SystemClock()), list[Batch](), None
        while True:
            page = await engine.list(tenant, after=after, limit=min(limit - len(found), 100))
            found += page.items
            if not page.more or len(found) >= limit:
                return found
            after = found[-1].id


@asynccontextmanager
async def _link() -> AsyncIterator[Link]:
    link = await connect(settings_here(), name="batch")
    try:
        yield link
    finally:
        await link.close()
