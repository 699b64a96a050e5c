"""The stage `check`: look at the last answer, say how sure it is, and let `decide` judge it."""

from pipeline.contracts import Envelope, StageName
from pipeline.errors import Unreadable
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, Run
from stages.check.assess import assess
from stages.check.decide import Rules, candidate_of, decide
from stages.check.ended import with_ending
from stages.check.gather import around
from stages.check.vectors import decide_vectors

__all__ = ["Check"]


class Check:
    """The stage `check`.

    Args:
        policies: have the calibrator of the route, and say when its answers may stay.
    """

    name: StageName = "check"

    def __init__(self, policies: PolicySource) -> None:
        self._policies = policies

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the signature of a stage
        """Judge the last answer, under the revision the request came with or, where that is unknown, the one in force.

        Raises:
            InvalidRequest: the response schema cannot be used.
            Unreadable: there is no plan or no attempt.
        """
        if envelope.plan is None or not envelope.answers:
            raise Unreadable("an envelope reached check without a plan or without an attempt")
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        route = policy.route(envelope.plan.route)
        rules = Rules()
        if route is not None:
            rules = Rules(route.calibrator, route.spec.accept, policy.tenant(envelope.tenant).variants)
        candidate, request = candidate_of(envelope), envelope.request
        target = policy.targets.get(candidate.target)
        if request.embed is not None:
            usual = target.vectors.dimensions if target is not None else None
            return decide_vectors(envelope, request.embed, candidate, usual)
        known = around(envelope, candidate, rules.calibrator)
        alone = request.parameters.parallel_tool_calls is False
        found = assess(candidate, request.response_schema, known, request.tools, request.tool_choice, alone=alone)
        at_most = target.max_output_tokens if target is not None else None
        found = with_ending(found, candidate, request.parameters.max_tokens, at_most)
        return decide(envelope, envelope.plan, found, rules)
