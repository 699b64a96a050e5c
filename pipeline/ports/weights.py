"""The weights of variants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["WeightStore", "Weights"]


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a route's variants, one mapping for each tier, and their version (0: those of the policy)."""

    version: int
    tiers: tuple[Mapping[str, float], ...]


class WeightStore(Protocol):
    """The weights in force, kept up to date in the background."""

    def current(self, route: str) -> Weights | None:
        """What the allocator published last for `route`; None: nothing, use the policy's."""
        ...
