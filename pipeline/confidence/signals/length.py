"""How usual the length of an answer is, against earlier ones of its segment. Pure.

Answers of a task are about equally long, and lengths spread by factors, so what is compared is ln(1 + characters). The
history is data of the calibrator's file: the same answer is judged the same again.
"""

from math import exp, log1p
from typing import Final

from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "signals"]

NAMES: Final = ("length_usual",)
LEAST: Final = 20
"""Answers below which nothing is concluded."""
_NARROWEST: Final = 0.05


def signals(seen: Seen) -> dict[str, float | None]:
    """e^(-z²/2) of the length; None without a history."""
    usual = seen.usual
    if usual is None or usual.count < LEAST:
        return {"length_usual": None}
    z = (log1p(len(seen.text)) - usual.mean) / max(usual.deviation, _NARROWEST)
    return {"length_usual": exp(-min(z * z, 1000.0) / 2)}
