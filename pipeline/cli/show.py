"""How every verb speaks: a table for people, `--json` for programs, one sentence for an error.

With `--json` standard output holds one document or nothing, and an error is one line of JSON on standard error:
`{"error": {"code": "not_found", "message": "…"}}`, with the fields of an error in a reply. The exit code is the same.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, TypeVar

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.errors import InvalidRequest, StepwellError

__all__ = [
    "Misused",
    "beside",
    "console",
    "errors_as_sentences",
    "errors_end_with",
    "print_json",
    "print_rows",
    "print_table",
    "run",
    "say",
    "warn",
]

# What is shown is data: `routes.yaml:100:34` is a place in a file, and no picture of a hundred.
console: Final = Console(emoji=False)
"""Where every verb writes for people. Texts that are not its own are escaped, or printed with `markup=False`."""
beside: Final = Console(stderr=True, emoji=False)
"""The same for standard error: progress, and what is no result."""
T = TypeVar("T")


class Misused(InvalidRequest):
    """An option or argument that cannot be meant so: the command ends with 2, as where there is no such option."""


def print_json(value: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")


def print_rows(
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    *,
    as_json: bool,
    title: str = "",
    whole: Sequence[str] = (),
) -> None:
    """Write rows as a table, or as a JSON list with all their keys.

    Columns in `whole` stay on one line, such as ids that somebody selects with a mouse; the others give way to them.
    """
    if as_json:
        print_json([dict(row) for row in rows])
        return
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    table = Table(title=title or None, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in whole)
    for row in cells:
        table.add_row(*map(escape, row))
    print_table(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


_READABLE: Final = 12
"""Columns that a longer text stays readable in, folded."""


def print_table(table: Table) -> None:
    """Write a table of cells of text, and lose none of it.

    On a terminal it folds long cells. Where that is too narrow for all columns, each row becomes a few lines of its
    own: an id or a sum that is cut off is of no use. Elsewhere, in a pipe or a file, it is as wide as it has to be.
    """
    natural = [max(map(_wide, (column.header, *column.cells)), default=0) for column in table.columns]
    frame = len(natural) * sum(table.padding[1::2]) + (0 if table.box is None else len(natural) + 1)
    if not console.is_terminal:
        table.width = sum(natural) + frame
    elif sum(natural) + frame > console.width:
        least = [
            width if column.no_wrap else max(_wide(column.header), min(width, _READABLE))
            for column, width in zip(table.columns, natural, strict=True)
        ]
        if sum(least) + frame > console.width:
            _print_stacked(table)
            return
        for column, width in zip(table.columns, least, strict=True):
            column.min_width = width
    console.print(table, crop=False)


def _wide(cell: object) -> int:
    """Columns of the longest line of a cell."""
    return max((line.cell_len for line in Text.from_markup(str(cell), emoji=False).split()), default=0)


def _print_stacked(table: Table) -> None:
    """Every row as its first cell, and below it the others that hold something, with their names."""
    if table.title is not None:
        console.print(table.title, style="italic")
    first, *others = table.columns
    for row in zip(*(column.cells for column in (first, *others)), strict=True):
        console.print(str(row[0]), style="bold", highlight=False)
        told = [
            f"[dim]{column.header}[/] {', '.join(str(cell).splitlines())}"
            for column, cell in zip(others, row[1:], strict=True)
            if str(cell)
        ]
        console.print(Padding(Text.from_markup(" · ".join(told), emoji=False), (0, 0, 0, 2)))


def say(error: StepwellError, *, as_json: bool = False) -> None:
    """Write the sentence of an error of ours to standard error; for programs, as one line of JSON."""
    if as_json:
        fields: dict[str, object] = {"code": error.code, "message": error.message, "rule": error.rule}
        fields |= {"param": error.param, "retry_after_s": error.retry_after_s}
        told = {name: value for name, value in fields.items() if value is not None}
        sys.stderr.write(orjson.dumps({"error": told}).decode() + "\n")
        return
    beside.print(f"[bold red]{error.code}[/]: {escape(error.message)}", highlight=False, soft_wrap=True)


def warn(sentence: str) -> None:
    """Write a sentence that a person should read, and that changes nothing, to standard error."""
    beside.print(f"[yellow]{escape(sentence)}[/]", highlight=False, soft_wrap=True)


def errors_end_with(code: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """End a command that raised an error of ours with its sentence on standard error and this exit code.

    The option `--json` of every command is its argument `as_json`.
    """

    def around(command: Callable[..., T]) -> Callable[..., T]:
        @wraps(command)
        def wrapped(*arguments: Any, **options: Any) -> T:
            try:
                return command(*arguments, **options)
            except StepwellError as error:
                say(error, as_json=bool(options.get("as_json")))
                raise typer.Exit(2 if isinstance(error, Misused) else code) from None
            except KeyboardInterrupt:
                raise typer.Exit(130) from None
            except OSError as error:
                if error.filename is None:
                    raise
                say(_unusable(error), as_json=bool(options.get("as_json")))
                raise typer.Exit(code) from None

        return wrapped

    return around


def _unusable(error: OSError) -> InvalidRequest:
    """A file or folder that somebody named, and that the system does not let us use."""
    advice = "name another place, or see to it that it may be read and written"
    return InvalidRequest(f"{os.fsdecode(error.filename)} cannot be used ({error.strerror}): {advice}")


def errors_as_sentences(command: Callable[..., T]) -> Callable[..., T]:
    """End a command that raised an error of ours with its sentence on standard error and exit code 1."""
    return errors_end_with(1)(command)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a fresh event loop."""
    return asyncio.run(work)
