"""How far a batch is: counted from the stream of results, each look only over what is new since the last."""

from dataclasses import dataclass
from typing import Final

import orjson

from pipeline.batch.manifest import Manifest
from pipeline.ports import Streams
from pipeline.topology import result_subject

__all__ = ["Tally", "Tracker"]

_STATES: Final = {"answered": 1, "refused": 2, "failed": 3}


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of lines. `cost_usd` is what is known; `unpriced` lines have a cost that nobody knows."""

    total: int
    answered: int
    refused: int
    failed: int
    invalid: int
    cost_usd: float
    unpriced: int

    @property
    def ended(self) -> int:
        """Lines that will not change any more."""
        return self.answered + self.refused + self.failed + self.invalid

    @property
    def open(self) -> int:
        """Lines still on their way, or not handed in."""
        return self.total - self.ended

    @property
    def status(self) -> str:
        """In the words of the OpenAI batch API."""
        return "in_progress" if self.open else "completed"


class Tracker:
    """Follows one batch. Holds one byte for each line."""

    def __init__(self, streams: Streams, manifest: Manifest) -> None:
        self._streams = streams
        self._manifest = manifest
        self._after = manifest.first_sequence
        self._states = bytearray(manifest.last_line + 1)
        self._cost = 0.0
        self._unpriced = 0

    def ended(self, number: int) -> bool:
        """Whether the line has a result, as of the last look."""
        return self._states[number] != 0

    async def look(self) -> Tally:
        """Count what is there now."""
        manifest = self._manifest
        subject = result_subject(manifest.tenant, "*")
        prefix = result_subject(manifest.tenant, f"{manifest.id}-")
        async for stored in self._streams.scan("RESULTS", after=self._after, subject=subject):
            self._after = stored.sequence
            number = stored.subject.removeprefix(prefix)
            if stored.subject.startswith(prefix) and number.isdecimal():
                self._note(int(number), stored.body)
        return self._tally()

    def _note(self, number: int, body: bytes) -> None:
        if not 0 < number < len(self._states):
            return
        reply = orjson.loads(body)
        self._states[number] = _STATES.get(reply.get("status"), 3)
        if reply.get("provisional"):
            return
        cost = reply.get("cost_usd")
        if cost is None:
            self._unpriced += 1
        else:
            self._cost += cost

    def _tally(self) -> Tally:
        count = self._states.count
        manifest = self._manifest
        answered, refused, failed = count(1), count(2), count(3)
        return Tally(manifest.total, answered, refused, failed, manifest.invalid, self._cost, self._unpriced)
