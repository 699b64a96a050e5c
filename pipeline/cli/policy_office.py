"""Where the verbs that change policies meet the bucket: who asks, what is in force, what is written down."""

import asyncio
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer

from pipeline.cli.show import print_rows
from pipeline.embedded.here import environment_here
from pipeline.errors import ChangeRefused
from pipeline.revisions import Bundle, Current, Desk, Event, Named, RevisionStore, Signature, bundle_named
from pipeline.revisions.changes import FOLDER, signed
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = [
    "WHO",
    "Office",
    "agreed",
    "called",
    "event_row",
    "folder_named",
    "name_of",
    "office",
    "print_proposals",
    "proposal_rows",
    "signature",
    "word_of",
]

WHO: Final = "STEPWELL_WHO"
"""The variable that says who changes policies, where `--who` does not."""


@dataclass(frozen=True, slots=True)
class Office:
    """The bucket, and what belongs to this machine."""

    store: RevisionStore
    desk: Desk
    folder: Path
    environment: Mapping[str, str]

    async def in_force(self, current: Current) -> Bundle:
        """The files in force; while the folder governs, those of this machine's, and none where it has no folder."""
        if current.in_force is not None:
            return await self.store.bundle(current.in_force.bundle)
        return await asyncio.to_thread(folder_named, str(self.folder)) or Bundle({})

    async def read(self, word: str) -> Bundle:
        """The files of a folder, if there is one of this name, else of a revision."""
        return await asyncio.to_thread(folder_named, word) or await bundle_named(self.store, word)


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    """Open while connected."""
    environment = environment_here()
    settings = Settings.from_environment(environment)
    link = await connect(settings, name="policy")
    try:
        store = RevisionStore(link.bucket("policy"))
        yield Office(store, Desk(store, settings.policies), settings.policies, environment)
    finally:
        await link.close()


def folder_named(word: str) -> Bundle | None:
    """The files of a folder; None: there is no such folder."""
    folder = Path(word)
    return Bundle.of_folder(folder) if folder.is_dir() else None


def signature(who: str | None, why: str) -> Signature:
    """Who signs here, and why."""
    return signed(who or os.environ.get(WHO) or _login(), why, time.time())


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise ChangeRefused(f"who are you? this system has no name for you: give --who, or set {WHO}") from None


def agreed(question: str, *, yes: bool) -> None:
    """Ask, where somebody sits at a terminal."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True)


def called(named: Named | None) -> str:
    """What is in force, in words."""
    return "the folder in force" if named is None else f"revision {named.revision}"


def word_of(current: Current) -> str:
    """What is in force, in a word."""
    return name_of(current.in_force)


def name_of(named: Named | None) -> str:
    """The revision, or `folder`."""
    return FOLDER if named is None else named.revision


def event_row(event: Event) -> dict[str, object]:
    """One line of the history."""
    return {
        "number": event.number,
        "when": _when(event.by.at),
        "who": event.by.who,
        "what": event.kind,
        "revision": name_of(event.to),
        "before": name_of(event.before),
        "in_force": name_of(event.in_force),
        "why": event.by.why,
        "consent": list(event.with_consent_of),
        "lapsed": list(event.lapsed),
    }


def proposal_rows(current: Current) -> list[dict[str, object]]:
    """What waits for approval."""
    return [
        {
            "revision": proposal.name,
            "what": proposal.kind,
            "who": proposal.by.who,
            "when": _when(proposal.by.at),
            "why": proposal.by.why,
            "consent": [given.who for given in proposal.approvals],
        }
        for proposal in current.proposals
    ]


def print_proposals(current: Current) -> None:
    """What waits for approval, as a table; nothing where nothing does."""
    if not current.proposals:
        return
    columns = ("revision", "what", "who", "when", "why", "consent")
    consents = [", ".join(given.who for given in proposal.approvals) for proposal in current.proposals]
    rows = [{**row, "consent": names} for row, names in zip(proposal_rows(current), consents, strict=True)]
    print_rows(rows, columns, as_json=False, title="Waiting for approval", whole=("revision",))


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
