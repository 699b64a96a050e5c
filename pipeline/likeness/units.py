"""The same number of something else is another question: five miles are not five kilometres."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token
from pipeline.likeness.words import UNITS, listed

__all__ = ["units"]

_AMBIGUOUS = frozenset(listed("m g l w am pm mi min mins sec ft second seconds"))


def units(pair: Pair) -> bool:
    """Whether both name the same units."""
    return _named(pair.new) == _named(pair.old)


def _named(tokens: tuple[Token, ...]) -> list[str]:
    found = []
    for place, token in enumerate(tokens):
        if token.word in UNITS:
            counted = place > 0 and tokens[place - 1].number is not None
            if counted or token.word not in _AMBIGUOUS:
                found.append(UNITS[token.word])
    return sorted(found)
