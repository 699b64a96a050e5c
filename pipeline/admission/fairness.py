"""Who is let in when more is asked than can be served, and who stands in front: pure arithmetic.

What a lane can hold is filled like a vessel with walls of different width: every tenant may have as much as it wants up
to one level, times its weight. Who wants less than that gets all of it; only who wants more is kept back.
"""

from collections.abc import Mapping
from typing import Final
from zlib import crc32

__all__ = ["PAUSE_MOST_S", "has_room", "pause_s", "row_for", "water_level"]

PAUSE_LEAST_S: Final = 1.0
PAUSE_MOST_S: Final = 30.0
RATE_GUESSED: Final = 64.0
"""Requests in a second, until it is measured: of a worker whose 256 slots are taken for four seconds each."""
RATE_LEAST: Final = 0.1
BRIM: Final = 2.0
"""Beyond so many times the limit nobody is let in: who comes later may go beyond the limit, but not without end."""
IN_FRONT: Final = 8
"""So many requests of a tenant stand in the front row at a time, times its weight; further ones in a row behind."""


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


def has_room(own: float, allowed: float, total: float, limit: float) -> bool:
    """Whether one more request is let in of a tenant that holds `own`, and is `allowed` so many of the limit."""
    return total < limit or (own < allowed and total < limit * BRIM)


def pause_s(own: float, allowed: float, total: float, limit: float, told: float, rate: float | None) -> float:
    """Seconds after which a request that was kept back is to be asked again.

    As long as it takes to work off what its tenant has beyond its part, and what of it was told to come back before: so
    those come back one after the other, as fast as they can be served.

    Args:
        own: what the tenant holds.
        allowed: what it may hold, of the limit.
        total: what all hold.
        limit: what they may.
        told: how many of the tenant's were kept back and have not come back yet.
        rate: how many requests are ended in a second, of all tenants; None: nobody knows yet.
    """
    part = min(1.0, max(allowed, 1.0) / limit)
    behind = max(own - allowed, (total - limit) * part, 0.0) + told + 1.0
    speed = max(RATE_LEAST, RATE_GUESSED if rate is None else rate)
    return min(PAUSE_MOST_S, max(PAUSE_LEAST_S, behind / (speed * part)))


def row_for(tenant: str, own: float, weight: float, rows: int) -> int:
    """The row in which the next request of a tenant stands that has `own` on their way.

    The first few stand in front (0). Further ones go to a row of the tenant, which it may share with another that asks
    much; who has a weight of two goes to two rows in turn, and has two turns.
    """
    if not rows or own < max(1.0, IN_FRONT * weight):
        return 0
    spread = min(rows, max(1, round(weight)))
    return 1 + (crc32(tenant.encode()) + int(own) % spread) % rows
