"""People whom a model missed and a reader does not: named before, or addressed with a title."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pipeline.adapters.pii.ordinary import ordinary

__all__ = ["echoes"]

_Range = tuple[int, int]

_PART: Final = r"(?:[^\W\d_a-z][\w'’-]+|[A-Z]\.)"
_TITLED: Final = re.compile(
    r"\b(?:M(?:r|rs|s|x|iss)|MR|MRS|MS|Dr|DR|Prof|Herr|Frau|Señora?|Mme|Signora?)\.?[ \t]"
    rf"({_PART}(?: (?:(?:van|von|de|der|den|la|al|bin|da|di|du) )*{_PART}){{0,3}})"
)
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_SHORTEST: Final = 4
_MOST: Final = 24


def echoes(text: str, people: Sequence[str], taken: Iterable[_Range]) -> Iterator[_Range]:
    """Where else in `text` somebody of `people` is named, or somebody has a title; never where a range is taken."""
    free = _Free(taken)
    for found in _TITLED.finditer(text):
        if not ordinary(found.group(1)) and free.take(*found.span(1)):
            yield found.span(1)
    names = sorted(_names(people), key=len, reverse=True)[:_MOST]
    if names:
        either = "|".join(map(re.escape, names))
        for found in re.finditer(rf"(?<![\w'’.-])(?:{either})(?![\w’-])", text):
            if free.take(*found.span()):
                yield found.span()


def _names(people: Iterable[str]) -> set[str]:
    """Whole names, and their words, in their own letters' case; no word that is ordinary or short."""
    whole = {name for name in people if len(name) >= _SHORTEST}
    words = {word for name in whole for word in _WORD.findall(name) if len(word) >= _SHORTEST}
    return {name for name in whole | words if not ordinary(name)}


class _Free:
    """The ranges of a text that nothing holds yet."""

    def __init__(self, taken: Iterable[_Range]) -> None:
        self._taken = list(taken)

    def take(self, start: int, end: int) -> bool:
        """Hold the range, if nothing overlaps it."""
        if any(start < held[1] and held[0] < end for held in self._taken):
            return False
        self._taken.append((start, end))
        return True
