"""Which way round: from and to, before and after, more and less."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.words import DIRECTIONS, OPPOSITES

__all__ = ["direction", "opposites", "sides"]


def opposites(pair: Pair) -> bool:
    """Whether no word of one is the opposite of a word of the other."""
    if not pair.missing or not pair.extra:
        return True
    return not any(frozenset((mine.word, other.word)) in OPPOSITES for mine in pair.missing for other in pair.extra)


def direction(pair: Pair) -> bool:
    """Whether the small words that point somewhere are the same ones."""
    return not any(token.word in DIRECTIONS for token in pair.differing)


def sides(pair: Pair) -> bool:
    """Whether each word that points somewhere points at the same word."""
    return not pair.disorder or _pointed(pair.new) >= _pointed(pair.old) or _pointed(pair.old) >= _pointed(pair.new)


def _pointed(tokens: tuple) -> set[tuple[str, str]]:  # type: ignore[type-arg]
    found = set()
    for place, token in enumerate(tokens[:-1]):
        if token.word in DIRECTIONS:
            after = tokens[place + 1]
            skip = after.word in {"a", "an", "the", "my", "our", "your"} and place + 2 < len(tokens)
            found.add((token.word, tokens[place + 2].stem if skip else after.stem))
    return found
