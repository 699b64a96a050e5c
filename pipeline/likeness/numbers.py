"""Another number is another question: digits and words, ordinals, dates, times and ranges, in their order."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token

__all__ = ["numbers", "spelling_of_numbers"]


def numbers(pair: Pair) -> bool:
    """Whether both have the same numbers, in the same order."""
    return _all(pair.new) == _all(pair.old)


def spelling_of_numbers(pair: Pair) -> bool:
    """Whether they are spelt alike too (`4` and `four` are one number)."""
    return _spelt(pair.new) == _spelt(pair.old)


def _all(tokens: tuple[Token, ...]) -> list[str]:
    return [token.number for token in tokens if token.number is not None]


def _spelt(tokens: tuple[Token, ...]) -> list[str]:
    return sorted(token.word for token in tokens if token.number is not None)
