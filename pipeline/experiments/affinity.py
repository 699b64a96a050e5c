"""Affinity: the same key goes to the same server, as long as that one is not much busier than the others.

A server that has read the beginning of a prompt keeps it in its memory, and the next prompt that begins the same is
answered sooner. So servers are ranked for a key by weighted rendezvous hashing (see `assignment`), and the best one
that has room takes the request: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016). A
server has room while it runs at most `BOUND` times its part of all calls. One that has a slot free is never too busy,
however idle the others are: moving a conversation off it would cost the memory and save nobody a wait.

Nothing is stored: whoever sees the same loads decides the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.experiments.assignment import score

__all__ = ["BOUND", "ROOMY", "Room", "place"]

BOUND: Final = 1.25
"""How much busier than the average a server may be."""
ROOMY: Final = 1.0
"""A server that uses no larger share of its slots than this, the new call included, has room."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls a server may run at a time, and which share of them it runs now (may exceed 1)."""

    slots: int
    load: float = 0.0


def place(key: str, salt: str, servers: Mapping[str, Room], *, bound: float = BOUND, roomy: float = ROOMY) -> str:
    """The server for `key`.

    Args:
        key: what should stay together: the digest of a prompt's beginning, or of a session.
        salt: what the placement is for; keys are dealt anew under another salt.
        servers: by name; at least one.
        bound: how much busier than the average a server may be; infinity: as busy as it gets.
        roomy: share of its slots up to which a server has room whatever the others do.

    Raises:
        ValueError: there is no server.
    """
    if not servers:
        raise ValueError("no server to place a request at")
    # Equal scores do not occur in practice; the name makes the choice independent of the order of the mapping.
    ranked = sorted(servers, key=lambda name: (score(key, salt, name, servers[name].slots), name), reverse=True)
    if len(ranked) == 1 or math.isinf(bound):
        return ranked[0]
    slots = sum(room.slots for room in servers.values())
    running = sum(room.slots * room.load for room in servers.values()) + 1.0
    for name in ranked:
        room = servers[name]
        fair = math.ceil(bound * running * room.slots / slots)
        if room.slots * room.load + 1.0 <= max(fair, roomy * room.slots):
            return name
    return min(ranked, key=lambda name: servers[name].load)
