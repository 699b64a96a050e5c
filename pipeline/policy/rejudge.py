"""A classification made under one revision, judged by another one: at least as strict as either would be alone."""

from typing import Final

from pipeline.contracts import Classification, DataClass, Request, Residency
from pipeline.policy.compiled import Policy
from pipeline.policy.facts import RequestFacts, request_facts
from pipeline.policy.feasible import feasible

__all__ = ["decided", "decided_about", "rejudge"]

_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")


def rejudge(request: Request, before: Classification, policy: Policy) -> Classification:
    """Who may see the request under `policy`, where the revision it was classified under is no longer known.

    Findings may belong to another class now, and the stricter one counts. Names may not have been looked for, because
    they could change nothing then; where they could now, the request counts as scanned in part, and as restricted.
    """
    classes = [before.data_class, *(policy.class_of(finding.type) for finding in before.findings)]
    update: dict[str, object] = {"data_class": max(classes, key=_ORDER.index)}
    if policy.residency.scan.names and not before.names_scanned:
        update = {"data_class": "restricted", "scan": "failed" if before.scan == "failed" else "partial"}
    found = before.model_copy(update=update)
    return found.model_copy(update={"residency": decided(request, found, policy)})


def decided(
    request: Request, found: Classification, policy: Policy, facts: RequestFacts | None = None
) -> tuple[Residency, ...]:
    """What `policy` says of each target, where what is to be hidden can be; a denial where it cannot.

    `facts`: of these two, where the caller has them already.
    """
    actions = _actions(request, found, policy) if facts is None else policy.residency_actions(facts)
    targets = policy.targets
    return tuple([feasible(entry, targets[entry.target], found) for entry in actions])


def decided_about(target: str, request: Request, found: Classification, policy: Policy) -> Residency:
    """The same for one target of the policy."""
    entry = next(entry for entry in _actions(request, found, policy) if entry.target == target)
    return feasible(entry, policy.targets[target], found)


def _actions(request: Request, found: Classification, policy: Policy) -> tuple[Residency, ...]:
    """Asked before each call, of the same request each time."""
    known = policy.acted_before.get(request, found)
    if known is not None:
        return known
    facts = request_facts(request, found, policy.user_tier(request.tenant, request.user))
    return policy.acted_before.put(request, found, policy.residency_actions(facts))
