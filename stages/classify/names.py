"""Whether looking for names can change anything for a request. It costs a hundred times what the patterns cost.

The question is put to the policy itself: what would it say of each target if people, places, organisations or
nationalities were found, in any combination? When no action differs from what it says without them, and no route
depends on what was found, names are not looked for. So the answer is exact, and never a guess about conditions.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from pipeline.contracts import Action, Classification, DataClass, Finding
from pipeline.policy import Policy, RequestFacts
from stages.classify.decide import class_and_special

__all__ = ["NAME_TYPES", "NamesQuestion", "names_matter"]

NAME_TYPES: Final = ("LOCATION", "NRP", "ORG", "PERSON")
_FOUND: Final = frozenset({"req.data_class", "req.types", "req.special"})
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
            self._revision, self._mentioned = policy.revision, _mentioned(policy)
            self._answers.clear()
        key = facts.key(self._mentioned)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[key] = names_matter(facts, found, policy)
        return answer


def _mentioned(policy: Policy) -> tuple[str, ...]:
    """The facts on which the answer depends."""
    names = {name for rule in policy.residency_rules for name in rule.condition.names if name.startswith("req.")}
    return tuple(sorted(names | _FOUND))


def names_matter(facts: RequestFacts, found: Classification, policy: Policy) -> bool:
    """Whether names could change what may happen with a request of these facts, in which `found` stands already."""
    if any(_FOUND.intersection(route.condition.names) for route in policy.routes):
        return True
    if not any(_FOUND.intersection(rule.condition.names) for rule in policy.residency_rules):
        return False
    without = _actions(facts, policy)
    return any(_actions(possible, policy) != without for possible in _possible(facts, found, policy))


def _actions(facts: RequestFacts, policy: Policy) -> list[Action]:
    return [residency.action for residency in policy.residency_actions(facts)]


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
    changed = {"req.data_class": data_class, "req.types": sorted(findings), "req.special": list(special)}
    return RequestFacts({**facts.values, **changed})
