"""Words that people misspell: whether one that is not known was most likely meant to be one that is."""

from collections.abc import Iterable
from typing import Final

__all__ = ["nearest"]

_SHORT: Final = 3
_LONG: Final = 10


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that this one misspells; None when it is no misspelling, but another word.

    Upper or lower case, and `-` for `_`, is a misspelling. So is a slip (a letter too many, missing, replaced, two
    exchanged), and two in long words. In words of up to three letters only a letter too many counts, since short
    words are all near each other. What differs in a digit (eu-west-1, eu-west-2) is another word.
    """
    folded = _folded(word)
    best: tuple[int, str] | None = None
    for candidate in sorted(set(known)):
        slips = _slips(folded, _folded(candidate))
        if slips is not None and (best is None or slips < best[0]):
            best = (slips, candidate)
    return best[1] if best is not None else None


def _folded(word: str) -> str:
    return word.casefold().replace("-", "_")


def _slips(word: str, known: str) -> int | None:
    """How many slips lie between the two, when they are few enough."""
    if _digits(word) != _digits(known):
        return None
    if word == known or len(known) <= _SHORT:
        longer = len(word) == len(known) + 1 and known in word
        return 0 if word == known else 1 if longer else None
    limit = 2 if len(known) >= _LONG else 1
    if abs(len(word) - len(known)) > limit:
        return None
    found = _distance(word, known)
    return found if found <= limit else None


def _digits(word: str) -> str:
    return "".join(character for character in word if character.isdigit())


def _distance(one: str, other: str) -> int:
    """Edit distance in which two neighbours exchanged are one edit (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, mine in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, theirs in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (mine != theirs))
            if i > 1 and j > 1 and mine == other[j - 2] and one[i - 2] == theirs:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
