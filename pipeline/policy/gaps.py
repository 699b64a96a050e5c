"""Looks for what a policy forgot to say. A rule that names one data class easily leaves the stricter one open."""

from collections.abc import Iterator
from typing import Final, Literal

from pipeline.policy.compiled import Policy, permits
from pipeline.policy.facts import RequestFacts, facts_of_example
from pipeline.policy.kinds import EVERY, NAMES, covers
from pipeline.policy.models import TRANSFORMS, Given, ResidencyFile
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["gaps"]

AbovePublic = Literal["restricted", "confidential", "internal"]
_CLASSES: Final[tuple[AbovePublic, ...]] = ("restricted", "confidential", "internal")


def gaps(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """Warnings: what nobody speaks about, what could not be hidden, routes that miss some.

    Every external target and data class above public should have a rule. Each class is tried without a finding and with
    each of its kinds of data, from every origin that can matter. A rule with the action `allow` is an answer too: it
    shows that somebody thought of it.
    """
    file = joined.residency[0]
    yield from _unhideable(policy, file)
    for name, target in policy.targets.items():
        for data_class in _CLASSES if target.external else ():
            given = _unspoken(policy, name, data_class)
            if given is not None:
                yield file.problem(_sentence(name, data_class, given), "rules")
    if all(route.condition.source != "true" for route in policy.routes):
        last = joined.routes[-1]
        yield last.problem("no route takes every request; give the last one 'match: \"true\"'", "match")


def _unhideable(policy: Policy, file: Located[ResidencyFile]) -> Iterator[Problem]:
    """Rules that hide data from a target also where a scan failed or names are unknown: then they refuse instead."""
    origins = (None, *_origins(policy))
    failed = [Given(origin=origin, data_class="restricted", scan="failed") for origin in origins]
    uncovered = [Given(origin=origin, data_class="confidential", names_covered=False) for origin in origins]
    for index, rule in enumerate(file.spec.rules):
        types = rule.types or (EVERY,)
        if rule.action not in TRANSFORMS:
            continue
        if _hides(policy, rule.id, failed):
            text = f"when a scan failed, {rule.id} has nothing to {rule.action}, and the target is refused under its id"
            yield file.problem(f'{text}; add req.scan == "complete" to it, and a rule for the rest', "rules", index)
        if any(covers(types, kind) for kind in NAMES) and not policy.residency.scan.names:
            text = f"{rule.id} hides names, but scan.names is false: the target is refused; name the types to hide"
            yield file.problem(text, "rules", index)
        elif any(covers(types, kind) for kind in NAMES) and _hides(policy, rule.id, uncovered):
            text = f"in a language whose names are not known, {rule.id} cannot hide names, and the target is refused"
            yield file.problem(
                f"{text} under its id; add req.names_covered to it, and a rule for the rest", "rules", index
            )


def _hides(policy: Policy, rule: str, cases: list[Given]) -> bool:
    """Whether this rule decides, in one of the cases, that a target sees the request with something hidden."""
    decided = (entry for given in cases for entry in policy.residency_actions(facts_of_example(given)))
    return any(entry.rule == rule and permits(entry.action, policy.targets[entry.target]) for entry in decided)


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
    kinds: tuple[tuple[str, ...], ...] = ((), *((kind,) for kind in policy.residency.classes.get(data_class, ())))
    for origin in (None, *_origins(policy)):
        for types in kinds:
            yield Given(origin=origin, data_class=data_class, types=types)


def _origins(policy: Policy) -> list[str]:
    return sorted({target.jurisdiction for target in policy.targets.values()} | {"EU", "US", "XX"})


def _rule(policy: Policy, target: str, facts: RequestFacts) -> str | None:
    return next(action.rule for action in policy.residency_actions(facts) if action.target == target)
