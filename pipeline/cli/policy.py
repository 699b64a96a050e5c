"""`stepwell policy`: check the files, show what is in force, explain what they say about a case, change them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.adapters.tokenizers import troubles
from pipeline.cli import policy_changes, policy_explain, policy_replay
from pipeline.cli.policy_import import import_command
from pipeline.cli.policy_show import show
from pipeline.cli.show import console, errors_as_sentences, print_json, run
from pipeline.costs.again import Planner
from pipeline.embedded.here import environment_here
from pipeline.embedded.in_force import InForce, in_force_here, sentence
from pipeline.policy.load import Checked, check_folder, load_folder, read_folder
from pipeline.policy.problems import Place, Problem
from pipeline.revisions import Standing
from pipeline.revisions.secrets import keys_in
from pipeline.settings import Settings

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Folder = Annotated[
    Path | None, typer.Argument(help="Folder of policy files; STEPWELL_POLICIES or ./policies if left out.")
]


def register(root: typer.Typer, planner: Planner | None = None) -> None:
    """Add the verbs of this group. `planner` makes plans again, for explain and replay."""
    group = typer.Typer(no_args_is_help=True, help="What owners decide: check, show, explain, change.")
    group.command("check")(check_command)
    group.command("show")(show_command)
    policy_explain.add(group, planner)
    policy_replay.add(group, planner)
    group.command("import")(import_command)
    policy_changes.add(group)
    root.add_typer(group, name="policy")


@errors_as_sentences
def check_command(folder: Folder = None, as_json: JsonOption = False) -> None:
    """Read the files as a worker would, run their examples, and print every problem. Ends with 1 if there is one.

    Example: stepwell policy check policies/
    """
    environment = environment_here()
    path = _folder(folder, environment)
    checked = check_folder(path, environment, today=datetime.now(UTC).date())
    if keys := tuple(keys_in(read_folder(path), str(path))):
        told = {(problem.file, problem.place.line) for problem in checked.problems}
        more = (problem for problem in keys if (problem.file, problem.place.line) not in told)
        checked = replace(checked, policy=None, problems=tuple(sorted((*checked.problems, *more))))
    if checked.policy is not None:
        here = tuple(Problem(str(path), Place(), "", text) for text in troubles(checked.policy))
        checked = replace(checked, warnings=(*checked.warnings, *here))
    if as_json:
        print_json(_as_data(checked))
    else:
        _print_checked(checked)
    if checked.policy is None:
        raise typer.Exit(1)


@errors_as_sentences
def show_command(folder: Folder = None, as_json: JsonOption = False) -> None:
    """Show routes with their tiers and fallbacks, targets, budgets, rates, tenants and experiments. Never a key.

    Example: stepwell policy show --json
    """
    found = _in_force(folder)
    show(found.policy, as_json=as_json, origin=None if folder is not None else found.standing.origin)
    if folder is None and not as_json:
        console.print(_told(found), highlight=False, markup=False, soft_wrap=True)


def _in_force(folder: Path | None) -> InForce:
    """A folder as the running Stepwell reads it, or what is in force.

    Models count for the revision as the environment names them.
    """
    environment = environment_here()
    if folder is None:
        return run(in_force_here(Settings.from_environment(environment), environment))
    policy = load_folder(folder, environment)
    return InForce(policy, Standing(policy.revision, "folder"), asked=False)


def _told(found: InForce) -> str:
    unsure = "" if found.asked else " (NATS does not answer, so nobody could be asked whether a policy is applied)"
    return sentence(found.standing) + unsure


def _folder(given: Path | None, environment: Mapping[str, str]) -> Path:
    return given if given is not None else Settings.from_environment(environment).policies


def _as_data(checked: Checked) -> dict[str, object]:
    policy = checked.policy
    return {
        "revision": policy.revision if policy else None,
        "problems": [_place(problem) for problem in checked.problems],
        "warnings": [_place(warning) for warning in checked.warnings],
    }


def _place(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "file": problem.file,
        "line": place.line,
        "column": place.column,
        "path": problem.path,
        "text": problem.text,
    }


def _print_checked(checked: Checked) -> None:
    for problem in checked.problems:
        console.print(str(problem), highlight=False, markup=False, soft_wrap=True)
    for warning in checked.warnings:
        console.print(f"[yellow]warning:[/] {escape(str(warning))}", highlight=False, soft_wrap=True)
    policy = checked.policy
    if policy is None:
        console.print(f"[bold red]{len(checked.problems)} to mend[/]; nothing of it can take force")
        return
    parts = {
        "routes": policy.routes,
        "targets": policy.targets,
        "residency rules": policy.residency_rules,
        "budgets": policy.budgets,
        "caps": policy.escalations,
        "rates": policy.rates,
        "experiments": policy.experiments,
    }
    tried = ", ".join(f"{len(found)} {what}" for what, found in parts.items() if found)
    console.print(f"[bold green]valid[/]: revision {policy.revision}, {tried}, all examples hold", soft_wrap=True)
