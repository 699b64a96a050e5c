"""Wakes requests whose answers have come, no faster than the cascade takes them."""

import asyncio
import logging
from typing import Final

from pipeline.adapters.provider_batches.waiting import LANE
from pipeline.errors import StepwellError
from pipeline.ports import Transport

__all__ = ["Waker"]

_log = logging.getLogger("stepwell.batches")

AWAKE: Final = 512
"""Messages in the queues of the lane beyond which nobody is woken in haste."""
LEAST: Final = 64
"""So many are woken in each round all the same: the queues may be full of other work for long."""
TOGETHER: Final = 32
PAUSE_S: Final = 0.25
"""Between two rounds; about as long as it takes until those who were woken stand in a queue and are counted."""


class Waker:
    """Those who are to be woken, each once, in the order in which they were named.

    Nothing is lost with it: whoever has an answer that was not taken is named again when the shelf is looked through.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._keys: dict[str, None] = {}
        self._named = asyncio.Event()

    def add(self, key: str) -> None:
        """This request need not wait any more."""
        self._keys[key] = None
        self._named.set()

    async def wake(self, key: str) -> None:
        """Wake one now. Where that fails it is woken when the shelf is looked through again."""
        try:
            await self._transport.wake(LANE, key)
        except StepwellError as error:
            _log.warning("a request is woken later: %s", error.message)

    async def run(self) -> None:
        """Wake, until cancelled."""
        while True:
            await self._named.wait()
            room = max(LEAST, AWAKE - await self._awake())
            keys = list(self._keys)[:room]
            for key in keys:
                del self._keys[key]  # before it is woken: one that is named meanwhile is woken once more
            if not self._keys:
                self._named.clear()
            for start in range(0, len(keys), TOGETHER):
                await asyncio.gather(*(self.wake(key) for key in keys[start : start + TOGETHER]))
            await asyncio.sleep(PAUSE_S)

    async def _awake(self) -> int:
        try:
            return sum((await self._transport.on_the_way(LANE)).values())
        except StepwellError:
            return AWAKE
