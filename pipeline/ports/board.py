"""Who knows how targets and routes fare, over all workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.contracts import TargetStanding

__all__ = ["Board", "RouteStanding"]


@dataclass(frozen=True, slots=True)
class RouteStanding:
    """The record of a route's stairs: how many drafts there were, which share sufficed, what tiers cost and took.

    Costs in US dollars and times in milliseconds, for one request: means over the last hours; None: unknown.
    `sufficed`: of each variant the share of its answers that did, where check could still reject them.
    """

    drafts: float = 0.0
    accepted: float | None = None
    draft_usd: float | None = None
    draft_ms: float | None = None
    last_usd: float | None = None
    last_ms: float | None = None
    sufficed: Mapping[str, float] = field(default_factory=dict)


class Board(Protocol):
    """What is known now, from memory: nothing here waits. What other workers saw arrives within a second or two."""

    def target(self, name: str) -> TargetStanding:
        """How a target fares; one that nobody called is healthy and unmeasured."""
        ...

    def route(self, name: str) -> RouteStanding:
        """The record of a route."""
        ...
