"""`stepwell policy`: check the files, show what is in force, explain what they say about a case, change them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.markup import escape

from pipeline.cli import policy_changes
from pipeline.cli.pii_text import read
from pipeline.cli.policy_import import import_command
from pipeline.cli.policy_show import show
from pipeline.cli.policy_text import explained, scanned
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows
from pipeline.contracts import Classification, Finding, Request, Residency
from pipeline.embedded.here import environment_here
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy, permits
from pipeline.policy.facts import facts_of_example
from pipeline.policy.feasible import feasible
from pipeline.policy.findings import completed, milder
from pipeline.policy.load import Checked, check_folder, load_folder
from pipeline.policy.models import TRANSFORMS, Given
from pipeline.policy.problems import Problem, did_you_mean
from pipeline.policy.spelling import types_known
from pipeline.settings import Settings

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Folder = Annotated[
    Path | None, typer.Argument(help="Folder of policy files; STEPWELL_POLICIES or ./policies if left out.")
]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="What owners decide: check, show, explain, change.")
    group.command("check")(check_command)
    group.command("show")(show_command)
    group.command("explain")(explain_command)
    group.command("import")(import_command)
    policy_changes.add(group)
    root.add_typer(group, name="policy")


@errors_as_sentences
def check_command(folder: Folder = None, as_json: JsonOption = False) -> None:
    """Read the files as a worker would, run their examples, and print every problem. Ends with 1 if there is one.

    Example: stepwell policy check policies/
    """
    environment = environment_here()
    checked = check_folder(_folder(folder, environment), environment, today=datetime.now(UTC).date())
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
    show(_loaded(folder), as_json=as_json)


@errors_as_sentences
def explain_command(
    facts: Annotated[list[str] | None, typer.Argument(help="Facts as name=value; a list is written a,b.")] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Folder of policy files.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="A text to scan, instead of facts about one.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A text file to scan, or - for standard input.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose request it is; with a text.")] = None,
    origin: Annotated[str | None, typer.Option(help="Where the data comes from, such as EU; with a text.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the text as each target would see it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which route a request takes, and what each target may see of it and why. Nothing is sent.

    Give facts; the class of the data follows from its types, as it does for a request. Or give a text that is scanned
    as a worker would; then facts may be tenant, origin, lane and metadata such as task=labels. What was found
    is shown by type and class, and never itself, unless --show asks for it.

    Example: stepwell policy explain origin=EU data_class=confidential types=PERSON,EMAIL task=labels

    Example: stepwell policy explain --text "Write to Jane Doe, jane@example.org" --origin US --show
    """
    policy = _loaded(folder)
    if text is not None or file is not None:
        given = read(file).text if file is not None and text is None else text or ""
        who = {name: value for name, value in (("tenant", tenant), ("origin", origin)) if value is not None}
        _explain_text(_request(given, facts or [], who), policy, show=show, as_json=as_json)
        return
    stated = _stated(facts or [], policy)
    seen = facts_of_example(stated)
    choice = policy.route_for(seen)
    route = choice.route.spec.name if choice.route else None
    rows = [
        {
            "target": decided.target,
            "action": decided.action,
            "may serve": permits(decided.action, policy.targets[decided.target]),
            "rule": decided.rule,
            "reason": decided.reason,
            "pseudonymise": list(decided.pseudonymise),
            "mask": list(decided.mask),
        }
        for decided in _feasible(stated, policy)
    ]
    if as_json:
        print_json(
            {
                "revision": policy.revision,
                "data_class": stated.data_class,
                "special": stated.special,
                "route": route,
                "silent": choice.silent,
                "targets": rows,
            }
        )
        return
    data = f"{stated.data_class} data" + (f" (special: {_list(stated.special)})" if stated.special else "")
    console.print(f"revision {policy.revision}, {data}, route {route or '(none matches)'}", highlight=False)
    hidden = any(row["pseudonymise"] or row["mask"] for row in rows)
    columns = ("target", "action", "may serve", "rule", "reason")
    shown = [{**row, **{name: _list(row[name]) for name in TRANSFORMS}} for row in rows]
    print_rows(shown, (*columns, *TRANSFORMS) if hidden else columns, as_json=False)


_CALLERS: Final = frozenset({"tenant", "origin", "lane"})
_FOUND: Final = frozenset({"data_class", "types", "special", "scan", "names_covered", "identifiable", "characters"})


