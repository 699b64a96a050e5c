"""The weights that the allocator publishes: how they are written, and a copy of them that is always up to date."""

import logging
from collections.abc import Mapping, Sequence

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.adapters.followed import PAUSE_S, FollowedBucket
from pipeline.contracts import Share
from pipeline.ports import Bucket, Entry, Weights

__all__ = ["BucketWeights", "PublishedWeights", "dump_weights", "parse_weights"]


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


class BucketWeights(FollowedBucket):
    """A `WeightStore` that watches a bucket. What cannot be read leaves the weights as they were."""

    LOG = logging.getLogger("stepwell.weights")
    WHAT = "weights"
    MEANWHILE = "the weights of the policy are used until it does"

    def __init__(self, bucket: Bucket, *, pause_s: float = PAUSE_S) -> None:
        super().__init__(bucket, pause_s=pause_s)
        self._weights: dict[str, Weights] = {}

    def current(self, route: str) -> Weights | None:
        """What the allocator published last for `route`; None: nothing, use the policy's."""
        return self._weights.get(route)

    def _take(self, entry: Entry) -> None:
        published = parse_weights(entry.value)
        if published is None:
            self.LOG.warning("weights of route %s (revision %d) cannot be read: ignored", entry.key, entry.revision)
            return
        self._weights[entry.key] = Weights(published.version, published.tiers)
