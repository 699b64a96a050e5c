"""How long calls may take, so that the rest of the way can be gone before the deadline. Pure."""

from typing import Final

from pipeline.contracts import Envelope

__all__ = ["RESERVE_S", "left_s"]

RESERVE_S: Final = 0.05
"""Seconds before the deadline that are kept to check, record and reply; of a short deadline a twentieth."""


def left_s(envelope: Envelope, now: float) -> float:
    """Seconds that calls may still take at the time `now`."""
    reserve = min(RESERVE_S, (envelope.deadline_at - envelope.received_at) / 20)
    return envelope.deadline_at - reserve - now
