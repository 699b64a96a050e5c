"""Looks for what a policy forgot to say. A rule that names one data class easily leaves the stricter one open."""

from collections.abc import Iterator
from typing import Final, Literal

from pipeline.policy.compiled import Policy
from pipeline.policy.facts import RequestFacts, facts_of_example
from pipeline.policy.models import Given
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import PolicySet

__all__ = ["gaps"]

AbovePublic = Literal["restricted", "confidential", "internal"]
_CLASSES: Final[tuple[AbovePublic, ...]] = ("restricted", "confidential", "internal")


def gaps(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """A warning for every external target and data class above public about which no residency rule speaks.

    Each class is tried without a finding and with each of its kinds of data, from every origin that can matter. A
    rule with the action `allow` is an answer too: it shows that somebody thought of it.
    """
    file = joined.residency[0]
    for name, target in policy.targets.items():
        for data_class in _CLASSES if target.external else ():
            given = _unspoken(policy, name, data_class)
            if given is not None:
                yield file.problem(_sentence(name, data_class, given), "rules")
    if all(route.condition.source != "true" for route in policy.routes):
        last = joined.routes[-1]
        yield last.problem("no route takes every request; give the last one 'match: \"true\"'", "match")


def _sentence(target: str, data_class: AbovePublic, given: Given) -> str:
    case = f"origin {given.origin or 'unknown'}" + (f", {given.types[0]} found" if given.types else "")
    return (
        f"no rule speaks about {data_class} data for the external target {target} ({case}), so it is allowed there; "
        "add a rule, with the action allow if that is meant"
    )


def _unspoken(policy: Policy, target: str, data_class: AbovePublic) -> Given | None:
    """The first case in which no rule speaks."""
    for given in _cases(policy, data_class):
        if _rule(policy, target, facts_of_example(given)) is None:
            return given
    return None


def _cases(policy: Policy, data_class: AbovePublic) -> Iterator[Given]:
    origins = sorted({target.jurisdiction for target in policy.targets.values()} | {"EU", "US", "XX"})
    kinds: tuple[tuple[str, ...], ...] = ((), *((kind,) for kind in policy.residency.classes.get(data_class, ())))
    for origin in (None, *origins):
        for types in kinds:
            yield Given(origin=origin, data_class=data_class, types=types)


def _rule(policy: Policy, target: str, facts: RequestFacts) -> str | None:
    return next(action.rule for action in policy.residency_actions(facts) if action.target == target)
