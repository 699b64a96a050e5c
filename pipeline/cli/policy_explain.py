"""`stepwell policy explain`: what a policy says about facts, a text, or a request that was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from pipeline.cli.hooks import planner_of
from pipeline.cli.pii_text import read
from pipeline.cli.policy_given import METADATA, case_of, found_of, once, stated
from pipeline.cli.policy_plan import print_plan, rules_of, told_plan
from pipeline.cli.policy_record import explain_record
from pipeline.cli.policy_text import explained, scanned
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import Request, Snapshot, TargetStanding
from pipeline.costs.again import Planner
from pipeline.embedded.here import environment_here
from pipeline.embedded.in_force import in_force_here
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy, permits
from pipeline.policy.facts import facts_of_signals
from pipeline.policy.feasible import feasible
from pipeline.policy.load import load_folder
from pipeline.policy.models import TRANSFORMS, Given
from pipeline.policy.observed import signals_of
from pipeline.policy.problems import did_you_mean
from pipeline.settings import Settings

__all__ = ["add"]

_CALLERS: Final = frozenset({"tenant", "origin", "lane", "route", "pin", "user", "session"})
_FOUND: Final = frozenset({"data_class", "types", "special", "scan", "names_covered", "identifiable", "characters"})


def add(group: typer.Typer, planner: Planner | None) -> None:
    """Add the verb."""

    @errors_as_sentences
    def explain_command(
        facts: Annotated[
            list[str] | None, typer.Argument(help="Facts as name=value, a list as a,b; or the id of a request.")
        ] = None,
        folder: Annotated[Path | None, typer.Option("--folder", help="Folder of policy files.")] = None,
        text: Annotated[str | None, typer.Option("--text", help="A text to scan, instead of facts about one.")] = None,
        file: Annotated[str | None, typer.Option("--file", help="A text file to scan, or - for the input.")] = None,
        tenant: Annotated[str | None, typer.Option(help="Whose request it is.")] = None,
        origin: Annotated[str | None, typer.Option(help="Where the data comes from, such as EU.")] = None,
        down: Annotated[list[str] | None, typer.Option("--down", help="A target to think of as out of order.")] = None,
        show: Annotated[bool, typer.Option("--show", help="Show the text as each target would see it.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
    ) -> None:
        """Say which route a request takes, who may see it and why, who would answer, and who pays. Nothing is sent.

        Give facts; the class of the data follows from its types, as it does for a request. Or give a text that is
        scanned as a worker would; then facts may be tenant, origin, lane, route, pin, user, session, and metadata:
        task, language, what records keep, and metadata.<name> for anything else. What was found is shown by type and
        class, and never itself, unless --show asks for it. Or give the id of a request that was, whole or its first
        digits: what was seen of it, and the plan made again under the revision that decided it.

        Example: stepwell policy explain origin=EU data_class=confidential types=PERSON,EMAIL task=labels

        Example: stepwell policy explain --text "Write to Jane Doe, jane@example.org" --origin US --show

        Example: stepwell policy explain 0f3c2a --tenant acme
        """
        words, made_by = facts or [], planner_of(planner)
        has_text = text is not None or file is not None
        if _is_id(words) and not has_text:
            _idle("the id of a request", {"--origin": origin, "--folder": folder, "--down": down, "--show": show})
            explain_record(words[0], tenant or "default", made_by, as_json=as_json)
            return
        words += [f"{name}={value}" for name, value in (("tenant", tenant), ("origin", origin)) if value is not None]
        once(words)
        policy = _loaded(folder)
        if has_text:
            given = read(file).text if file is not None and text is None else text or ""
            told = _of_text(_request(given, words, policy), policy, made_by, down or [], show=show)
            if as_json:
                print_json(told)
            else:
                _print_text(told, show=show)
            return
        _idle("facts", {"--show": show})
        told = _of_facts(words, policy, made_by, down or [])
        if as_json:
            print_json(told)
        else:
            _print_facts(told)

    group.command("explain")(explain_command)


def _is_id(words: list[str]) -> bool:
    """Whether somebody names a request, rather than a fact without its value."""
    return len(words) == 1 and "=" not in words[0] and words[0] not in Given.model_fields


def _idle(beside: str, options: Mapping[str, object]) -> None:
    """Refuse options that would say nothing here."""
    if given := [name for name, value in options.items() if value]:
        raise InvalidRequest(f"{given[0]} says nothing beside {beside}: leave it out")


def _loaded(folder: Path | None) -> Policy:
    """A folder as the running Stepwell reads it, else what is in force."""
    environment = environment_here()
    if folder is not None:
        return load_folder(folder, environment)
    return run(in_force_here(Settings.from_environment(environment), environment)).policy


# ---------------------------------------------------------------- of facts


def _of_facts(words: list[str], policy: Policy, planner: Planner, down: list[str]) -> dict[str, Any]:
    given, asked = stated(words, policy)
    case = case_of(given, asked, down, policy)
    found = found_of(given, policy)
    actions = policy.residency_actions(facts_of_signals(case.signals))
    rows = [
        {
            "target": decided.target,
            "action": decided.action,
            "may serve": permits(decided.action, policy.targets[decided.target]),
            "rule": decided.rule,
            "rules": rules_of(case.signals, decided.target, policy),
            "reason": decided.reason,
            "pseudonymise": list(decided.pseudonymise),
            "mask": list(decided.mask),
        }
        for decided in (feasible(entry, policy.targets[entry.target], found) for entry in actions)
    ]
    plan = told_plan(case.signals, case.snapshot, policy, planner)
    return {
        "revision": policy.revision,
        "data_class": given.data_class,
        "special": given.special,
        "route": plan["route"],
        "silent": plan["silent"],
        "targets": rows,
        "plan": plan,
    }


def _print_facts(told: dict[str, Any]) -> None:
    special = f" (special: {_list(told['special'])})" if told["special"] else ""
    line = f"revision {told['revision']}, {told['data_class']} data{special}, route {told['route'] or '(none)'}"
    console.print(line, highlight=False, markup=False)
    rows = told["targets"]
    hidden = any(row["pseudonymise"] or row["mask"] for row in rows)
    columns = ("target", "action", "may serve", "rule", "reason")
    shown = [{**row, **{name: _list(row[name]) for name in TRANSFORMS}} for row in rows]
    print_rows(shown, (*columns, *TRANSFORMS) if hidden else columns, as_json=False)
    for row in rows:
        if len(row["rules"]) > 1:
            console.print(f"{row['target']}: {_list(row['rules'])} hold", highlight=False, markup=False)
    print_plan(told["plan"])


# ---------------------------------------------------------------- of a text


def _request(text: str, words: list[str], policy: Policy) -> Request:
    """The request that a caller would write: fields of it, and metadata under the names that the policy knows."""
    fields: dict[str, object] = {"input": text}
    metadata: dict[str, str] = {}
    kept = ("task", "language", *policy.record_metadata)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name in _FOUND:
            raise InvalidRequest(f"{word}: with a text, give name=value for tenant, origin, lane, route or metadata")
        if name in _CALLERS:
            fields[name] = value
        elif name in kept:
            metadata[name] = value
        elif name.startswith(METADATA) and name != METADATA:
            metadata[name.removeprefix(METADATA)] = value
        else:
            hint = did_you_mean(name, [*_CALLERS, *kept])
            raise InvalidRequest(
                f"{word}: with a text there is no fact {name}{hint}; write {METADATA}{name}=… for an entry of metadata"
            )
    try:
        return Request.model_validate({**fields, "metadata": metadata})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _of_text(request: Request, policy: Policy, planner: Planner, down: list[str], *, show: bool) -> dict[str, Any]:
    told = explained(request, scanned(request, policy), policy)
    found = told.classification
    signals = signals_of(request, found, policy, secret=b"", request_id="explain", deadline_left_ms=120_000)
    snapshot = Snapshot(targets={name: TargetStanding(healthy=False) for name in down})
    plan = told_plan(signals, snapshot, policy, planner)
    return {
        "revision": policy.revision,
        "scan": found.scan,
        "reason": told.reason,
        "engine": found.engine,
        "names_covered": found.names_covered,
        "data_class": found.data_class,
        "special": found.special,
        "findings": told.findings(policy),
        "signals": signals.model_dump(mode="json", exclude_defaults=True, exclude={"key", "prefix", "draw"}),
        "route": plan["route"],
        "tiers": told.tiers,
        "plan": plan,
        "targets": [{name: value for name, value in row.items() if show or name != "sees"} for row in told.targets],
    }


def _print_text(told: dict[str, Any], *, show: bool) -> None:
    trouble = "" if told["scan"] == "complete" else f" ({told['reason'] or 'no reason given'})"
    line = f"revision {told['revision']}, scan {told['scan']}{trouble}, {told['data_class']} data"
    console.print(line, highlight=False, markup=False)
    if not told["names_covered"]:
        console.print("it is in a language whose names are not known here", style="yellow", highlight=False)
    if told["findings"]:
        print_rows(told["findings"], ("type", "count", "score", "class"), as_json=False, title="Found")
    stairs = " > ".join(" | ".join(names) for names in told["tiers"])
    line = f"route {told['route'] or '(none matches)'}{': ' + stairs if stairs else ''}"
    console.print(line, highlight=False, markup=False)
    rows = [{**row, "tiers": _list(row["tiers"]), "hidden": _list(row["hidden"])} for row in told["targets"]]
    print_rows(rows, ("target", "tiers", "action", "may_serve", "rule", "hidden"), as_json=False)
    for row in told["targets"]:
        if row["reason"]:
            console.print(f"{row['target']}: {row['reason']}", markup=False, highlight=False)
    print_plan(told["plan"])
    for row in told["targets"] if show else ():
        console.print(f"\n{row['target']} would see:", style="bold", highlight=False, markup=False)
        console.print("\n".join(row["sees"]) if row["sees"] else "nothing", markup=False, highlight=False)


def _list(values: Any) -> str:
    return ", ".join(map(str, values))
