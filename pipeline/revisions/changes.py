"""What may be done with policies, and what comes of it: pure functions of what is in force and who does it.

One value, `Current`, says what governs, what is proposed, and what was done last. Each change makes the next one out
of it; whoever writes it first wins. The rules (`limits.changes`) are those of the policy in force, so that a policy
which is only proposed cannot loosen them.
"""

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from pipeline.contracts import OpenContract, UnixTime, Whole
from pipeline.errors import ChangeRefused, NotFound
from pipeline.policy.models import Changes
from pipeline.revisions.bundle import Sha256
from pipeline.revisions.secrets import holds_a_key

__all__ = [
    "FOLDER",
    "KEPT",
    "LINE",
    "Current",
    "Event",
    "Kind",
    "Named",
    "Proposal",
    "Signature",
    "Signed",
    "apply",
    "approve",
    "release",
    "rollback",
    "same_person",
    "signed",
    "weaker",
]

FOLDER: Final = "folder"
"""What stands for the folder where the name of a revision stands otherwise."""
KEPT: Final = 8
"""Revisions that governed lately and that processes load when they start, the one in force included."""
LINE: Final = 32
"""Steps that can be rolled back one by one."""
PROPOSALS: Final = 32
_WHO: Final = 128
_WHY: Final = 1000

Kind = Literal["apply", "rollback", "release", "propose", "approve"]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Named(OpenContract):
    """A revision as it travels with requests, the bundle it is made of, and who may change it while it is in force.

    The rules stand here too, so that a policy whose files are damaged can still be replaced, by whom it permits.
    """

    revision: Revision
    bundle: Sha256
    rules: Changes = Changes()


class Signature(OpenContract):
    """Who did it, when and why. Who is what they say: whoever may write the bucket is trusted not to lie."""

    who: str = Field(min_length=1, max_length=_WHO)
    at: UnixTime
    why: str = Field(min_length=1, max_length=_WHY)


class Proposal(OpenContract):
    """A change that waits for others' consent. It lapses when anything else comes into force."""

    kind: Literal["apply", "rollback", "release"]
    to: Named | None
    by: Signature
    approvals: tuple[Signature, ...] = ()

    @property
    def name(self) -> str:
        """What it is approved by: a revision, or `folder`."""
        return FOLDER if self.to is None else self.to.revision


class Event(OpenContract):
    """One line of the history. None stands for the folder in `to`, `before` and `in_force`."""

    number: Whole = Field(ge=1)
    kind: Kind
    by: Signature
    to: Named | None
    before: Named | None
    in_force: Named | None
    with_consent_of: tuple[str, ...] = ()
    lapsed: tuple[str, ...] = ()


class Current(OpenContract):
    """How things stand.

    Attributes:
        number: events there were.
        in_force: what governs; None: the folder.
        since: who put it into force.
        recent: what governed lately, the one in force first where there is one.
        line: what can be rolled back; the last one is in force, or was before the folder.
        proposals: what waits for consent.
        last: the last event. It is part of this value, so that a change and its record are one write.
    """

    number: Whole = 0
    in_force: Named | None = None
    since: Signature | None = None
    recent: tuple[Named, ...] = ()
    line: tuple[Named, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    last: Event | None = None

    def proposed(self, name: str) -> Proposal | None:
        """The proposal of this revision, or of `folder`."""
        return next((proposal for proposal in self.proposals if proposal.name == name), None)


@dataclass(frozen=True, slots=True)
class Signed:
    """Who acts, under which rules: those of the policy in force."""

    by: Signature
    rules: Changes


def signed(who: str, why: str, at: float) -> Signature:
    """A signature, with blanks put in order.

    Raises:
        ChangeRefused: nobody, no reason, one with a key in it, or too long.
    """
    texts = {"who": (_plain(who), _WHO), "why": (_plain(why), _WHY)}
    for name, (text, limit) in texts.items():
        if not text:
            raise ChangeRefused(f"{name}: say {'who you are' if name == 'who' else 'why'}; the history keeps it")
        if len(text) > limit:
            raise ChangeRefused(f"{name}: {len(text)} characters are more than the {limit} that the history keeps")
    if holds_a_key(texts["why"][0]):
        raise ChangeRefused("why: this looks like a key, and the history keeps it for ever; say it without")
    return Signature(who=texts["who"][0], why=texts["why"][0], at=at)


def _plain(text: str) -> str:
    letters = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join(letters.split())


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, however they are written."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", _plain(name)).casefold()


