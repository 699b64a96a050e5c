"""`stepwell policy diff, apply, rollback, approve, release, history`: what governs, and who changed it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli.policy_difference import as_data, print_differences, print_text, summary
from pipeline.cli.policy_office import (
    WHO,
    Office,
    agreed,
    called,
    event_row,
    folder_named,
    name_of,
    office,
    print_proposals,
    proposal_rows,
    signature,
    word_of,
)
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run, say
from pipeline.embedded.here import environment_here
from pipeline.errors import ChangeRefused, StepwellError
from pipeline.policy.load import check_bundle
from pipeline.policy.problems import refuse
from pipeline.revisions import Bundle, Current, Done, Named, Signature
from pipeline.revisions.changes import FOLDER, previous
from pipeline.revisions.difference import Difference, differences
from pipeline.revisions.documents import elsewhere
from pipeline.revisions.named import find, known, proposal_named
from pipeline.settings import Settings

__all__ = ["add"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
WhoOption = Annotated[str | None, typer.Option("--who", help=f"Who does it; {WHO} or your login name if left out.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, in a sentence; the history keeps it.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before.")]
ExpectOption = Annotated[
    str | None, typer.Option("--expect", help="The revision, or folder, that must be in force; else nothing is done.")
]
RevisionArgument = Annotated[str | None, typer.Argument(help="A revision, or the beginning of one.")]


def add(group: typer.Typer) -> None:
    """Add these verbs to the group `policy`."""
    group.command("diff")(diff_command)
    group.command("apply")(apply_command)
    group.command("rollback")(rollback_command)
    group.command("approve")(approve_command)
    group.command("release")(release_command)
    group.command("history")(history_command)


@errors_as_sentences
def diff_command(
    new: Annotated[
        str | None, typer.Argument(help="A folder or a revision; STEPWELL_POLICIES or ./policies if left out.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="A folder or a revision; what is in force if left out.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="The files line by line, comments too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what another policy would change: routes, targets, prices, budgets and rules, in words.

    Example: stepwell policy diff policies/

    Example: stepwell policy diff policies/ --against 3f2a9c --text
    """
    run(_diff(new, against, text=text, as_json=as_json))


@errors_as_sentences
def apply_command(
    why: WhyOption,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of policy files; STEPWELL_POLICIES or ./policies if left out.")
    ] = None,
    who: WhoOption = None,
    expect: ExpectOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a folder into force on all workers, or propose it where others must approve. Refused whole if wrong.

    From then on what is applied governs, whatever any folder says, until `stepwell policy release`. The same files
    again change nothing.

    Example: stepwell policy apply policies/ --why "labels go to the small model first"
    """
    run(_apply(folder, signature(who, why), expect, yes=yes or as_json, as_json=as_json))


@errors_as_sentences
def rollback_command(
    why: WhyOption,
    revision: RevisionArgument = None,
    who: WhoOption = None,
    expect: ExpectOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a revision into force again that was in force before; without one, the last that was, over releases.

    Example: stepwell policy rollback --why "twice as many escalations"
    """
    run(_rollback(revision, signature(who, why), expect, yes=yes or as_json, as_json=as_json))


