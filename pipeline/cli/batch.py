"""`stepwell batch`: files of requests, handed in, followed and fetched."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.batch import Manifest, Shelf, Submission, Survey, Tally, Tracker, rows, survey
from pipeline.batch.lines import Reader
from pipeline.batch.submit import batch_id
from pipeline.cli.show import beside, console, errors_as_sentences, print_json, print_rows, run
from pipeline.client import Client
from pipeline.contracts import Json, Reply, is_name
from pipeline.embedded.here import settings_here
from pipeline.errors import InvalidRequest, NotFound
from pipeline.gateway.openai import completion_object, to_call
from pipeline.ports import Link
from pipeline.transport.nats import connect

__all__ = ["register"]

LOOK_S = 0.5

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until every line has ended.")]
BatchArgument = Annotated[str, typer.Argument(help="Id of the batch.")]
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One request a line.")]


class _Rate(ProgressColumn):
    """Lines a second."""

    def render(self, task: Task) -> Text:
        """What stands in the column."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    _Rate(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)
_ENDS = (TextColumn("{task.fields[refused]} refused, {task.fields[failed]} failed, {task.fields[cost]}"),)


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Files of requests: hand in, follow, fetch.")
    group.command("submit")(submit_command)
    group.command("status")(status_command)
    group.command("results")(results_command)
    group.command("list")(list_command)
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
    skip_invalid: Annotated[bool, typer.Option(help="Run the other lines when some are invalid.")] = False,
    missing: Annotated[bool, typer.Option(help="Hand in again whatever has no result yet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every line of a file, then hand in all of them. The same file again resumes where it stopped.

    A line is a request of ours, or {custom_id, method, url, body} as in OpenAI's batch API. With --wait the exit code
    is 1 when a line was refused or failed.

    Example: stepwell batch submit requests.jsonl --wait
    """
    if not is_name(tenant):
        raise InvalidRequest("tenant: 1 to 64 letters, digits, - or _", param="tenant")
    defaults: dict[str, Json] = {"route": route, "origin": origin}
    reader = Reader(tenant, _translate(tenant), {name: value for name, value in defaults.items() if value is not None})
    found = survey(file, reader)
    _report(found, as_json=as_json, skip_invalid=skip_invalid)
    tally = run(_submit(file, found, reader, batch_id(found, batch), missing=missing, wait=wait, as_json=as_json))
    _end(tally, wait=wait)


@errors_as_sentences
def status_command(batch: BatchArgument, wait: WaitOption = False, as_json: JsonOption = False) -> None:
    """Show how far a batch is. With --wait the exit code is 1 when a line was refused or failed.

    Example: stepwell batch status b-3f2a --wait
    """
    _end(run(_status(batch, wait=wait, as_json=as_json)), wait=wait)


@errors_as_sentences
def results_command(
    batch: BatchArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; else standard output.")] = None,
    partial: Annotated[bool, typer.Option(help="Take what is there while lines are still open.")] = False,
) -> None:
    """Write the answers as JSONL in the order of the file, errors among them.

    Example: stepwell batch results b-3f2a -o answers.jsonl
    """
    run(_results(batch, output, partial=partial))


@errors_as_sentences
def list_command(as_json: JsonOption = False) -> None:
    """Show all batches, the newest first.

    Example: stepwell batch list --json
    """
    manifests = run(_all())
    columns = ("id", "source", "total", "invalid", "created")
    print_rows([_listed(manifest) for manifest in manifests], columns, as_json=as_json)


# ---------------------------------------------------------------- how


def _end(tally: Tally, *, wait: bool) -> None:
    """Lines that somebody left out as invalid were no surprise to him; the others should have been answered."""
    if wait and tally.refused + tally.failed:
        raise typer.Exit(1)


def _translate(tenant: str) -> Callable[[Any], Any]:
    headers = {"x-stepwell-tenant": tenant}
    return lambda body: to_call(body, headers).request


def _report(found: Survey, *, as_json: bool, skip_invalid: bool) -> None:
    """Say what is wrong with which line, before anything runs."""
    for entry in found.problems:
        if entry.problem is not None and not as_json:
            beside.print(f"line {entry.number}: {entry.problem.message}", highlight=False, markup=False, soft_wrap=True)
    if not found.invalid or skip_invalid:
        return
    if as_json:
        problems = [
            {"line": entry.number, **entry.problem.model_dump(exclude_none=True)}
            for entry in found.problems
            if entry.problem is not None
        ]
        print_json({"total": found.total, "invalid": found.invalid, "problems": problems})
    raise InvalidRequest(
        f"{found.invalid} of {found.total} lines cannot run, so none was handed in:"
        " mend them, or leave them out with --skip-invalid"
    )


async def _submit(
    file: Path, found: Survey, reader: Reader, batch: str, *, missing: bool, wait: bool, as_json: bool
) -> Tally:
    async with _link() as link:
        shelf = Shelf(link.bucket("batches"))
        skip = await _ended(link, shelf, batch) if missing else None
        with Progress(*_COLUMNS, console=beside, disable=as_json) as progress:
            task = progress.add_task("handing in", total=found.total)
            submission = Submission(
                Client(link, reader.tenant),
                link.streams,
                shelf,
                SystemClock(),
                lambda lines: progress.advance(task, lines),
            )
            manifest = await submission.run(file, found, reader, batch, skip=skip)
        return await _tell(link, manifest, wait=wait, as_json=as_json)


async def _ended(link: Link, shelf: Shelf, batch: str) -> Callable[[int], bool] | None:
    """Which lines have a result; None for a batch that is new."""
    manifest = await shelf.find(batch)
    if manifest is None:
        return None
    tracker = Tracker(link.streams, manifest)
    await tracker.look()
    return tracker.ended


async def _status(batch: str, *, wait: bool, as_json: bool) -> Tally:
    async with _link() as link:
        manifest = await Shelf(link.bucket("batches")).get(batch)
        return await _tell(link, manifest, wait=wait, as_json=as_json)


async def _tell(link: Link, manifest: Manifest, *, wait: bool, as_json: bool) -> Tally:
    tracker = Tracker(link.streams, manifest)
    tally = await (_follow(tracker, manifest, quiet=as_json) if wait else tracker.look())
    if as_json:
        print_json({"id": manifest.id, "status": tally.status, **asdict(tally), "open": tally.open})
        return tally
    console.print(f"{manifest.id}: {tally.status}, {_sentence(tally)}", highlight=False, soft_wrap=True)
    if not wait and tally.open:
        console.print(f"follow it with: stepwell batch status {manifest.id} --wait", highlight=False, soft_wrap=True)
    return tally


async def _follow(tracker: Tracker, manifest: Manifest, *, quiet: bool) -> Tally:
    """Look until every line has ended."""
    with Progress(*_COLUMNS, *_ENDS, console=beside, disable=quiet) as progress:
        task = progress.add_task(manifest.id, total=manifest.total, refused=0, failed=0, cost="")
        while True:
            tally = await tracker.look()
            progress.update(
                task,
                completed=tally.ended,
                refused=tally.refused,
                failed=tally.failed + tally.invalid,
                cost=_cost(tally),
            )
            if not tally.open:
                return tally
            await asyncio.sleep(LOOK_S)


async def _results(batch: str, output: Path | None, *, partial: bool) -> None:
    async with _link() as link:
        shelf = Shelf(link.bucket("batches"))
        manifest = await shelf.get(batch)
        tally = await Tracker(link.streams, manifest).look()
        if tally.open and not partial:
            raise NotFound(
                f"{tally.open} of {tally.total} lines of {batch} have not ended: wait with"
                f" `stepwell batch status {batch} --wait`, or take what is there with --partial"
            )
        await _write(rows(manifest, shelf, StreamResults(link.streams), _completion), output)


async def _write(lines: AsyncIterator[dict[str, Any] | None], output: Path | None) -> None:
    """Write to the file, which is there under its name only when it is whole."""
    if output is None:
        await _write_rows(lines, sys.stdout.buffer)
        return
    unfinished = output.with_name(output.name + ".part")
    with unfinished.open("wb") as file:
        await _write_rows(lines, file)
    unfinished.replace(output)


async def _write_rows(lines: AsyncIterator[dict[str, Any] | None], file: BinaryIO) -> None:
    async for row in lines:
        if row is not None:
            file.write(orjson.dumps(row) + b"\n")
    file.flush()


async def _all() -> list[Manifest]:
    async with _link() as link:
        return await Shelf(link.bucket("batches")).all()


@asynccontextmanager
async def _link() -> AsyncIterator[Link]:
    link = await connect(settings_here(), name="batch")
    try:
        yield link
    finally:
        await link.close()


def _completion(reply: Reply) -> dict[str, Any]:
    return completion_object(reply, int(reply.completed_at))


def _sentence(tally: Tally) -> str:
    words = [f"{tally.answered} answered", f"{tally.refused} refused", f"{tally.failed} failed"]
    words += [f"{tally.invalid} invalid"] if tally.invalid else []
    return f"{', '.join(words)} of {tally.total}, {_cost(tally)}"


def _cost(tally: Tally) -> str:
    known = f"${tally.cost_usd:.4f}"
    return f"{known} and {tally.unpriced} of unknown cost" if tally.unpriced else known


def _listed(manifest: Manifest) -> dict[str, object]:
    created = datetime.fromtimestamp(manifest.created, UTC).isoformat(timespec="seconds")
    return {**manifest.model_dump(exclude={"pages", "queued"}), "handed_in": manifest.handed_in, "created": created}
