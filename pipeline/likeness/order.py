"""Who does what to whom: the same words in other places."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token
from pipeline.likeness.words import ARTICLES, FUNCTION

__all__ = ["crossed", "order"]


def order(pair: Pair) -> bool:
    """Whether the words that both have stand in the same order."""
    return pair.disorder == 0


def crossed(pair: Pair) -> bool:
    """Whether no two words have changed places: neither stands where the other stood, after the same word."""
    if not pair.disorder:
        return True
    here, there = _after(pair.new), _after(pair.old)
    moved = [word for word in here if word in there and here[word] != there[word]]
    return not any(
        here[one] == there[other] and here[other] == there[one]
        for place, one in enumerate(moved)
        for other in moved[:place]
    )


def _after(tokens: tuple[Token, ...]) -> dict[str, str]:
    """Each word of content, and the word that it stands after; of words that occur twice neither."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    before = ""
    for token in tokens:
        if token.word in ARTICLES:
            continue
        if token.word not in FUNCTION:
            if token.stem in found:
                twice.add(token.stem)
            found[token.stem] = before
        before = token.stem
    return {word: place for word, place in found.items() if word not in twice}
