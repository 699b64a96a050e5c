"""The weights that the allocator publishes: how they are written, and a copy of them that is always up to date."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.contracts import Share
from pipeline.errors import TransportUnavailable
from pipeline.ports import Bucket, Entry, Weights

__all__ = ["BucketWeights", "PublishedWeights", "dump_weights", "parse_weights"]

_log = logging.getLogger("stepwell.weights")

PAUSE_S: Final = 1.0
"""Seconds between two tries to watch the bucket."""


class PublishedWeights(BaseModel):
    """The value of one key of the bucket `weights`. `samples` is the evidence behind it: outcomes counted in all."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: int = Field(ge=1)
    tiers: tuple[dict[str, Share], ...]
    at: float
    samples: float = 0.0


def dump_weights(version: int, tiers: Sequence[Mapping[str, float]], *, at: float, samples: float) -> bytes:
    """The bytes to publish."""
    return orjson.dumps({"version": version, "tiers": [dict(tier) for tier in tiers], "at": at, "samples": samples})


def parse_weights(body: bytes) -> PublishedWeights | None:
    """Read published weights; None when these are none."""
    try:
        return PublishedWeights.model_validate_json(body)
    except ValidationError:
        return None


class BucketWeights:
    """A `WeightStore` that watches a bucket. What cannot be read leaves the weights as they were."""

    def __init__(self, bucket: Bucket, *, pause_s: float = PAUSE_S) -> None:
        self._bucket = bucket
        self._pause_s = pause_s
        self._weights: dict[str, Weights] = {}
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()

    def current(self, route: str) -> Weights | None:
        """What the allocator published last for `route`; None: nothing, use the policy's."""
        return self._weights.get(route)

    async def start(self, timeout_s: float = 5.0) -> None:
        """Begin to watch; return when every present value is known, at the latest after `timeout_s` seconds."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(timeout_s):
                await self._caught_up.wait()
        except TimeoutError:
            _log.warning("the bucket of weights does not answer: the weights of the policy are used until it does")

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _follow(self) -> None:
        while True:
            try:
                async for entry in self._bucket.watch():
                    self._take(entry)
            except TransportUnavailable as error:
                _log.warning("watching the weights broke off: %s", error.message)
            await asyncio.sleep(self._pause_s)

    def _take(self, entry: Entry | None) -> None:
        if entry is None:
            self._caught_up.set()
            return
        published = parse_weights(entry.value)
        if published is None:
            _log.warning("weights of route %s (revision %d) cannot be read: ignored", entry.key, entry.revision)
            return
        self._weights[entry.key] = Weights(published.version, published.tiers)
