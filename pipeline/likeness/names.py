"""Another name is another question: words that are written large inside a sentence, and what stands in quotes."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token
from pipeline.likeness.words import FUNCTION

__all__ = ["names", "quoted"]


def names(pair: Pair) -> bool:
    """Whether no name of one is missing in the other, however that writes it."""
    return not any(_is_name(token) for token in pair.differing)


def quoted(pair: Pair) -> bool:
    """Whether what is quoted in both is the same; what only one of them puts in quotes the words decide."""
    if not pair.first.quoted or not pair.second.quoted or pair.taken_back:
        return True
    return pair.first.quoted == pair.second.quoted


def _is_name(token: Token) -> bool:
    return token.name and token.word not in FUNCTION
