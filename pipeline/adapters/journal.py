"""What was paid for, written to a durable stream before the request goes on."""

from pipeline.contracts import Attempt
from pipeline.errors import TransportUnavailable
from pipeline.ports import Conflict, Streams
from pipeline.topology import journal_subject

__all__ = ["StreamJournal"]


class StreamJournal:
    """A `Journal` over streams: one subject for each step, and only the first message on it counts."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def recall(self, key: str, step: str) -> Attempt | None:
        """The attempt written for this step of the request with this `Envelope.key`, if any."""
        stored = await self._streams.last(journal_subject(key, step))
        return None if stored is None else Attempt.model_validate_json(stored.body)

    async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
        """Write it down, durably. Returns the one that counts: the first that was written."""
        body = attempt.model_dump_json(exclude_none=True).encode()
        try:
            await self._streams.append(journal_subject(key, step), body, expected=0)
        except Conflict:
            return await self._first(key, step)
        return attempt

    async def _first(self, key: str, step: str) -> Attempt:
        first = await self.recall(key, step)
        if first is None:
            raise TransportUnavailable(f"the journal says that {step} of {key} is written, and does not show it")
        return first
