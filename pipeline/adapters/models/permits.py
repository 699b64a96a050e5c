"""What a call needs before it is made: its permit with what the target is sent, and the way back of its answer."""

from typing import NamedTuple

from pipeline.adapters.models.shields import Shields
from pipeline.contracts import Envelope, Finding, Rung, Tier
from pipeline.disclosure.guard import Added, Permit, Reference, governing, judged, permit
from pipeline.disclosure.return_path import ReturnPath
from pipeline.errors import UnknownModel
from pipeline.policy import Policy
from pipeline.policy.models import Variant
from pipeline.policy.source import PolicySource

__all__ = ["Permits", "Ready"]


class Ready(NamedTuple):
    """What a call needs: the permit, the way back of its answer where it is not the answer itself, and its terms."""

    permit: Permit
    back: ReturnPath | None
    policy: Policy
    variant: Variant

    @property
    def found(self) -> tuple[Finding, ...]:
        """Personal data that the answer held."""
        return self.back.found if self.back is not None else ()


class Permits:
    """Has the guard permit calls.

    Args:
        policies: what variants and targets mean.
        shields: hides personal data from targets and brings it back.
    """

    def __init__(self, policies: PolicySource, shields: Shields) -> None:
        self._policies = policies
        self._shields = shields

    async def ready(self, envelope: Envelope, rung: Tier | Rung, key: str, added: Added | None = None) -> Ready:
        """Make a call of a rung ready, known by `key`; `added` is what it is sent besides the request.

        Raises:
            ResidencyRefused: the target may not see the request.
            UnknownModel: the policy that the request goes on under has no such variant.
        """
        request = envelope.request
        policy, found = governing(self._policies, envelope.policy_revision, request, envelope.classification)
        if added is not None:
            added = self._shields.fenced(added, envelope.key, elsewhere=added.source != rung.target)
        decision = judged(request, found, rung.target, policy, added)
        variant = policy.variants.get(rung.variant)
        if variant is None or variant.target != rung.target:
            raise UnknownModel(f"variant {rung.variant} of target {rung.target} is no longer in the policy")
        hides = bool(decision.pseudonymise or decision.mask)
        made = await self._shields.pseudonyms(request) if hides else None
        reference = Reference(key, envelope.traceparent)
        allowed = permit(request, found, rung.target, policy, variant, made, reference, added)
        if made is not None:
            self._shields.keep(request, made, policy)
        if allowed.view.embed is not None:  # nothing of a text comes back
            return Ready(allowed, None, policy, variant)
        return Ready(allowed, self._shields.way_back(request, made, policy, rung.target), policy, variant)
