"""`stepwell confidence`: which curves, thresholds and promises are in force."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.calibrate_text import curve_of, score_of, segment_row, sentence
from pipeline.cli.confidence_watch import reset_command, watch_command
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows
from pipeline.embedded.here import environment_here
from pipeline.errors import InvalidRequest, NotFound
from pipeline.policy.calibration import BrokenFile, Calibrator, Gate, Segment, read_calibrator
from pipeline.policy.load import load_folder
from pipeline.settings import Settings

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_COLUMNS: Final = ("segment", "labels", "curve", "right", "threshold", "kept", "errors", "worth")


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="How sure answers are, and what is promised about those that stay.")
    group.command("show")(show_command)
    group.command("watch")(watch_command)
    group.command("reset")(reset_command)
    group.callback()(_group)
    root.add_typer(group, name="confidence")


def _group() -> None:
    """How sure answers are, and what is promised about those that stay."""


@errors_as_sentences
def show_command(
    what: Annotated[
        str | None, typer.Argument(help="A file of a calibrator, or a route; left out: all routes.")
    ] = None,
    policies: Annotated[Path | None, typer.Option(help="The policy folder; STEPWELL_POLICIES if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the curve, the threshold and the promise of every segment: of a file, of a route, or of all routes.

    Examples:
      stepwell confidence show
      stepwell confidence show faq --json
      stepwell confidence show policies/calibrators/faq.json
    """
    found = _found(what, policies)
    if as_json:
        print_json([_data(route, calibrator) for route, calibrator in found])
        return
    for route, calibrator in found:
        _print(route, calibrator)


Found = list[tuple[str | None, Calibrator | None]]


def _found(what: str | None, policies: Path | None) -> Found:
    if what is not None and Path(what).is_file():
        return [(None, _read(Path(what)))]
    environment = environment_here()
    folder = policies if policies is not None else Settings.from_environment(environment).policies
    policy = load_folder(folder, environment)
    if what is None:
        return [(route.spec.name, route.calibrator) for route in policy.routes]
    route = policy.route(what)
    if route is None:
        raise NotFound(f"{what}: there is neither such a file nor such a route in {folder}")
    return [(what, route.calibrator)]


def _read(file: Path) -> Calibrator:
    try:
        return read_calibrator(file.name, file.read_bytes())
    except OSError as error:
        raise NotFound(f"{file}: the calibrator cannot be read: {error.strerror}") from None
    except BrokenFile as error:
        raise InvalidRequest(f"{file} is no calibrator: {error}") from None


def _segments(gate: Gate) -> list[tuple[str, Segment]]:
    """Every segment with its name, the file's own one first where anything was asked of it."""
    below = [each for task in gate.segments.values() for each in (task, *task.tenants.values())]
    tasks = sum(segment.labels for segment in below)
    rest = gate.model_copy(update={"labels": max(0, gate.labels - tasks)})
    found: list[tuple[str, Segment]] = [("other tasks" if gate.segments else "all requests", rest)]
    for task, segment in gate.segments.items():
        found.append((task, segment))
        found += [(f"{task} / {tenant}", below) for tenant, below in segment.tenants.items()]
    return found


def _data(route: str | None, calibrator: Calibrator | None) -> dict[str, Any]:
    told: dict[str, Any] = {"route": route, "calibrator": calibrator.name if calibrator is not None else None}
    if calibrator is None:
        return told
    file = calibrator.file
    if isinstance(file, Gate):
        told["sentences"] = {name: sentence(segment, name) for name, segment in _segments(file)}
    return {**told, "file": file.model_dump(mode="json")}


def _print(route: str | None, calibrator: Calibrator | None) -> None:
    begins = "" if route is None else f"route {route}: "
    if calibrator is None:
        _say(f"{begins}no calibrator; the raw score is the confidence, and nothing is promised")
        return
    file = calibrator.file
    if not isinstance(file, Gate):
        kind = f"one curve, slope {file.slope:g} and intercept {file.intercept:g}; it promises nothing"
        _say(f"{begins}{calibrator.name}, {kind} ({file.labels} labels: {file.source}, {file.fitted})")
        curve_of(calibrator)
        return
    _say(f"{begins}{calibrator.name}, score: {score_of(file)} ({file.labels} labels: {file.source}, {file.fitted})")
    if file.lost:
        _say(file.lost)
    segments = _segments(file)
    print_rows([segment_row(*each) for each in segments], _COLUMNS, as_json=False, whole=("segment",))
    for name, segment in segments:
        _say(f"{name}: {sentence(segment, name)}")
    curve_of(calibrator)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
