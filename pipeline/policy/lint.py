"""Looks for what cannot be meant although every part is right: rules that never match, routes that are never asked."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from pipeline.policy.compile import Compiled, Written
from pipeline.policy.compiled import Policy
from pipeline.policy.escalating import escalating_doubts, never_escalating
from pipeline.policy.expression import metadata_keys, tree
from pipeline.policy.idle import idle, pointless
from pipeline.policy.judging import judging_doubts, never_judged
from pipeline.policy.logic import Formula, formula, never, taken_before
from pipeline.policy.models import ResidencyFile, Route
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet
from pipeline.policy.spending import spending_doubts, unaffordable, unpriced
from pipeline.policy.unanswered import unanswerable

__all__ = ["doubtful", "hopeless"]

_KEPT: Final = ("task", "language")
"""Keys of the metadata that planning always sees."""


def hopeless(joined: PolicySet, found: Compiled) -> Iterator[Problem]:
    """What is refused: it does nothing, whatever is asked."""
    yield from _unseen(joined, found.written)
    yield from unanswerable(found.written)
    yield from _never_true(found.written)
    if joined.route_files[0].spec.choose == "first":
        for kind in ("chat", "embedding"):
            yield from _never_asked([route for route, _, _ in found.routes if route.spec.kind == kind])
    yield from unaffordable(joined)
    yield from unpriced(joined)
    yield from pointless(joined)
    yield from never_judged(joined)
    yield from never_escalating(joined)


def doubtful(policy: Policy, joined: PolicySet, found: Compiled, today: date | None) -> Iterator[Problem]:
    """Warnings: what does something, but hardly what was meant."""
    yield from _switched_off(found.written)
    yield from _unrecorded(joined, found.written)
    yield from spending_doubts(policy, joined)
    yield from _adapters(joined)
    yield from _expired(joined, today)
    yield from idle(joined, found.written)
    yield from judging_doubts(policy, joined)
    yield from escalating_doubts(policy, joined)


def _unseen(joined: PolicySet, written: Sequence[Written]) -> Iterator[Problem]:
    """Conditions over metadata that planning does not see. Residency rules look at the request itself."""
    for entry, key in _unkept(joined, written):
        if not isinstance(entry.part.spec, ResidencyFile):
            text = "is not kept, so that it is never there; add"
            yield entry.problem(f"req.metadata.{key} {text} {key} to record_metadata of the routes")


def _unrecorded(joined: PolicySet, written: Sequence[Written]) -> Iterator[Problem]:
    """Residency rules over metadata that no record keeps: they hold, and cannot be judged again from a record."""
    for entry, key in _unkept(joined, written):
        if isinstance(entry.part.spec, ResidencyFile):
            text = "is in no record, so that a replay judges this rule without it; add"
            yield entry.problem(f"req.metadata.{key} {text} {key} to record_metadata of the routes")


def _unkept(joined: PolicySet, written: Sequence[Written]) -> Iterator[tuple[Written, str]]:
    """Conditions, and the keys they mention that are in no record."""
    kept = {*_KEPT, *(key for file in joined.route_files for key in file.spec.record_metadata)}
    for entry in written:
        for key in sorted(metadata_keys(tree(entry.source, targets=entry.targets)) - kept):
            yield entry, key


def _never_true(written: Sequence[Written]) -> Iterator[Problem]:
    for entry in written:
        if entry.below == ("score",) or _off(entry):
            continue
        if never(_formula(entry.source, targets=entry.targets)):
            yield entry.problem(f"this can never be true, so it does nothing; mend it{_or_leave(entry)}")


def _off(entry: Written) -> bool:
    """Whether somebody plainly meant it never to be true."""
    return entry.source.strip() == "false"


def _or_leave(entry: Written) -> str:
    if isinstance(entry.part.spec, Route):
        return ', or write "false" for a route that only callers take who name it'
    return ', or write "false" to switch it off'


def _switched_off(written: Sequence[Written]) -> Iterator[Problem]:
    for entry in written:
        if _off(entry) and not isinstance(entry.part.spec, Route):
            yield entry.problem("this is switched off (false)")


def _never_asked(routes: Sequence[Located[Route]]) -> Iterator[Problem]:
    """Routes before which another one always takes the request."""
    earlier: list[tuple[str, Formula]] = []
    for route in routes:
        own = _formula(route.spec.match, targets=False)
        if route.spec.match.strip() == "false" or never(own):
            continue
        if earlier and taken_before(own, [before for _, before in earlier]):
            yield route.problem(_sentence(own, earlier), "match")
        earlier.append((route.spec.name, own))


def _sentence(own: Formula, earlier: Sequence[tuple[str, Formula]]) -> str:
    taker = next((name for name, before in earlier if taken_before(own, [before])), None)
    by = f"the route {taker}" if taker is not None else "a route"
    return (
        f"nothing comes to this route: {by} before it takes every such request; move it up, "
        'or write match: "false" for one that only callers take who name it'
    )


def _formula(source: str, *, targets: bool) -> Formula:
    return formula(tree(source, targets=targets))


def _adapters(joined: PolicySet) -> Iterator[Problem]:
    for name, target in joined.targets.items():
        base = target.spec.adapter_of
        if base is not None and joined.filled[name].endpoint != joined.filled[base].endpoint:
            text = f"an adapter is served where its model is, and {base} has another endpoint; the two count apart"
            yield target.problem(text, "adapter_of")


def _expired(joined: PolicySet, today: date | None) -> Iterator[Problem]:
    """Rules that were made for a time that is over. They hold all the same: nothing opens by itself."""
    if today is None:
        return
    for file in joined.residency:
        for index, rule in enumerate(file.spec.rules):
            if rule.expires is not None and date.fromisoformat(rule.expires) < today:
                text = (
                    f"the rule {rule.id} was made for a time that ended on {rule.expires}, and still holds; look at it"
                )
                yield file.problem(text, "rules", index, "expires")
