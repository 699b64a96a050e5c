"""`stepwell up`, `down`, `status`: everything on this machine."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.embedded.answering import Answer, answering
from pipeline.embedded.here import settings_here
from pipeline.embedded.home import Home
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.in_force import Seen, sentence, standing_here, workers_see
from pipeline.embedded.options import ModelChoice, Models, Options, Ports, default_policies
from pipeline.embedded.stack import bring_down, detach, serve
from pipeline.embedded.state import PartState, RunState, running
from pipeline.errors import NotRunning, StepwellError
from pipeline.settings import Settings

__all__ = ["HomeOption", "PartsView", "PortsOption", "home_of", "options_of", "register"]

HomeOption = Annotated[Path | None, typer.Option("--home", help="Data folder; the default is STEPWELL_HOME.")]
ModelsOption = Annotated[Models, typer.Option("--models", help="local: real weights; scripted: no download; none.")]
PoliciesOption = Annotated[
    Path | None, typer.Option("--policies", help="Folder of policies; ./policies, else the set that ships.")
]
PortsOption = Annotated[str, typer.Option("--ports", help="Other ports, such as nats=4300,door=9000.")]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    root.command("up")(up_command)
    root.command("down")(down_command)
    root.command("status")(status_command)


@errors_as_sentences
def up_command(
    models: ModelsOption = "local",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes, of each stage with --split.")] = 1,
    split: Annotated[bool, typer.Option("--split", help="A process for each stage instead of one for all.")] = False,
    background: Annotated[bool, typer.Option("--detach", help="Return when everything answers.")] = False,
    home: HomeOption = None,
    policies: PoliciesOption = None,
    ports: PortsOption = "",
    small_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible URL for the small model.")] = None,
    large_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible URL for the large model.")] = None,
    small_gguf: Annotated[Path | None, typer.Option(help="A GGUF file for the small model.")] = None,
    large_gguf: Annotated[Path | None, typer.Option(help="A GGUF file for the large model.")] = None,
    small_model: Annotated[str | None, typer.Option(help="What its server calls the small model.")] = None,
    large_model: Annotated[str | None, typer.Option(help="What its server calls the large model.")] = None,
) -> None:
    """Bring everything up on this machine and keep it up until Ctrl-C.

    Example: stepwell up --models scripted --detach
    """
    options = options_of(
        home,
        policies,
        ports,
        models=models,
        workers=workers,
        split=split,
        small=ModelChoice(small_url, small_gguf, small_model),
        large=ModelChoice(large_url, large_gguf, large_model),
    )
    if background:
        state = run(detach(options))
        console.print(_address(state), highlight=False, markup=False, soft_wrap=True)
        return
    with PartsView() as view:
        run(serve(options, view.show))


@errors_as_sentences
def down_command(home: HomeOption = None) -> None:
    """Stop everything that `stepwell up` started.

    Example: stepwell down
    """
    place = home_of(home)
    stopped = asyncio.run(bring_down(place))
    console.print(
        "stopped" if stopped else f"nothing runs in {place.root}", highlight=False, markup=False, soft_wrap=True
    )


@errors_as_sentences
def status_command(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False, home: HomeOption = None
) -> None:
    """Show the parts, their processes and their ports, and whether they answer at this moment.

    A part that runs and says nothing is silent, one that says itself that it cannot serve is not ready.

    Example: stepwell status --json
    """
    place = home_of(home)
    state = running(place.state)
    if state is None:
        raise NotRunning(f"nothing runs in {place.root}; start it with stepwell up")
    policy, seen, answers = run(_asked(place, state))
    rows = [_row(part, seen.get(part.name), answers.get(part.name)) for part in state.parts]
    if as_json:
        about = {"home": str(place.root), "ready": state.ready, "models": state.options.models, "policy": policy}
        print_json({**about, "parts": rows})
        return
    console.print(_address(state), highlight=False, markup=False, soft_wrap=True)
    console.print(policy["sentence"], highlight=False, markup=False, soft_wrap=True)
    print_rows(rows, ("name", "condition", "pid", "port", "up", "restarts", "policy"), as_json=False)


async def _asked(place: Home, state: RunState) -> tuple[dict[str, str], dict[str, Seen], Mapping[str, Answer]]:
    """What is in force, what each worker has in force, and how the parts answer."""
    seen, answers = await asyncio.gather(workers_see(state.parts), answering(state.parts, state.options.ports))
    try:
        standing = await standing_here(settings_here(place.root))
    except StepwellError as error:
        unknown = {"origin": "unknown", "sentence": f"which policy governs is not known: {error.message}"}
        return unknown, seen, answers
    told = {"origin": "folder"} if standing is None else {"origin": "applied", "revision": standing.revision}
    return {**told, "sentence": sentence(standing)}, seen, answers


def home_of(option: Path | None) -> Home:
    """The data folder: the option, else the environment's."""
    return Home((option or Settings.from_environment().home).expanduser().resolve())


