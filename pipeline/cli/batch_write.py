"""Results of a batch, written: as JSON lines in the form of the batch, or as Parquet."""

import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pipeline.batch import Batch, Engine, Row
from pipeline.batch.render import written
from pipeline.batch.results import Order
from pipeline.batch.table import write_parquet
from pipeline.cli.show import Misused
from pipeline.gateway.files.content import rendered

__all__ = ["Format", "Output", "Written", "write"]

Format = Literal["jsonl", "parquet"]
Written = Literal["all", "answered", "errors"]


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go; None: standard output. `errors`: a file of their own for lines that were not answered."""

    path: Path | None
    errors: Path | None = None
    form: Format = "jsonl"
    only: Written = "all"


async def write(engine: Engine, batch: Batch, output: Output, *, follow: bool, order: Order) -> None:
    """Write to files, which are there under their names only when they are whole."""
    only = output.only
    rows = engine.rows(batch, order=order, only=only, follow=follow)
    if output.form == "parquet":
        if output.path is None or output.errors is not None:
            raise Misused("--format parquet: name one file to write with -o, and choose lines with --only")
        unfinished = output.path.with_name(output.path.name + ".part")
        await write_parquet(rows, unfinished, {"batch": batch.id, "tenant": batch.tenant})
        unfinished.replace(output.path)
        return
    with ExitStack() as stack:
        main = _opened(stack, output.path)
        beside = _opened(stack, output.errors) if output.errors is not None else main
        await _write_rows(rows, batch, main, beside)
    for path in (output.path, output.errors):
        if path is not None:
            _part(path).replace(path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _opened(stack: ExitStack, path: Path | None) -> BinaryIO:
    return sys.stdout.buffer if path is None else stack.enter_context(_part(path).open("wb"))


async def _write_rows(rows: AsyncIterator[Row], batch: Batch, main: BinaryIO, errors: BinaryIO) -> None:
    render = rendered(batch)
    async for row in rows:
        place = main if row.status == "answered" else errors
        place.write(written(row, batch.form, render))
        place.flush()
