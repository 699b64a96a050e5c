"""A stage that sees a request only when the revision it began with is in memory, wherever that can be had."""

from collections.abc import Coroutine
from typing import Any

from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run, Stage
from pipeline.revisions.source import AppliedPolicies

__all__ = ["UnderItsRevision"]


class UnderItsRevision:
    """A worker that hears of a change later than another would otherwise take a request back to the revision before."""

    def __init__(self, stage: Stage, policies: AppliedPolicies) -> None:
        self._stage = stage
        self._policies = policies
        self.name: StageName = stage.name
        """The place of the stage."""

    def handle(self, envelope: Envelope, run: Run) -> Coroutine[Any, Any, Outcome]:
        """Let the stage decide; at once where the revision is known, as it nearly always is."""
        if self._policies.revision(envelope.policy_revision) is None:
            return self._after_it_came(envelope, run)
        return self._stage.handle(envelope, run)

    async def _after_it_came(self, envelope: Envelope, run: Run) -> Outcome:
        await self._policies.catch_up(envelope.policy_revision)
        return await self._stage.handle(envelope, run)
