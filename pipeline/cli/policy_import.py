"""`stepwell policy import`: the configuration of another gateway becomes a folder of policies."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Annotated, Any, Final

import typer

from pipeline.cli.show import console, errors_as_sentences, print_json
from pipeline.embedded.here import environment_here
from pipeline.embedded.options import default_policies
from pipeline.errors import InvalidRequest, PolicyInvalid
from pipeline.migrate import GATEWAYS, MAX_BYTES, Gateway, Imported, Told, imported, residency_for
from pipeline.policy.load import Checked, check_folder

__all__ = ["import_command"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_FOLDER: Final = Path("policies-imported")
_RESIDENCY: Final = "residency.yaml"


@errors_as_sentences
def import_command(
    file: Annotated[Path, typer.Argument(help="A LiteLLM config.yaml, or a Portkey config as JSON.")],
    origin: Annotated[str | None, typer.Option("--from", help="litellm or portkey; found out if left out.")] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = _FOLDER,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 when anything could not be translated.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite policy files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a folder of policies from the configuration of another gateway, and list what did not come along.

    Nothing is dropped silently: each value of the file is in the policy, or in the list. Keys are never written: they
    are read from the environment, and the list says from which variables.

    Example: stepwell policy import litellm-config.yaml --to policies-imported
    """
    made = imported(file.name, _read(file), origin=_gateway(origin), on_day=datetime.now(UTC).date().isoformat())
    _write(made, to, force=force)
    checked = check_folder(to, {**dict.fromkeys(made.variables, "http://set.me"), **environment_here()})
    unset = [name for name in made.variables if name not in environment_here()]
    if as_json:
        print_json(_as_data(made, to, checked, unset))
    else:
        _print(made, to, checked, unset)
    if checked.policy is None or (strict and made.left):
        raise typer.Exit(1)


def _gateway(name: str | None) -> Gateway | None:
    for gateway in GATEWAYS:
        if gateway == name:
            return gateway
    if name is not None:
        raise InvalidRequest(f"--from {name}: there is no translation from it; there is {', '.join(GATEWAYS)}")
    return None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)  # more than a configuration may have is refused, and never read
    except OSError as error:
        raise InvalidRequest(f"{file}: the file cannot be read: {error.strerror}") from None


def _write(made: Imported, to: Path, *, force: bool) -> None:
    there = [name for name in made.files if (to / name).exists()]
    if there and not force:
        raise InvalidRequest(f"{to}: {', '.join(there)} stands there already; name another folder, or say --force")
    shipped = default_policies()
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in made.files.items():
            (to / name).write_text(text, encoding="utf-8")
        if not (to / _RESIDENCY).exists():
            (to / _RESIDENCY).write_text(_residency(made, shipped), encoding="utf-8")
        (to / "schemas").mkdir(exist_ok=True)
        for schema in (shipped / "schemas").glob("*.json"):
            if not (to / "schemas" / schema.name).exists():
                copyfile(schema, to / "schemas" / schema.name)
    except OSError as error:
        raise PolicyInvalid(f"{to}: it cannot be written: {error.strerror}") from None


def _residency(made: Imported, shipped: Path) -> str:
    providers = {str(part.spec["provider"]) for part in made.draft.targets.values()}
    return residency_for((shipped / _RESIDENCY).read_text(encoding="utf-8"), providers)


def _as_data(made: Imported, to: Path, checked: Checked, unset: list[str]) -> dict[str, Any]:
    told = [asdict(one) for one in made.told]
    return {
        "gateway": made.gateway,
        "folder": str(to),
        "files": [*made.files],
        "revision": checked.policy.revision if checked.policy else None,
        "problems": [str(problem) for problem in checked.problems],
        "variables": made.variables,
        "unset": unset,
        **{kind: [one for one in told if one["kind"] == kind] for kind in ("left", "changed", "assumed")},
    }


def _sentence(made: Imported, one: Told) -> str:
    place = f"{made.account.source.name}:{one.line}" if one.line is not None else made.account.source.name
    todo = f" ({one.todo})" if one.todo else ""
    return f"{place}: {one.path}: {one.why}{todo}"


def _print(made: Imported, to: Path, checked: Checked, unset: list[str]) -> None:
    name = {"litellm": "a LiteLLM config", "portkey": "a Portkey config"}[made.gateway]
    parts = f"{len(made.draft.targets)} targets, {len(made.draft.routes)} routes"
    console.print(f"{name} became {to}: {parts}", highlight=False, markup=False)
    for kind, title in (("left", "Left: not in the policy"), ("changed", "Changed: in the policy, and not the same")):
        told = [one for one in made.told if one.kind == kind]
        if told:
            console.print(f"\n{title} ({len(told)})", style="bold", highlight=False)
        for one in told:
            console.print(_sentence(made, one), markup=False, highlight=False, soft_wrap=True)
    assumed = sum(one.kind == "assumed" for one in made.told)
    console.print()
    if assumed:
        said = f"assumed: {assumed} values that the config does not say; look for 'check' in {to / 'models.yaml'}"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    for variable in unset:
        console.print(f"set {variable}: {made.variables[variable]}", markup=False, highlight=False)
    for problem in checked.problems:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    if checked.policy is not None:
        console.print(f"next: stepwell policy check {to}", highlight=False, markup=False)
