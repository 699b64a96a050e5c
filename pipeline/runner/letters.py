"""Dead letters: what is kept of a message that nobody tries again."""

from base64 import b64encode
from typing import Final

from pipeline.contracts import DeadLetter, Envelope, StageName, is_name
from pipeline.disclosure.guard import may_keep
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Delivery, Streams
from pipeline.runner.endings import error_body
from pipeline.topology import dead_subject, step_subject

__all__ = ["Letters"]

LARGEST: Final = 640 * 1024
"""Bytes of a message that a dead letter can hold: written as text they are a third more."""


class Letters:
    """Writes the dead letters of one worker."""

    def __init__(self, streams: Streams, policies: PolicySource | None, clock: Clock, worker: str) -> None:
        self._streams = streams
        self._policies = policies
        self._clock = clock
        self._worker = worker

    async def store(self, delivery: Delivery, envelope: Envelope | None, error: Exception, stage: StageName) -> None:
        """Store once that `error` ended this message at `stage`, with the message itself where it may be kept."""
        withheld = self._withheld(envelope) or _too_large(delivery.body)
        letter = DeadLetter(
            id=_letter_id(envelope, delivery, stage),
            stage=stage,
            lane=delivery.lane,
            subject=step_subject(delivery.lane, delivery.stage),
            attempts=delivery.delivered,
            reason=error_body(error),
            request_id=envelope.id if envelope else None,
            tenant=envelope.tenant if envelope else None,
            at=self._clock.now(),
            worker=self._worker,
            envelope="" if withheld else b64encode(delivery.body).decode(),
            withheld=withheld,
        )
        await self._streams.append(dead_subject(stage), letter.model_dump_json().encode(), once=letter.id)

    def _withheld(self, envelope: Envelope | None) -> str | None:
        """Why the message itself may not be kept among dead letters; None: it may."""
        if self._policies is None:
            return None
        found = envelope.classification if envelope is not None else None
        known = self._policies.revision(envelope.policy_revision) if envelope is not None else None
        if may_keep("dead_letters", found, known or self._policies.current()):
            return None
        return f"{found.data_class} data is not kept here" if found else "data that nobody classified is not kept here"


def _letter_id(envelope: Envelope | None, delivery: Delivery, stage: StageName) -> str:
    if envelope is None or not is_name(envelope.id):
        return f"unreadable-{abs(hash(delivery.body)):x}"[:64]
    return f"{envelope.id[:40]}-{stage}-{delivery.delivered}"


def _too_large(body: bytes) -> str | None:
    """Why a message does not fit into a dead letter, which is one message itself; None: it does."""
    if len(body) <= LARGEST:
        return None
    return f"the message has {len(body)} bytes, and a dead letter holds {LARGEST} at most"
