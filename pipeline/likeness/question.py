"""What kind of answer is asked for: who is not when, and `how many` is not `how`."""

from pipeline.likeness.pair import Pair
from pipeline.likeness.token import Token
from pipeline.likeness.words import QUESTIONS, listed

__all__ = ["asks", "question"]

_MEASURES = frozenset(listed("many much long old far often big tall high deep fast soon large wide heavy"))
_SAME = {"whom": "who", "whose": "who"}


def question(pair: Pair) -> bool:
    """Whether both ask with the same words, as far as both ask with words."""
    mine, other = _asked(pair.new), _asked(pair.old)
    return mine == other


def asks(pair: Pair) -> bool:
    """Whether, where both ask with such words, one at least is the same."""
    mine, other = _asked(pair.new), _asked(pair.old)
    return not mine or not other or not set(mine).isdisjoint(other)


def _asked(tokens: tuple[Token, ...]) -> list[str]:
    found = []
    for place, token in enumerate(tokens):
        if token.word in QUESTIONS:
            after = tokens[place + 1].word if place + 1 < len(tokens) else ""
            word = _SAME.get(token.word, token.word)
            found.append(f"{word} {after}" if word == "how" and after in _MEASURES else word)
    return sorted(found)