def options_of(
    home: Path | None,
    policies: Path | None,
    ports: str,
    *,
    models: Models = "local",
    workers: int = 1,
    split: bool = False,
    small: ModelChoice = ModelChoice(),  # noqa: B008  # frozen
    large: ModelChoice = ModelChoice(),  # noqa: B008  # frozen
) -> Options:
    """The options that a command line means."""
    try:
        chosen = Ports.parse(ports)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--ports") from None
    folder = policies or default_policies()
    return Options(home_of(home).root, folder, models, workers, split, chosen, small, large)


class PartsView:
    """The parts as they come up: a live table on a terminal, a line for each change elsewhere."""

    def __init__(self) -> None:
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: dict[str, str] = {}
        self._ready = False
        self._brief = False

    def __enter__(self) -> "PartsView":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def end_when_ready(self) -> None:
        """Let the terminal go once everything answers, for a command that goes on to print."""
        self._brief = True

    def show(self, state: RunState) -> None:
        """Tell what is new."""
        if self._brief and self._ready:
            return
        if self._live:
            self._live.update(_table(state), refresh=True)
            self._end_live(state.ready)
            return
        for part in state.parts:
            if self._told.get(part.name) != part.condition and part.condition != "waiting":
                console.print(f"{part.name}: {part.condition}", highlight=False, markup=False)
            self._told[part.name] = part.condition
        if state.ready and not self._ready:
            self._ready = True
            console.print(_address(state), highlight=False, markup=False, soft_wrap=True)

    def _end_live(self, ready: bool) -> None:
        if self._brief and ready and self._live:
            self._live.stop()
            self._ready = True


def _table(state: RunState) -> Table:
    table = Table("part", "condition", "pid", "port", "restarts", title_justify="left")
    table.title = _address(state) if state.ready else "starting"
    for part in state.parts:
        table.add_row(*(str(value) if value else "" for value in _cells(part)))
    return table


def _cells(part: PartState) -> tuple[object, ...]:
    return part.name, part.condition, part.process.pid if part.process else None, part.port, part.restarts


def _address(state: RunState) -> str:
    ports = state.options.ports
    return f"Stepwell answers at http://127.0.0.1:{ports.door} and nats://127.0.0.1:{ports.nats}"


def _row(part: PartState, seen: Seen | None, answer: Answer | None) -> dict[str, object]:
    return {
        "name": part.name,
        "condition": (answer or part.condition) if _lives(part.process) or part.condition == "done" else "gone",
        "pid": part.process.pid if part.process else None,
        "port": part.port,
        "up": _age(part.started_at) if part.process else None,
        "started_at": part.started_at,
        "restarts": part.restarts,
        "policy": None if seen is None else seen.revision + (" (a newer one cannot be loaded)" if seen.trouble else ""),
    }


def _lives(process: ProcessId | None) -> bool:
    return process is not None and process.alive


def _age(since: float | None) -> str | None:
    if since is None:
        return None
    seconds = int(time.time() - since)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
