"""Who is let in when more is asked than can be served: pure arithmetic.

What a lane can hold is filled like a vessel with walls of different width: every tenant may have as much as it wants up
to one level, times its weight. Who wants less than that gets all of it; only who wants more is kept back.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["PAUSE_MOST_S", "share_of", "water_level"]

PAUSE_LEAST_S: Final = 1.0
PAUSE_MOST_S: Final = 30.0
BRIM: Final = 2.0
"""Beyond so many times the limit nobody is let in: who comes later may go beyond the limit, but not without end."""


def water_level(held: Mapping[str, float], weights: Mapping[str, float], limit: float) -> float:
    """The level at which the tenants together hold `limit`, when none holds more than the level times its weight.

    Infinite where they hold less than the limit anyway.
    """
    if sum(held.values()) < limit:
        return float("inf")
    heights = sorted((held[tenant] / weights.get(tenant, 1.0), weights.get(tenant, 1.0)) for tenant in held)
    left, width = float(limit), sum(weight for _, weight in heights)
    for height, weight in heights:
        if height * width >= left:
            return left / width
        left -= height * weight
        width -= weight
    return heights[-1][0] if heights else 0.0


def share_of(own: float, weight: float, level: float, total: float, limit: float) -> float | None:
    """Whether one more request of a tenant that holds `own` is let in.

    Returns:
        None: it is. Otherwise the seconds after which to ask again: the further beyond its share, the later.
    """
    if total < limit:
        return None
    allowed = level * weight
    if own < allowed and total < limit * BRIM:
        return None
    excess = max(own / allowed if allowed > 0 else PAUSE_MOST_S, total / limit)
    return min(PAUSE_MOST_S, PAUSE_LEAST_S * excess)
