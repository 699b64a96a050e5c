"""What was worked out about two things, found again for as long as both of them live.

The stages of one process hand on the same request and the same classification, and several of them ask the same
question about both. Two things count as the same only where they are the very same objects, so that nothing of one
request can ever be said of another one; whoever gets them from the wire works it out anew.
"""

from typing import Final, Generic, TypeVar
from weakref import ReferenceType, ref

__all__ = ["Pairs"]

V = TypeVar("V")
MOST: Final = 512


class Pairs(Generic[V]):
    """Answers by pairs of objects, none of which is kept alive here; at most `MOST`, and then it begins anew."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], tuple[ReferenceType[object], ReferenceType[object], V]] = {}

    def get(self, one: object, other: object) -> V | None:
        """What was put for these two; None: nothing."""
        held = self._held.get((id(one), id(other)))
        # An id is given anew once its object is gone, so the objects themselves are compared.
        return held[2] if held is not None and held[0]() is one and held[1]() is other else None

    def put(self, one: object, other: object, answer: V) -> V:
        """Keep an answer, which must hold neither of the two; it is returned."""
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[id(one), id(other)] = (ref(one), ref(other), answer)
        return answer