# ---------------------------------------------------------------- what is wished


def apply(current: Current, to: Named, signed: Signed, *, expect: str | None = None) -> Current:
    """Put a revision into force, or propose it where others must consent. The same again changes nothing.

    Args:
        current: how things stand.
        to: the revision.
        signed: who, and the rules in force.
        expect: what must be in force, a revision or `folder`; None: anything.

    Raises:
        ChangeRefused: something else is in force than was expected, or nobody could ever change it again.
    """
    in_force = _name(current.in_force)
    if expect is not None and expect != in_force:
        raise ChangeRefused(f"{in_force} is in force and not {expect}: look at the difference again, then apply")
    if current.in_force == to:
        return current
    _changeable(to.rules, to.revision)
    return _wish(current, "apply", to, signed, signed.rules.approvals)


def rollback(current: Current, to: Named | None, signed: Signed) -> Current:
    """Put a revision that governed before into force again; None: the one before, whatever was released between.

    Consent is needed where the rules ask for it, and where the older rules are weaker than those in force.

    Raises:
        NotFound: no revision is known that governed before.
    """
    wanted = previous(current) if to is None else to
    if wanted == current.in_force:
        return current
    loosens = signed.rules.rollback_needs_approval or weaker(wanted.rules, signed.rules)
    return _wish(current, "rollback", wanted, signed, signed.rules.approvals if loosens else 0)


def previous(current: Current) -> Named:
    """The revision that governed before what is in force; a folder that governed between does not count.

    Raises:
        NotFound: none is known.
    """
    line = current.line if current.in_force is None else current.line[:-1]
    if not line:
        raise NotFound(
            "no revision is known that governed before this; `stepwell policy history` lists those that ever did,"
            " `stepwell policy rollback REVISION` takes one of them, and `stepwell policy release` hands back to the"
            " folder"
        )
    return line[-1]


def release(current: Current, signed: Signed) -> Current:
    """Hand back to the folder. Needs as much consent as a change: the folder may say anything."""
    if current.in_force is None:
        return current
    return _wish(current, "release", None, signed, signed.rules.approvals)


def approve(current: Current, name: str, signed: Signed) -> Current:
    """Consent to a proposal; the last consent that is needed puts it into force.

    Raises:
        NotFound: nothing of this name is proposed.
        ChangeRefused: by the proposer himself, or by somebody who is no approver.
    """
    proposal = current.proposed(name)
    if proposal is None:
        raise NotFound(f"{name} is not proposed, or lapsed when something else took force")
    who = signed.by.who
    if same_person(who, proposal.by.who):
        raise ChangeRefused(f"{who} proposed {name}, so somebody else must approve it")
    if not _may_approve(who, signed.rules):
        raise ChangeRefused(f"{who} is no approver: {', '.join(signed.rules.approvers)} are")
    if any(same_person(who, given.who) for given in proposal.approvals):
        return current
    approvals = (*proposal.approvals, signed.by)
    agreed = proposal.model_copy(update={"approvals": approvals})
    if len(approvals) >= signed.rules.approvals:
        return _enact(current, "approve", proposal.to, signed.by, agreed)
    proposals = tuple(agreed if other is proposal else other for other in current.proposals)
    return _next(current, "approve", proposal.to, signed.by, before=current.in_force, proposals=proposals)


# ---------------------------------------------------------------- what comes of it


def _wish(
    current: Current, kind: Literal["apply", "rollback", "release"], to: Named | None, signed: Signed, needed: int
) -> Current:
    if needed == 0:
        return _enact(current, kind, to, signed.by)
    _approvable(signed, needed)
    proposal = Proposal(kind=kind, to=to, by=signed.by)
    known = current.proposed(proposal.name)
    if known is not None and known.to == to:
        if same_person(known.by.who, signed.by.who):
            return current
        raise ChangeRefused(f"{known.by.who} proposed {proposal.name} already: approve it")
    return _propose(current, proposal)


