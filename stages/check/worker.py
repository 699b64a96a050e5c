"""The stage `check`: look at the last attempt, and let `decide` judge it."""

from pipeline.contracts import Envelope, StageName
from pipeline.errors import Unreadable
from pipeline.ports import Outcome, Run
from stages.check.assess import assess
from stages.check.decide import decide

__all__ = ["Check"]


class Check:
    """The stage `check`. It needs nothing from the world."""

    name: StageName = "check"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the signature of a stage
        """Judge the last attempt.

        Raises:
            InvalidRequest: the response schema cannot be used.
            Unreadable: there is no plan or no attempt.
        """
        if envelope.plan is None or not envelope.attempts:
            raise Unreadable("an envelope reached check without a plan or without an attempt")
        found = assess(envelope.attempts[-1], envelope.request.response_schema)
        return decide(envelope, envelope.plan, found)
