"""The stage `escalate`: go down tier by tier until one answers."""

from pipeline.adapters.models import Attempts
from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run
from stages.escalate.decide import after, give_up, next_tier

__all__ = ["Escalate"]


class Escalate:
    """The stage `escalate`.

    Args:
        attempts: makes attempts.
    """

    name: StageName = "escalate"

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Call the next tier, and the ones after it while they fail.

        Raises:
            ResidencyRefused: a target may not see the request.
        """
        while (tier := next_tier(envelope)) is not None:
            attempt = await self._attempts.make(envelope, run, self.name, tier)
            if attempt is None:
                return give_up(envelope, out_of_time=True)
            envelope = envelope.model_copy(update={"attempts": (*envelope.attempts, attempt)})
            outcome = after(envelope)
            if outcome is not None:
                return outcome
        return give_up(envelope, out_of_time=self._attempts.left_s(envelope) <= 0)