def _request(text: str, words: list[str], who: dict[str, str]) -> Request:
    """The request that a caller would write; what is no field of it is metadata."""
    fields: dict[str, object] = {"input": text, **who}
    metadata: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name in _FOUND:
            raise InvalidRequest(f"{word}: with a text, give name=value for tenant, origin, lane or metadata")
        if name in _CALLERS:
            fields[name] = value
        else:
            metadata[name] = value
    try:
        return Request.model_validate({**fields, "metadata": metadata})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _explain_text(request: Request, policy: Policy, *, show: bool, as_json: bool) -> None:
    told = explained(request, scanned(request, policy), policy)
    found, findings = told.classification, told.findings(policy)
    targets = [{name: value for name, value in row.items() if show or name != "sees"} for row in told.targets]
    if as_json:
        print_json(
            {
                "revision": policy.revision,
                "scan": found.scan,
                "engine": found.engine,
                "names_covered": found.names_covered,
                "data_class": found.data_class,
                "special": found.special,
                "findings": findings,
                "route": told.route,
                "tiers": told.tiers,
                "targets": targets,
            }
        )
        return
    trouble = "" if found.scan == "complete" else f" ({told.reason or 'no reason given'})"
    console.print(f"revision {policy.revision}, scan {found.scan}{trouble}, {found.data_class} data", highlight=False)
    if not found.names_covered:
        console.print("it is in a language whose names are not known here", style="yellow", highlight=False)
    if findings:
        print_rows(findings, ("type", "count", "score", "class"), as_json=False, title="Found")
    stairs = " > ".join(" | ".join(names) for names in told.tiers)
    console.print(f"route {told.route or '(none matches)'}{': ' + stairs if stairs else ''}", highlight=False)
    rows = [{**row, "tiers": _list(row["tiers"]), "hidden": _list(row["hidden"])} for row in targets]
    print_rows(rows, ("target", "tiers", "action", "may_serve", "rule", "hidden"), as_json=False)
    for row in targets:
        if row["reason"]:
            console.print(f"{row['target']}: {row['reason']}", markup=False, highlight=False)
    for row in targets if show else ():
        console.print(f"\n{row['target']} would see:", style="bold", highlight=False)
        console.print("\n".join(row["sees"]) if row["sees"] else "nothing", markup=False, highlight=False)


def _list(values: Any) -> str:
    return ", ".join(map(str, values))


def _loaded(folder: Path | None) -> Policy:
    """The folder as the running Stepwell reads it: models count for the revision as the environment names them."""
    environment = environment_here()
    return load_folder(_folder(folder, environment), environment)


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
        console.print(escape(str(problem)), highlight=False, soft_wrap=True)
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


def _stated(words: list[str], policy: Policy) -> Given:
    """The facts of the command line, with what follows from them as it does for a request."""
    given = _given(words)
    for name, values, there in (
        ("types", given.types, types_known(policy.residency)),
        ("special", given.special, frozenset(policy.residency.special)),
    ):
        for value in values:
            if value not in there:
                raise InvalidRequest(
                    f"{name}: neither the scan nor the policy knows {value}{did_you_mean(value, there)}"
                )
    if wrong := milder(given, policy):
        raise InvalidRequest(f"data_class: {wrong}")
    return completed(given, policy)


def _feasible(stated: Given, policy: Policy) -> Iterator[Residency]:
    """What holds for each target, where what is to be hidden from it could be hidden in a request of these facts."""
    found = Classification(
        data_class=stated.data_class or "public",
        findings=tuple(Finding(type=kind, count=1) for kind in stated.types),
        scan=stated.scan,
        names_scanned=policy.residency.scan.names,
        names_covered=stated.names_covered,
        engine="stated",
        units="stated",
    )
    for decided in policy.residency_actions(facts_of_example(stated)):
        yield feasible(decided, policy.targets[decided.target], found)


def _given(words: list[str]) -> Given:
    """Facts of the command line, held against the same model as the examples in the files."""
    values: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in Given.model_fields:
            hint = did_you_mean(name, Given.model_fields)
            raise InvalidRequest(f"{word}: write a fact as name=value; there is no fact {name}{hint}")
        values[name] = _value(name, text)
    try:
        return Given.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"{first['loc'][0]}: {first['msg']}") from None


def _value(name: str, text: str) -> object:
    kind = Given.model_fields[name].annotation
    if kind in (bool, bool | None):
        return {"true": True, "false": False}.get(text, text)
    if kind is int:
        return int(text) if text.isdecimal() else text
    if name in ("types", "special"):
        return tuple(part for part in text.split(",") if part)
    if name == "metadata":
        return dict(part.partition("=")[::2] for part in text.split(","))
    return text
