"""The stage `check`: look at the last answer, say how sure it is, and let `decide` judge it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pipeline.confidence.signals import Nearby
from pipeline.contracts import Attempt, Envelope, StageName
from pipeline.errors import Unreadable
from pipeline.policy import Policy
from pipeline.policy.models import PastErrors
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, Run
from stages.check.assess import assess
from stages.check.decide import Rules, candidate_of, decide
from stages.check.ended import with_ending
from stages.check.gather import around
from stages.check.vectors import decide_vectors

if TYPE_CHECKING:
    from pipeline.adapters.past_drafts import Looked

__all__ = ["Check", "Drafts"]


class Drafts(Protocol):
    """Where earlier drafts are remembered, with what became of them."""

    async def near(self, envelope: Envelope, variant: str, policy: Policy, spec: PastErrors) -> "Looked":
        """How drafts of this variant to questions like this one fared. Never raises."""
        ...


class Check:
    """The stage `check`.

    Args:
        policies: have the calibrator of the route, and say when its answers may stay.
        drafts: knows how earlier drafts fared, for routes that ask; None: nobody knows.
    """

    name: StageName = "check"

    def __init__(self, policies: PolicySource, drafts: Drafts | None = None) -> None:
        self._policies = policies
        self._drafts = drafts

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the signature of a stage
        """Judge the last answer, under the revision the request came with or, where that is unknown, the one in force.

        Raises:
            InvalidRequest: the response schema cannot be used.
            Unreadable: there is no plan or no attempt.
        """
        plan, request = envelope.plan, envelope.request
        if plan is None or not any(made.made_for in ("answer", "repair") for made in envelope.attempts):
            raise Unreadable("an envelope reached check without a plan or without an attempt")
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        route = policy.route(plan.route)
        rules = Rules()
        if route is not None:
            rules = Rules(route.calibrator, route.spec.accept, policy.tenant(envelope.tenant).variants)
        candidate = candidate_of(envelope)
        target = policy.targets.get(candidate.target)
        if request.embed is not None:
            usual = target.vectors.dimensions if target is not None else None
            return decide_vectors(envelope, request.embed, candidate, usual)
        nearby, unknown = None, None
        if rules.accept is not None and rules.accept.past_errors is not None:
            nearby, unknown = await self._neighbours(envelope, candidate, policy, rules.accept.past_errors)
        known = around(envelope, candidate, rules.calibrator, nearby)
        alone = request.parameters.parallel_tool_calls is False
        found = assess(candidate, request.response_schema, known, request.tools, request.tool_choice, alone=alone)
        at_most = target.max_output_tokens if target is not None else None
        found = with_ending(found, candidate, request.parameters.max_tokens, at_most)
        outcome = decide(envelope, plan, found, rules, candidate)
        return outcome if unknown is None else replace(outcome, facts={**outcome.facts, "neighbours": unknown})

    async def _neighbours(
        self, envelope: Envelope, candidate: Attempt, policy: Policy, spec: PastErrors
    ) -> tuple[Nearby | None, str | None]:
        """How drafts of this variant to questions like this one fared, or why nobody knows; none of deeper tiers."""
        if candidate.tier > 0 or self._drafts is None:
            return None, None if candidate.tier > 0 else "no_store"
        looked = await self._drafts.near(envelope, candidate.variant, policy, spec)
        return looked.nearby, looked.reason
