"""How every verb speaks: a table for people, `--json` for programs, one sentence for an error."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.errors import StepwellError

__all__ = ["console", "errors_as_sentences", "print_json", "print_rows", "run"]

console = Console()
_stderr = Console(stderr=True)
T = TypeVar("T")


def print_json(value: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")


def print_rows(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, title: str = "") -> None:
    """Write rows as a table, or as a JSON list with all their keys."""
    if as_json:
        print_json([dict(row) for row in rows])
        return
    table = Table(title=title or None, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")  # an id that is cut off is of no use for the next command
    for row in rows:
        table.add_row(*("" if row.get(name) is None else escape(str(row.get(name))) for name in columns))
    console.print(table)


def errors_as_sentences(command: Callable[..., T]) -> Callable[..., T]:
    """End a command that raised an error of ours with its sentence on standard error and exit code 1."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> T:
        try:
            return command(*arguments, **options)
        except StepwellError as error:
            _stderr.print(f"[bold red]{error.code}[/]: {escape(error.message)}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a fresh event loop."""
    return asyncio.run(work)