@errors_as_sentences
def approve_command(
    revision: Annotated[
        str | None, typer.Argument(help="What is proposed: a revision, the beginning of one, or folder.")
    ] = None,
    why: WhyOption = "approved",
    who: WhoOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Approve what somebody else proposed; without a revision, list what waits.

    Example: stepwell policy approve 3f2a9c --why "read it, and replayed yesterday"
    """
    if revision is None:
        run(_waiting(as_json=as_json))
    else:
        run(_approve(revision, signature(who, why), yes=yes or as_json, as_json=as_json))


@errors_as_sentences
def release_command(
    why: WhyOption,
    who: WhoOption = None,
    expect: ExpectOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hand back to the folder that each process watches. What was applied stays in the history.

    Example: stepwell policy release --why "from now on by GitOps"
    """
    run(_release(signature(who, why), expect, yes=yes or as_json, as_json=as_json))


@errors_as_sentences
def history_command(
    last: Annotated[int, typer.Option("--last", min=1, help="How many changes, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show who changed the policy when and why, and what waits for approval.

    Example: stepwell policy history --json
    """
    run(_history(last, as_json=as_json))


# ---------------------------------------------------------------- diff


async def _diff(new: str | None, against: str | None, *, text: bool, as_json: bool) -> None:
    before, after, names = await _compared(new, against)
    found = differences(before, after)
    if as_json:
        print_json({"before": names[0], "after": names[1], "differences": as_data(found)})
        return
    if text:
        print_text(before, after)
        return
    console.print(f"{names[0]} → {names[1]}: {summary(found)}", highlight=False, markup=False, soft_wrap=True)
    print_differences(found)


async def _compared(new: str | None, against: str | None) -> tuple[Bundle, Bundle, tuple[str, str]]:
    """Two folders need no server."""
    folder = str(Settings.from_environment(environment_here()).policies) if new is None else new
    after = folder_named(folder)
    before = folder_named(against) if against is not None else None
    if after is not None and before is not None and against is not None:
        return before, after, (against, folder)
    async with office() as here:
        after = after or await here.read(folder)
        if against is not None:
            return await here.read(against), after, (against, folder)
        current, _ = await here.store.current()
        return await here.in_force(current), after, (called(current.in_force), folder)


# ---------------------------------------------------------------- changes


async def _apply(folder: Path | None, by: Signature, expect: str | None, *, yes: bool, as_json: bool) -> None:
    async with office() as here:
        place = here.folder if folder is None else folder
        bundle = Bundle.of_folder(place)
        stand_ins, missing = elsewhere(bundle, here.environment)
        checked = check_bundle(bundle.files, {**here.environment, **stand_ins}, name=str(place))
        if checked.policy is None:
            raise refuse(checked.problems)
        current, _ = await here.store.current()
        before = await _readable(here, current)
        found = differences(before, bundle) if before is not None else []
        if not as_json:
            for warning in checked.warnings:
                console.print(f"[yellow]warning:[/] {escape(str(warning))}", highlight=False, soft_wrap=True)
            if missing:
                names = ", ".join(missing)
                told = f"not set here, and needed where workers run: {names}"
                console.print(told, highlight=False, markup=False, soft_wrap=True)
            _tell_difference(current, checked.policy.revision, found)
        agreed("Put it into force?", yes=yes)
        done = await here.desk.apply(bundle, checked.policy, by, expect=expect or word_of(current))
    _tell(done, as_json=as_json, found=found)


async def _readable(here: Office, current: Current) -> Bundle | None:
    """What is in force; a damaged one must not keep anybody from replacing it."""
    try:
        return await here.in_force(current)
    except StepwellError as error:
        say(error)
        return None


async def _rollback(word: str | None, by: Signature, expect: str | None, *, yes: bool, as_json: bool) -> None:
    async with office() as here:
        current, _ = await here.store.current()
        to = previous(current) if word is None else await _governed(here, current, word)
        found = await _shown(here, current, to, as_json=as_json)
        agreed(f"Go back to {to.revision}?", yes=yes)
        done = await here.desk.rollback(word, by, expect=expect or word_of(current))
    _tell(done, as_json=as_json, found=found)


async def _governed(here: Office, current: Current, word: str) -> Named:
    """The revision that somebody names; a folder, which is none, is told how it takes force."""
    if word == FOLDER:
        raise ChangeRefused("folder: `stepwell policy release` hands back to the folder of each process")
    missing = "no revision that was in force"
    if await asyncio.to_thread(Path(word).is_dir):
        missing = f"a folder, which takes force by `stepwell policy apply {word}`, and {missing}"
    return find(word, await known(here.store, current), missing=missing)


async def _release(by: Signature, expect: str | None, *, yes: bool, as_json: bool) -> None:
    async with office() as here:
        current, _ = await here.store.current()
        agreed("Let the folder of each process govern?", yes=yes)
        done = await here.desk.release(by, expect=expect or word_of(current))
    _tell(done, as_json=as_json)


async def _approve(word: str, by: Signature, *, yes: bool, as_json: bool) -> None:
    async with office() as here:
        current, _ = await here.store.current()
        proposal = proposal_named(current, word)
        found = [] if proposal.to is None else await _shown(here, current, proposal.to, as_json=as_json)
        agreed("Approve it?", yes=yes)
        done = await here.desk.approve(proposal.name, by)
    _tell(done, as_json=as_json, found=found)


async def _shown(here: Office, current: Current, to: Named, *, as_json: bool) -> list[Difference]:
    before = await _readable(here, current)
    found = differences(before, await here.store.bundle(to.bundle)) if before is not None else []
    if not as_json:
        _tell_difference(current, to.revision, found)
    return found


def _tell_difference(current: Current, revision: str, found: Sequence[Difference]) -> None:
    words = f"{called(current.in_force)} → revision {revision}: {summary(found)}"
    console.print(words, highlight=False, markup=False, soft_wrap=True)
    print_differences(found)


def _tell(done: Done, *, as_json: bool, found: Sequence[Difference] = ()) -> None:
    if as_json:
        event = None if done.event is None else event_row(done.event)
        print_json({"in_force": word_of(done.current), "event": event, "differences": as_data(found)})
        return
    console.print(_sentence(done), highlight=False, soft_wrap=True)


def _sentence(done: Done) -> str:
    current, event = done.current, done.event
    governs = "the folder governs" if current.in_force is None else f"revision {current.in_force.revision} is in force"
    if event is None:
        waits = f", and {', '.join(other.name for other in current.proposals)} waits" if current.proposals else ""
        return f"nothing was changed: {governs}{waits}"
    if event.in_force != event.before or event.kind not in ("propose", "approve"):
        return f"[bold green]done[/]: {governs}"
    name = name_of(event.to)
    if done.waits:
        return f"[yellow]proposed[/]: {governs}; somebody else must now run: stepwell policy approve {name}"
    return f"[yellow]approved[/]: {governs}; {name} needs more approvals"


# ---------------------------------------------------------------- history


async def _history(last: int, *, as_json: bool) -> None:
    async with office() as here:
        current, _ = await here.store.current()
        events = await here.store.history(current, last=last)
    rows = [event_row(event) for event in events]
    if as_json:
        print_json({"in_force": word_of(current), "events": rows, "proposals": proposal_rows(current)})
        return
    governs = "the folder governs" if current.in_force is None else f"revision {current.in_force.revision} is in force"
    console.print(f"{governs}, {_changes(current.number)}", highlight=False, soft_wrap=True)
    columns = ("number", "when", "who", "what", "revision", "in_force", "why", "consent")
    shown = [{**row, "consent": ", ".join(event.with_consent_of)} for row, event in zip(rows, events, strict=True)]
    if shown:
        print_rows(shown, columns, as_json=False, whole=("revision", "in_force"))
    print_proposals(current)


def _changes(number: int) -> str:
    return f"{number or 'no'} change{'' if number == 1 else 's'} in all"


async def _waiting(*, as_json: bool) -> None:
    async with office() as here:
        current, _ = await here.store.current()
    if as_json:
        print_json(proposal_rows(current))
    elif current.proposals:
        print_proposals(current)
    else:
        console.print("nothing waits for approval", highlight=False)
