"""How drafts to questions like this one fared: the share that was right, weighed by likeness. Pure.

The share is shrunk to that of all judged drafts of the route: few neighbours, or neighbours that are hardly like the
question, say little. Below `LEAST` of them nothing is said. Drafts that are judged only now and then, since they would
have stayed, count for those that nobody judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.confidence.signals.seen import Near, Seen

__all__ = ["FLOOR", "LEAST", "NAMES", "SHRINK", "right_nearby", "signals"]

NAMES: Final = ("neighbours_right",)
FLOOR: Final = 0.3
"""The cosine at which a question is no neighbour any more; two questions about anything lie here."""
LEAST: Final = 5
"""Neighbours below which nothing is said."""
SHRINK: Final = 2.0
"""What all judged drafts together count, in neighbours that ask the very same."""
_HEAVIEST: Final = 20.0
"""The weight of one neighbour at most: what stands for more of them than that is left to stand for so many."""


@dataclass(slots=True)
class _Sums:
    right: float = 0.0
    all: float = 0.0
    squares: float = 0.0
    count: int = 0


def signals(seen: Seen) -> dict[str, float | None]:
    """The share of right drafts nearby; None where nobody looked, or too little is near."""
    around = seen.neighbours
    prior = None if around is None else seen.prior if seen.prior is not None else around.prior
    if around is None or prior is None:
        return {"neighbours_right": None}
    return {"neighbours_right": right_nearby(around.near, prior)}


def right_nearby(near: Sequence[Near], prior: float) -> float | None:
    """The share of these that was right, shrunk to `prior`; None: they are too few.

    Args:
        near: judged drafts to other questions.
        prior: the share of right drafts wherever they are, between 0 and 1.
    """
    sums = _Sums()
    for one in near:
        alike = (one.similarity - FLOOR) / (1.0 - FLOOR)
        if alike <= 0.0:
            continue
        weight = min(alike, 1.0) ** 2 * min(max(one.stands_for, 1.0), _HEAVIEST)
        sums.right += weight if one.right else 0.0
        sums.all += weight
        sums.squares += weight * min(max(one.stands_for, 1.0), _HEAVIEST)
        sums.count += 1
    if sums.count < LEAST or sums.squares <= 0.0:
        return None
    # As many as they are worth: a heavy one among light ones tells about as much as itself.
    worth = sums.all * sums.all / sums.squares
    share = sums.right / sums.all
    return min(1.0, max(0.0, (worth * share + SHRINK * prior) / (worth + SHRINK)))
