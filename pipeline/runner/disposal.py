"""What becomes of a message whose stage raised: an answer, another try, a wait, or a dead letter."""

import logging

from pipeline.contracts import Envelope, StageName
from pipeline.errors import DEAD_LETTER, POSTPONE, RETRY, StepwellError
from pipeline.errors import disposition as look_up
from pipeline.layout import MAX_FAILURES
from pipeline.ports import Clock, Delivery, Observer, Outcome, Random, Transport
from pipeline.runner.endings import answered, error_body
from pipeline.runner.letters import Letters
from pipeline.runner.waiting import as_waiting, before_retry, before_turn, waiting_id
from pipeline.runner.wire import dump_envelope
from pipeline.topology import LAST, WAITING

__all__ = ["Disposal", "Settled"]

_log = logging.getLogger("stepwell.runner")


class Settled(Exception):
    """The message was handed back or put aside; there is nothing more to do with it here."""


class Disposal:
    """Does with errors what their one table says."""

    def __init__(
        self, transport: Transport, letters: Letters, *, clock: Clock, random: Random, observer: Observer, worker: str
    ) -> None:
        self._transport = transport
        self._letters = letters
        self._clock = clock
        self._random = random
        self._observer = observer
        self._worker = worker

    async def of(self, delivery: Delivery, stage: StageName, envelope: Envelope, error: Exception) -> Outcome:
        """How the request goes on after `stage` raised `error`.

        Raises:
            Settled: it does not go on here.
        """
        decision = look_up(error)
        action = decision.action
        if action == POSTPONE and stage not in WAITING:
            action = RETRY  # a defect: nobody else may let a request wait, nor has the permission
        if action == RETRY and delivery.delivered >= MAX_FAILURES:
            action = DEAD_LETTER
        self._observer.trouble(stage, action, error_body(error).code)
        if not isinstance(error, StepwellError):
            _log.error("%s raised %s on delivery %d", stage, type(error).__name__, delivery.delivered, exc_info=error)
        if action == POSTPONE:
            await self._postpone(delivery, stage, envelope, error)
            raise Settled
        if action == RETRY:
            await delivery.retry(before_retry(delivery.delivered, error, self._random))
            raise Settled
        if action == DEAD_LETTER:
            await self._letters.store(delivery, envelope, error, stage)
        if stage == LAST:
            await delivery.ack()
            raise Settled
        return answered(decision, error, provisional=action == DEAD_LETTER)

    async def _postpone(self, delivery: Delivery, stage: StageName, envelope: Envelope, error: Exception) -> None:
        """Store the envelope for later in front of `stage`, at the latest until its deadline, then acknowledge."""
        now = self._clock.now()
        delay = min(before_turn(error, self._random), envelope.deadline_at - now)
        waiting = as_waiting(envelope, stage, error, now, now + delay, self._worker)
        body, message_id = dump_envelope(waiting), waiting_id(waiting, error)
        await self._transport.postpone(envelope.lane, stage, body, message_id, delay, delivery.row)
        await delivery.ack()
