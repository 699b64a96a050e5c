"""The last door before data leaves: no target is called without a permit, and only `permit` makes one.

The plan has excluded what the residency policy does not allow already. The guard asks again right before each call,
so that a forged message, a slip in a stage, or a policy that changed on the way cannot send data where it must not go.
"""

from typing import Final

from pipeline.contracts import Classification, Request
from pipeline.errors import ResidencyRefused
from pipeline.policy import Policy, permits, rejudge
from pipeline.policy.models import Target
from pipeline.policy.source import PolicySource

__all__ = ["Permit", "governing", "permit"]

_SEAL: Final = object()


class Permit:
    """Proof that `target` may see the data, and the definition of it that the decision was about.

    The client calls what `spec` says and not what the name means meanwhile.
    """

    __slots__ = ("spec", "target")

    def __init__(self, target: str, spec: Target, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only the residency guard makes permits: call pipeline.adapters.models.guard.permit")
        self.target = target
        self.spec = spec


def permit(classification: Classification | None, target: str, policy: Policy) -> Permit:
    """Permit a call of `target` under `policy`.

    Raises:
        ResidencyRefused: the request was not classified, the target is unknown, or the decision forbids it.
    """
    spec = policy.targets.get(target)
    if classification is None or spec is None:
        missing = "the request was never classified" if classification is None else "the policy knows no such target"
        raise ResidencyRefused(f"target {target} may not be called: {missing}")
    action = classification.action_for(target)
    if not permits(action, spec):
        rule = next((entry.rule for entry in classification.residency if entry.target == target), None)
        raise ResidencyRefused(f"target {target} may not see this data: the residency policy says {action}", rule=rule)
    return Permit(target, spec, _SEAL)


def governing(
    policies: PolicySource, revision: str, request: Request, classification: Classification | None
) -> tuple[Policy, Classification | None]:
    """The policy that a request goes on under, and the residency decisions that hold under it.

    That is the revision it began with. When that is no longer kept (or a worker with newer files took over), the one in
    force now decides anew, because a decision about another definition of a target says nothing about this one.
    """
    kept = policies.revision(revision)
    if kept is not None:
        return kept, classification
    current = policies.current()
    if classification is None:
        return current, None
    return current, rejudge(request, classification, current)
