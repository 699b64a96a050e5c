"""A copy of what stands in a bucket, kept up to date by watching it."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Final

from pipeline.errors import TransportUnavailable
from pipeline.ports import Bucket, Entry

__all__ = ["PAUSE_S", "FollowedBucket"]

PAUSE_S: Final = 1.0
"""Seconds between two tries to watch the bucket."""


class FollowedBucket(ABC):
    """Takes in every value that is there and every one that comes.

    Attributes:
        LOG: where trouble is told.
        WHAT: what the bucket holds.
        MEANWHILE: what holds as long as the bucket does not answer.
    """

    LOG: logging.Logger
    WHAT: str
    MEANWHILE: str

    def __init__(self, bucket: Bucket, *, pause_s: float = PAUSE_S) -> None:
        self._bucket = bucket
        self._pause_s = pause_s
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()

    async def start(self, timeout_s: float = 5.0) -> None:
        """Begin to watch; return when every present value is known, at the latest after `timeout_s` seconds."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(timeout_s):
                await self._caught_up.wait()
        except TimeoutError:
            self.LOG.warning("the bucket of %s does not answer: %s", self.WHAT, self.MEANWHILE)

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    @abstractmethod
    def _take(self, entry: Entry) -> None:
        """Take in a value."""

    async def _follow(self) -> None:
        while True:
            try:
                async for entry in self._bucket.watch():
                    if entry is None:
                        self._caught_up.set()
                    else:
                        self._take(entry)
            except TransportUnavailable as error:
                self.LOG.warning("watching the bucket of %s broke off: %s", self.WHAT, error.message)
            await asyncio.sleep(self._pause_s)
