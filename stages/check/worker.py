"""The stage `check`: look at the last attempt, say how sure it is, and let `decide` judge it."""

from pipeline.contracts import Envelope, StageName
from pipeline.errors import Unreadable
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, Run
from stages.check.assess import assess
from stages.check.decide import decide

__all__ = ["Check"]


class Check:
    """The stage `check`.

    Args:
        policies: have the calibrator of the route.
    """

    name: StageName = "check"

    def __init__(self, policies: PolicySource) -> None:
        self._policies = policies

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the signature of a stage
        """Judge the last attempt, under the revision the request came with or, where that is unknown, the one in force.

        Raises:
            InvalidRequest: the response schema cannot be used.
            Unreadable: there is no plan or no attempt.
        """
        if envelope.plan is None or not envelope.attempts:
            raise Unreadable("an envelope reached check without a plan or without an attempt")
        found = assess(envelope.attempts[-1], envelope.request.response_schema)
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        route = policy.route(envelope.plan.route)
        return decide(envelope, envelope.plan, found, route.calibrator if route is not None else None)
