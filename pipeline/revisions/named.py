"""From what somebody typed to a policy: a folder, a revision or the beginning of one, `current`, `folder`."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from pipeline.errors import NotFound
from pipeline.policy import Policy
from pipeline.revisions.bundle import Bundle
from pipeline.revisions.changes import Current, Named, Proposal
from pipeline.revisions.store import RevisionStore

__all__ = ["SHORTEST", "bundle_named", "find", "known", "policy_in_force", "policy_named", "proposal_named"]

SHORTEST: Final = 4
"""Digits of a revision that must be given."""


async def known(store: RevisionStore, current: Current) -> dict[Named, bool]:
    """Every revision that was proposed or applied, the newest first, and whether it ever governed."""
    found: dict[Named, bool] = {}
    for event in await store.history(current):
        if event.in_force is not None:
            found[event.in_force] = True
        if event.to is not None:
            found.setdefault(event.to, False)
    return found


def find(word: str, among: Iterable[Named], *, missing: str = "neither a folder nor a revision") -> Named:
    """The revision or the bundle whose name begins so; of two bundles of one revision the first.

    Args:
        word: what somebody typed.
        among: the revisions there are.
        missing: what the word is, where it begins none of them.

    Raises:
        NotFound: none does, or several do.
    """
    wanted = word.lower()
    if len(wanted) < SHORTEST:
        raise NotFound(f"{word}: give at least {SHORTEST} digits of a revision; `stepwell policy history` lists them")
    hits = [named for named in among if named.revision.startswith(wanted) or named.bundle.startswith(wanted)]
    revisions = list(dict.fromkeys(named.revision for named in hits))
    if not hits:
        raise NotFound(f"{word} is {missing}; `stepwell policy history` lists the revisions")
    if len(revisions) > 1:
        raise NotFound(f"{word} may be {', '.join(revisions)}: give more digits")
    return hits[0]


def proposal_named(current: Current, word: str) -> Proposal:
    """What waits under this revision, or the beginning of one, or `folder`.

    Raises:
        NotFound: nothing does, or several do.
    """
    hits = [other for other in current.proposals if other.name == word]
    if not hits and len(word) >= SHORTEST:
        hits = [other for other in current.proposals if other.name.startswith(word.lower())]
    if len(hits) == 1:
        return hits[0]
    waiting = ", ".join(other.name for other in hits or current.proposals) or "nothing"
    raise NotFound(f"{word} is not proposed, or lapsed when something else took force: {waiting} waits for approval")


async def bundle_named(store: RevisionStore, word: str) -> Bundle:
    """The files of a revision, as they were applied. `current`: of the one in force.

    Raises:
        NotFound: there is none of this name, or with `current` nothing is applied.
        Unreadable: it is damaged.
    """
    current, _ = await store.current()
    if word == "current":
        if current.in_force is None:
            raise NotFound("nothing is applied: the folder of each process governs")
        return await store.bundle(current.in_force.bundle)
    return await store.bundle(find(word, await known(store, current)).bundle)


async def policy_named(word: str, store: RevisionStore, environment: Mapping[str, str]) -> Policy:
    """A folder, if there is one of this name; else a revision that was applied or proposed.

    Raises:
        NotFound: there is neither.
        PolicyInvalid: the files cannot take force here.
        Unreadable: the revision is damaged.
    """
    bundle = await asyncio.to_thread(_of_folder, word) or await bundle_named(store, word)
    return await asyncio.to_thread(bundle.policy, environment, word)


def _of_folder(word: str) -> Bundle | None:
    folder = Path(word)
    return Bundle.of_folder(folder) if folder.is_dir() else None


async def policy_in_force(
    store: RevisionStore, folder: Path, environment: Mapping[str, str]
) -> tuple[Policy, Literal["applied", "folder"]]:
    """What a worker runs that starts now with this folder and environment.

    Raises:
        PolicyInvalid: the files cannot take force here.
        NotFound, Unreadable: what is in force is not whole.
    """
    current, _ = await store.current()
    if current.in_force is None:
        return await asyncio.to_thread(Bundle.of_folder(folder).policy, environment, str(folder)), "folder"
    bundle = await store.bundle(current.in_force.bundle)
    return await asyncio.to_thread(bundle.policy, environment, f"policy {current.in_force.revision}"), "applied"
