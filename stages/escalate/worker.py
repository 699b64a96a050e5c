"""The stage `escalate`: go down tier by tier until one answers."""

from pipeline.adapters.models import Attempts, postponed
from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run
from stages.escalate.decide import after, denied, give_up, next_tier

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
            Postponed: a budget does not cover the call now, and lets the request wait.
        """
        passed_over: tuple[str, ...] = ()
        while (tier := next_tier(envelope)) is not None:
            made = await self._attempts.make(envelope, run, self.name, tier)
            envelope = envelope.model_copy(update={"attempts": (*envelope.attempts, *made.attempts)})
            passed_over += made.passed_over
            if made.last is not None:
                outcome = after(envelope, passed_over)
                if outcome is not None:
                    return outcome
            elif made.denial is not None:
                if made.denial.action == "queue":
                    raise postponed(made.denial, envelope)
                return denied(envelope, made.denial, capped=made.capped)
            if made.out_of_time:
                return give_up(envelope, out_of_time=True)
        return give_up(envelope, out_of_time=self._attempts.left_s(envelope) <= 0)
