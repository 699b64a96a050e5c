"""Where large and small letters carry the meaning: units, flags of commands, single letters and abbreviations.

`GB` is not `Gb`, `ls -a` is not `ls -A`, and AIDS is not aids; but France is france, and a sentence begins large.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["Cased", "cased", "flags", "same_case"]

Cased = tuple[tuple[str, tuple[str, ...]], ...]
"""Words by their small letters, with the forms in which each occurs; only those that say something by their form."""

_FLAG: Final = re.compile(r"(?<![\w+-])[-+]{1,2}[^\W\d_][\w-]*")
_SHORT: Final = 5
"""Letters up to which capitals are an abbreviation; longer words are shouted."""
_UNIT: Final = 4


def flags(text: str) -> tuple[str, ...]:
    """What follows a sign without a space, as options of commands do."""
    return tuple(_FLAG.findall(text)) if "-" in text or "+" in text else ()


def cased(words: Sequence[str]) -> Cased:
    """The words that say something by large letters.

    Args:
        words: of a text, as they are written.
    """
    if all(word.islower() or not word.isalnum() for word in words):
        return ()
    forms: dict[str, list[str]] = {}
    for place, word in enumerate(words):
        counted = place > 0 and words[place - 1][-1:].isdigit()
        forms.setdefault(word.casefold(), []).append(_form(word, place == 0, counted))
    return tuple((small, tuple(own)) for small, own in forms.items() if any(each != small for each in own))


def _form(word: str, first: bool, counted: bool) -> str:
    """A word with its capitals where they say something, and small where they do not."""
    small = word.casefold()
    if len(word) == 1:
        return small if small == "i" or (first and small == "a") else word
    if (counted and len(word) <= _UNIT) or not word.isalpha():
        return word
    return small if word.istitle() or len(word) > _SHORT else word


def same_case(first: Cased, second: Cased, words: Sequence[Sequence[str]], only_last: bool) -> bool:
    """Whether every word that both texts have stands in the same form in both.

    Args:
        first: of one text.
        second: of the other.
        words: all words of the one and of the other, in small letters.
        only_last: the last form counts; the one before may have been corrected.
    """
    if not first and not second:
        return True
    here, there = dict(first), dict(second)
    for small in {*here, *there}:
        one = here.get(small) or (small,) * words[0].count(small)
        other = there.get(small) or (small,) * words[1].count(small)
        if one and other and (one[-1] != other[-1] if only_last else one != other):
            return False
    return True
