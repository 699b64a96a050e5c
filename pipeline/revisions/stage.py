"""A stage that sees a request only when the revision it began with is in memory, wherever that can be had."""

from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run, Stage
from pipeline.revisions.source import AppliedPolicies

__all__ = ["UnderItsRevision"]


class UnderItsRevision:
    """A worker that hears of a change later than another would otherwise take a request back to the revision before."""

    def __init__(self, stage: Stage, policies: AppliedPolicies) -> None:
        self._stage = stage
        self._policies = policies

    @property
    def name(self) -> StageName:
        """The place of the stage."""
        return self._stage.name

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Let the stage decide."""
        if self._policies.revision(envelope.policy_revision) is None:
            await self._policies.catch_up(envelope.policy_revision)
        return await self._stage.handle(envelope, run)
