"""A question and its denial have no answer in common."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token
from pipeline.likeness.words import NEGATIONS

__all__ = ["denies", "negation"]

_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "de")


def negation(pair: Pair) -> bool:
    """Whether both deny as often, and no word of one is the other's with `un-`, `in-`, `dis-` before it."""
    return _denials(pair.new) == _denials(pair.old) and not _prefixed(pair)


def denies(tokens: tuple[Token, ...]) -> bool:
    """Whether words that were taken back hold a denial, which may have to stay. The `no` of a correction is none."""
    return any(token.word in NEGATIONS and token.word not in {"no", "cancel", "stop"} for token in tokens)


def _denials(tokens: tuple[Token, ...]) -> int:
    return sum(token.word in NEGATIONS for token in tokens)


def _prefixed(pair: Pair) -> bool:
    if not pair.missing or not pair.extra:
        return False
    missing, extra = {token.stem for token in pair.missing}, {token.stem for token in pair.extra}
    return any(
        word.startswith(prefix) and word[len(prefix) :] in other and len(word) > len(prefix) + 2
        for mine, other in ((missing, extra), (extra, missing))
        for word in mine
        if word.startswith(_PREFIXES)
        for prefix in _PREFIXES
    )
