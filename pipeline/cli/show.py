"""How every verb speaks: a table for people, `--json` for programs, one sentence for an error.

With `--json` standard output holds one document or nothing, and an error is one line of JSON on standard error:
`{"error": {"code": "not_found", "message": "…"}}`, with the fields of an error in a reply. The exit code is the same.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, TypeVar

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.errors import StepwellError

__all__ = [
    "beside",
    "console",
    "errors_as_sentences",
    "errors_end_with",
    "print_json",
    "print_rows",
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
    cells = [["" if row.get(name) is None else str(row.get(name)) for name in columns] for row in rows]
    table = Table(title=title or None, title_justify="left")
    for place, name in enumerate(columns):
        kept = name in whole
        least = max((cell_len(row[place]) for row in cells), default=0) if kept else None
        # an id that is cut off is of no use for the next command
        table.add_column(name, overflow="fold", no_wrap=kept, min_width=least)
    for row in cells:
        table.add_row(*map(escape, row))
    console.print(table, crop=not whole)


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
                raise typer.Exit(code) from None
            except KeyboardInterrupt:
                raise typer.Exit(130) from None

        return wrapped

    return around


def errors_as_sentences(command: Callable[..., T]) -> Callable[..., T]:
    """End a command that raised an error of ours with its sentence on standard error and exit code 1."""
    return errors_end_with(1)(command)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a fresh event loop."""
    return asyncio.run(work)