def _propose(current: Current, proposal: Proposal) -> Current:
    """Of one person one proposal waits: a newer one takes its place. So nobody can fill the list alone."""
    others: list[Proposal] = []
    lapsed: list[Proposal] = []
    for other in current.proposals:
        replaced = same_person(other.by.who, proposal.by.who) or other.name == proposal.name
        (lapsed if replaced else others).append(other)
    if len(others) >= PROPOSALS:
        raise ChangeRefused(f"{PROPOSALS} proposals wait already: approve one of them first")
    names = tuple(other.name for other in lapsed)
    proposals = (*others, proposal)
    return _next(
        current, "propose", proposal.to, proposal.by, before=current.in_force, proposals=proposals, lapsed=names
    )


def _enact(current: Current, kind: Kind, to: Named | None, by: Signature, agreed: Proposal | None = None) -> Current:
    """Whatever else was proposed lapses: it was proposed against something that governs no longer."""
    lapsed = tuple(other.name for other in current.proposals if agreed is None or other.name != agreed.name)
    consent = tuple(given.who for given in agreed.approvals) if agreed is not None else ()
    recent = (to, *(other for other in current.recent if other != to)) if to is not None else current.recent
    changed = current.model_copy(
        update={
            "in_force": to,
            "since": by,
            "recent": recent[:KEPT],
            "line": _line(current, to, back="rollback" in (kind, agreed.kind if agreed else None)),
        }
    )
    return _next(changed, kind, to, by, before=current.in_force, proposals=(), consent=consent, lapsed=lapsed)


def _line(current: Current, to: Named | None, *, back: bool) -> tuple[Named, ...]:
    """A rollback to what stands in the line ends it there; what is applied makes it longer, and a release nothing."""
    if to is None or current.line[-1:] == (to,):
        return current.line
    if back and to in current.line:
        place = len(current.line) - 1 - current.line[::-1].index(to)
        return current.line[: place + 1]
    return (*current.line, to)[-LINE:]


def _next(
    current: Current,
    kind: Kind,
    to: Named | None,
    by: Signature,
    *,
    before: Named | None,
    proposals: tuple[Proposal, ...],
    consent: tuple[str, ...] = (),
    lapsed: tuple[str, ...] = (),
) -> Current:
    event = Event(
        number=current.number + 1,
        kind=kind,
        by=by,
        to=to,
        before=before,
        in_force=current.in_force,
        with_consent_of=consent,
        lapsed=lapsed,
    )
    return current.model_copy(update={"number": event.number, "proposals": proposals, "last": event})


# ---------------------------------------------------------------- rules


def weaker(rules: Changes, than: Changes) -> bool:
    """Whether fewer, or others, would have to consent under `rules`."""
    if rules.approvals < than.approvals or (than.rollback_needs_approval and not rules.rollback_needs_approval):
        return True
    if not than.approvals or not than.approvers:
        return False
    allowed = {_folded(name) for name in than.approvers}
    return not rules.approvers or not {_folded(name) for name in rules.approvers} <= allowed


def _may_approve(who: str, rules: Changes) -> bool:
    return not rules.approvers or any(same_person(who, name) for name in rules.approvers)


def _approvable(signed: Signed, needed: int) -> None:
    """A proposal that can never be approved is refused at once."""
    approvers = {_folded(name) for name in signed.rules.approvers} - {_folded(signed.by.who)}
    if signed.rules.approvers and len(approvers) < needed:
        raise ChangeRefused(
            f"{needed} others must approve and only {len(approvers)} may: somebody who is no approver must propose it"
        )


def _changeable(rules: Changes, revision: str) -> None:
    approvers = {_folded(name) for name in rules.approvers}
    if approvers and len(approvers) < rules.approvals:
        raise ChangeRefused(
            f"{revision} asks for {rules.approvals} approvals and names {len(approvers)} approvers,"
            " so it could never be changed again: name more in limits.changes"
        )


def _name(named: Named | None) -> str:
    return FOLDER if named is None else named.revision
