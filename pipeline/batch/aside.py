"""Batches with which something went wrong: each waits for a while, alone, and nobody else's waits for it."""

import logging
import traceback
from typing import Final

from pipeline.errors import StepwellError, Transient
from pipeline.ports import Clock

__all__ = ["Aside"]

_log = logging.getLogger("stepwell.batch")

DEFECT_S: Final = 30.0
"""How long a batch waits after something that another try hardly mends."""
TRY_S: Final = 1.0
"""How long it waits where NATS did not answer, or has not stored yet what is looked for."""

Key = tuple[str, str]


class Aside:
    """Which batches wait, and until when. What went wrong with one is logged once until it goes on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Key, float] = {}
        self._said: dict[Key, str] = {}

    def __contains__(self, key: Key) -> bool:
        return self._clock.monotonic() < self._until.get(key, 0.0)

    def put(self, key: Key, error: Exception) -> None:
        """Let it wait."""
        pause = TRY_S if isinstance(error, Transient) else DEFECT_S
        self._until[key] = self._clock.monotonic() + pause
        what = error.message if isinstance(error, StepwellError) else type(error).__name__
        if self._said.get(key) == what:
            return
        self._said[key] = what
        if isinstance(error, StepwellError):
            _log.warning("batch %s waits: %s", key[1], what)
        else:  # where, and never what: the text of an error may hold that of a line
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a defect: batch %s waits, the others go on: %s\n%s", key[1], what, where)

    def forget(self, key: Key) -> None:
        """It has ended, or is there no more."""
        self._until.pop(key, None)
        self._said.pop(key, None)
