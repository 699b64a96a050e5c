"""The stage `draft`: make the first attempt, and let `decide` say what follows."""

from pipeline.adapters.documents import check_schema
from pipeline.adapters.models import Attempts, postponed
from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run
from stages.draft.decide import decide

__all__ = ["Draft"]


class Draft:
    """The stage `draft`.

    Args:
        attempts: makes attempts.
    """

    name: StageName = "draft"

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Call the first tier.

        Raises:
            InvalidRequest: the response schema is none; found before anything is paid.
            ResidencyRefused: the target may not see the request.
            Postponed: the budget does not cover it now, and lets it wait.
        """
        if envelope.request.response_schema is not None:
            check_schema(envelope.request.response_schema)
        made = await self._attempts.make(envelope, run, self.name, 0)
        if made.denial is not None and made.denial.action == "queue" and made.last is None:
            raise postponed(made.denial, envelope)
        return decide(envelope, made)
