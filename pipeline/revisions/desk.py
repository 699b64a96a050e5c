"""Where changes are handed in: reads how things stand, asks the rules, stores files, and writes what comes of it."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ChangeRefused, NotFound
from pipeline.policy import Policy
from pipeline.policy.models import Changes
from pipeline.policy.problems import refuse
from pipeline.revisions import changes
from pipeline.revisions.bundle import Bundle
from pipeline.revisions.changes import FOLDER, Current, Event, Named, Signature, Signed
from pipeline.revisions.documents import rules_of
from pipeline.revisions.named import find, known, proposal_named
from pipeline.revisions.secrets import keys_in
from pipeline.revisions.store import RevisionStore

__all__ = ["Desk", "Done"]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a wish: how things stand now, and the event of it; None: it was so already."""

    current: Current
    event: Event | None

    @property
    def waits(self) -> bool:
        """Whether somebody else must consent first."""
        return self.event is not None and self.event.kind == "propose"


class Desk:
    """Changes policies for one person at a time; two desks that write at once do not both win.

    Args:
        store: the bucket.
        folder: the folder that governs while nothing is applied, as this machine has it.
    """

    def __init__(self, store: RevisionStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def apply(self, bundle: Bundle, policy: Policy, by: Signature, *, expect: str | None = None) -> Done:
        """Put files into force that were checked before, or propose them.

        Args:
            bundle: the files.
            policy: what they make.
            by: who, when, why.
            expect: the revision that must be in force, or `folder`.

        Raises:
            ChangeRefused: not expected, not permitted, or somebody was faster.
            PolicyInvalid: a file holds a key; or the folder governs and is wrong, so that nobody knows who may
                change it.
        """
        if keys := list(keys_in(bundle.files)):
            raise refuse(keys)
        current, seen = await self._store.current()
        signed = Signed(by, self._rules(current.in_force))
        to = Named(revision=policy.revision, bundle=bundle.digest, rules=policy.limits.changes)
        after = changes.apply(current, to, signed, expect=expect)
        if after != current:
            await self._store.put(bundle)
        return await self._write(current, seen, after)

    async def rollback(self, word: str | None, by: Signature, *, expect: str | None = None) -> Done:
        """Put a revision into force that was in force before; None: the one before.

        Raises:
            NotFound: there is none of this name, or it is not stored.
            ChangeRefused: it never was in force, something else is than was expected, or somebody was faster.
        """
        current, seen = await self._store.current()
        _expected(current, expect)
        to = changes.previous(current) if word is None else await self._governed(current, word)
        signed = Signed(by, self._rules(current.in_force))
        return await self._write(current, seen, changes.rollback(current, to, signed))

    async def release(self, by: Signature, *, expect: str | None = None) -> Done:
        """Hand back to the folder of each process.

        Raises:
            ChangeRefused: not expected, or somebody was faster.
        """
        current, seen = await self._store.current()
        _expected(current, expect)
        signed = Signed(by, self._rules(current.in_force))
        return await self._write(current, seen, changes.release(current, signed))

    async def approve(self, word: str, by: Signature) -> Done:
        """Consent to a proposal, by its revision or the beginning of it, or `folder`.

        Raises:
            NotFound: nothing of this name is proposed.
            ChangeRefused: not by this person, or somebody was faster.
        """
        current, seen = await self._store.current()
        proposal = proposal_named(current, word)
        signed = Signed(by, self._rules(current.in_force))
        return await self._write(current, seen, changes.approve(current, proposal.name, signed))

    # ------------------------------------------------------------ beneath

    async def _write(self, before: Current, seen: int, after: Current) -> Done:
        await self._store.change(before, seen, after)
        return Done(after, after.last if after != before else None)

    async def _governed(self, current: Current, word: str) -> Named:
        """What was only proposed cannot be had by a rollback, which may need no consent."""
        among = await known(self._store, current)
        try:
            return find(word, [named for named, governed in among.items() if governed])
        except NotFound:
            never = find(word, among, missing="no revision that was in force")
            raise ChangeRefused(f"{never.revision} was proposed and never in force: approve it, or apply it") from None

    def _rules(self, in_force: Named | None) -> Changes:
        """Who may change what is in force."""
        if in_force is not None:
            return in_force.rules
        return rules_of(Bundle.of_folder(self._folder), str(self._folder))


def _expected(current: Current, expect: str | None) -> None:
    in_force = FOLDER if current.in_force is None else current.in_force.revision
    if expect is not None and expect != in_force:
        raise ChangeRefused(f"{in_force} is in force and not {expect}: look at the history, then again")
