"""Asks the store, and leaves the decision to `decide`."""

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.contracts import Envelope, StageName
from pipeline.ports import Clock, Outcome, Run
from stages.recall.decide import decide, why_not

__all__ = ["Recall"]


class Recall:
    """The stage. Without a store (`answers` is None) every request is a miss."""

    def __init__(self, answers: AnswerCache | None, clock: Clock) -> None:
        self._answers = answers
        self._clock = clock

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "recall"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Look one request up. Never raises: trouble with the store is a miss."""
        reason = "no_store" if self._answers is None else why_not(envelope)
        if self._answers is None or reason is not None:
            return decide(envelope, None, reason, 0.0)
        found = await self._answers.find(envelope)
        return decide(envelope, found.hit, found.reason, self._clock.now())
