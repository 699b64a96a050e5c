"""`stepwell models`: fetch, list and find the weights of local models."""

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from pipeline.cli.show import console, errors_as_sentences, print_rows
from pipeline.embedded.catalogue import CATALOGUE, DEFAULT_PAIR, Model, find
from pipeline.embedded.home import Home
from pipeline.embedded.pull import present, pull, sources_for
from pipeline.errors import ModelMissing
from pipeline.settings import Settings

__all__ = ["PullProgress", "pull_all", "register"]

HomeOption = Annotated[Path | None, typer.Option("--home", help="Data folder; the default is STEPWELL_HOME.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="Weights of local models: fetch, list, find.")
    group.command("pull")(pull_command)
    group.command("list")(list_command)
    group.command("path")(path_command)
    root.add_typer(group, name="models")


@errors_as_sentences
def pull_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models of the catalogue; the default pair if none.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Fetch weights, checked to the byte; an interrupted pull goes on where it stopped.

    Example: stepwell models pull qwen2.5-coder-0.5b-instruct
    """
    models = [find(name) for name in names or DEFAULT_PAIR]
    pull_all(models, _home(home))


@errors_as_sentences
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False, home: HomeOption = None
) -> None:
    """Show the catalogue and what is on this machine.

    Example: stepwell models list --json
    """
    place = _home(home)
    rows = [_row(model, present(model, place)) for model in CATALOGUE]
    print_rows(rows, ("name", "here", "size_mb", "licence", "about"), as_json=as_json)


@errors_as_sentences
def path_command(
    name: Annotated[str, typer.Argument(help="A model of the catalogue.")], home: HomeOption = None
) -> None:
    """Print the path of a model's file.

    Example: stepwell models path qwen2.5-coder-1.5b-instruct
    """
    path = present(find(name), _home(home))
    if path is None:
        raise ModelMissing(f"{name} is not on this machine; run stepwell models pull {name}")
    typer.echo(path)


def pull_all(models: list[Model], home: Home) -> None:
    """Fetch each model that is not here, with a progress bar over its bytes.

    Raises:
        SourceUnreachable: no source has one of them.
    """
    started = time.monotonic()
    missing = [model for model in models if present(model, home) is None]
    with PullProgress() as progress:
        for model in models:
            asyncio.run(pull(model, home, sources_for(home), progress))
    if missing:
        size = sum(model.size for model in missing) / 1e6
        console.print(f"{size:,.0f} MB here and verified after {time.monotonic() - started:.0f} s", highlight=False)
    else:
        console.print("nothing to fetch: every model is here", highlight=False)


class PullProgress:
    """A progress bar for each model; on a pipe one line for each thing that happens."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if console.is_terminal:
            self._bars.stop()

    def source(self, model: Model, name: str) -> None:
        """Start a bar for the model, or describe the new source on it."""
        if not console.is_terminal:
            console.print(f"{model.name}: from {name}, {model.size / 1e6:.0f} MB", highlight=False, markup=False)
        elif model.name not in self._tasks:
            self._tasks[model.name] = self._bars.add_task(model.name, total=model.size)

    def bytes(self, model: Model, done: int) -> None:
        """Move the bar."""
        if model.name in self._tasks:
            self._bars.update(self._tasks[model.name], completed=done)

    def passed_by(self, model: Model, reason: str) -> None:
        """Say why a source was passed by."""
        console.print(f"[yellow]passed by[/]: {escape(reason)}", highlight=False, soft_wrap=True)
        self.bytes(model, 0)

    def checking(self, model: Model) -> None:
        """Say that the hash is computed."""
        if model.name in self._tasks:
            self._bars.update(self._tasks[model.name], completed=model.size, description=f"{model.name} (checking)")


def _row(model: Model, path: Path | None) -> dict[str, object]:
    return {
        "name": model.name,
        "here": "yes" if path else "no",
        "path": str(path) if path else None,
        "size_mb": round(model.size / 1e6),
        "sha256": model.sha256,
        "licence": model.licence,
        "about": model.about,
    }


def _home(option: Path | None) -> Home:
    return Home(option or Settings.from_environment().home)
