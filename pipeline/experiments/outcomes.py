"""Outcome events: how they are stored once, whom they speak of, and the tally that the allocator keeps."""

from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.contracts import OutcomeEvent, Reply, Whole
from pipeline.experiments.thompson import Counts
from pipeline.ports import Conflict, Streams
from pipeline.topology import outcome_subject

__all__ = ["OUTCOMES", "TALLY_KEY", "Arm", "Pending", "Tally", "arm_of", "dump_tally", "parse_tally", "record_outcome"]

OUTCOMES: Final = "OUTCOMES"
TALLY_KEY: Final = "allocate"
"""Where the tally is in the bucket `experiments`."""

Arm = tuple[str, int, str]
"""Route, tier, variant."""


class Pending(BaseModel):
    """An outcome whose request has no final reply yet. `since`: when it was first seen, Unix seconds."""

    model_config = ConfigDict(frozen=True, strict=True)

    tenant: str
    request_id: str
    reward: float
    since: float


class Tally(BaseModel):
    """All that the allocator knows, one value under one key, so that it changes whole or not at all.

    `applied` is the sequence of the last outcome event that is contained; an event is never counted twice.
    `arms` are [good, bad] by route, tier and variant. `uncounted` were attributed to nobody on purpose (cache hits,
    degraded answers, failures); `unattributed` had no reply to be found in time.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    applied: Whole = 0
    arms: dict[str, list[dict[str, tuple[float, float]]]] = Field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    counted: Whole = 0
    uncounted: Whole = 0
    unattributed: Whole = 0

    def counts(self, route: str, tier: int) -> dict[str, Counts]:
        """What is known of the variants of one tier."""
        tiers = self.arms.get(route, [])
        return {name: Counts(*pair) for name, pair in tiers[tier].items()} if tier < len(tiers) else {}

    def samples(self, route: str) -> float:
        """Outcomes counted on a route."""
        return sum(sum(pair) for tier in self.arms.get(route, []) for pair in tier.values())


def parse_tally(body: bytes | None) -> Tally | None:
    """Read a tally; an empty one when there is none yet, None when the bytes are no tally."""
    if body is None:
        return Tally()
    try:
        return Tally.model_validate_json(body)
    except ValidationError:
        return None


def dump_tally(tally: Tally) -> bytes:
    """The bytes of a tally."""
    return orjson.dumps(tally.model_dump())


def arm_of(reply: Reply) -> Arm | None:
    """Whose outcome this is; None when it is nobody's.

    A remembered answer was earned earlier and a degraded one was served for want of a better: counting either would
    reward or punish a variant for something that it was not asked to do.
    """
    served = reply.served
    if reply.status != "answered" or served is None or reply.cache == "hit" or reply.degraded is not None:
        return None
    return served.route, served.tier, served.variant


async def record_outcome(streams: Streams, event: OutcomeEvent) -> bool:
    """Store an outcome event durably. False: one with this id is known already, and nothing was changed.

    Raises:
        TransportUnavailable: it was not confirmed; sending it again is safe.
    """
    try:
        await streams.append(outcome_subject(event.tenant, event.id), event.model_dump_json().encode(), expected=0)
    except Conflict:
        return False
    return True
