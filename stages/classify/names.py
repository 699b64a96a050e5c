"""Whether looking for names can change anything for a request. It costs a hundred times what the patterns cost.

The question is put to the policy itself: what would it say of each target if people, places, organisations or
nationalities were found, in any combination? When no action differs from what it says without them, no names would be
hidden from a target, no other class would be kept elsewhere, and no route depends on what was found, then names are
not looked for. So the answer is exact, and never a guess about conditions.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from pipeline.contracts import Classification, DataClass, Finding, Residency
from pipeline.policy import Policy, RequestFacts, permits
from pipeline.policy.compiled import stricter
from pipeline.policy.facts import identifiable
from pipeline.policy.findings import class_and_special
from pipeline.policy.kinds import NAMES, covers

__all__ = ["NAME_TYPES", "NamesQuestion", "mentioned", "names_matter"]

NAME_TYPES: Final = tuple(sorted(NAMES))
_FOUND: Final = frozenset({"req.data_class", "req.types", "req.special", "req.identifiable"})
"""Facts that a name can change."""
_REMEMBERED: Final = 2048


class NamesQuestion:
    """The question, and the answers it got: equal facts have equal answers under one revision."""

    def __init__(self) -> None:
        self._revision = ""
        self._mentioned: tuple[str, ...] = ()
        self._answers: dict[tuple[object, ...], bool] = {}

    def matter(self, facts: RequestFacts, found: Classification, policy: Policy) -> bool:
        """Whether names could change anything for a request of these facts, in which `found` stands already."""
        if policy.revision != self._revision:
            self._revision, self._mentioned = policy.revision, mentioned(policy)
            self._answers.clear()
        key = facts.key(self._mentioned)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[key] = names_matter(facts, found, policy)
        return answer


def mentioned(policy: Policy) -> tuple[str, ...]:
    """The facts on which the answer depends."""
    return tuple(sorted({*policy.residency_facts, *_FOUND}))


def names_matter(facts: RequestFacts, found: Classification, policy: Policy) -> bool:
    """Whether names could change what may happen with a request of these facts, in which `found` stands already."""
    if any(_FOUND.intersection(route.condition.names) for route in policy.routes):
        return True
    without = policy.residency_actions(facts)
    if _hides_names(without, policy):
        return True
    return any(_differs(possible, facts, without, policy) for possible in _possible(facts, found, policy))


def _differs(possible: RequestFacts, facts: RequestFacts, without: tuple[Residency, ...], policy: Policy) -> bool:
    actions = policy.residency_actions(possible)
    return (
        _outlook(actions) != _outlook(without)
        or _hides_names(actions, policy)
        or _barred(possible, policy) != _barred(facts, policy)
    )


def _outlook(actions: tuple[Residency, ...]) -> list[tuple[object, ...]]:
    return [(entry.action, entry.pseudonymise, entry.mask) for entry in actions]


def _hides_names(actions: tuple[Residency, ...], policy: Policy) -> bool:
    """Whether a target may serve that must not see names. Then somebody has to know where they stand."""
    return any(
        permits(entry.action, policy.targets[entry.target])
        and any(covers((*entry.pseudonymise, *entry.mask), kind) for kind in NAMES)
        for entry in actions
    )


def _barred(facts: RequestFacts, policy: Policy) -> list[bool]:
    """Whether the class is too strict for each place where requests are kept."""
    sinks = policy.residency.visibility.sinks
    data_class: DataClass = facts.values["req.data_class"]  # type: ignore[assignment]  # a fact of this type
    return [stricter(data_class, sink.up_to) for sink in (sinks.cache, sinks.dead_letters)]


def _possible(facts: RequestFacts, found: Classification, policy: Policy) -> Iterator[RequestFacts]:
    """The facts as they would be with each combination of names."""
    for number in range(1, len(NAME_TYPES) + 1):
        for kinds in combinations(NAME_TYPES, number):
            yield _with(facts, found, kinds, policy)


def _with(facts: RequestFacts, found: Classification, kinds: tuple[str, ...], policy: Policy) -> RequestFacts:
    findings = {finding.type: finding for finding in found.findings}
    findings |= {kind: Finding(type=kind, count=1) for kind in kinds}
    together = tuple(findings[kind] for kind in sorted(findings))
    data_class: DataClass
    data_class, special = class_and_special(together, policy)
    return facts.but(
        data_class=data_class,
        types=tuple(sorted(findings)),
        special=tuple(special),
        identifiable=identifiable(findings),
    )
