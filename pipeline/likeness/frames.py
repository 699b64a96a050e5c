"""Courtesies around a question: `could you please tell me` asks nothing."""

from typing import Final

from pipeline.likeness.token import Token

__all__ = ["unframed"]

_OPENINGS: Final = tuple(sorted((tuple(line.split()) for line in """
hi|hello|hey|hey there|hello there|hi there|good morning|good evening|good afternoon|please|ok|okay|so|well
can you|could you|would you|will you|can you please|could you please|would you please|i would like you to
i want you to|i need you to|please can you|please could you|tell me|please tell me|can you tell me|could you tell me
can you please tell me|could you please tell me|would you tell me|let me know|i want to know|i would like to know
i wanted to know|i need to know|i was wondering|i am wondering|i wonder|do you know
do you happen to know|would you mind telling me
may i ask|can i ask|could i ask|my question is|quick question|a question|one question
""".replace("\n", "|").split("|") if line), key=len, reverse=True))  # fmt: skip
_CLOSINGS: Final = tuple(tuple(line.split()) for line in (
    "thank you very much", "thanks a lot", "thank you", "thanks in advance", "thanks", "please", "thx", "for me please"
))  # fmt: skip
_STARTS: Final = {first: [each for each in _OPENINGS if each[0] == first] for first in {each[0] for each in _OPENINGS}}
_STOPS: Final = {closing[-1] for closing in _CLOSINGS}


def unframed(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Without courtesies at either end, as long as something is left."""
    first, last = 0, len(tokens)
    while first < last and tokens[first].word in _STARTS:
        length = _opens(tokens, first)
        if not length or first + length >= last:
            break
        first += length
    while last > first and tokens[last - 1].word in _STOPS:
        length = _closes(tokens, last)
        if not length or last - length <= first:
            break
        last -= length
    return tokens[first:last]


def _opens(tokens: tuple[Token, ...], first: int) -> int:
    for opening in _STARTS[tokens[first].word]:
        if tuple(token.word for token in tokens[first : first + len(opening)]) == opening:
            return len(opening)
    return 0


def _closes(tokens: tuple[Token, ...], last: int) -> int:
    for closing in _CLOSINGS:
        if tuple(token.word for token in tokens[max(0, last - len(closing)) : last]) == closing:
            return len(closing)
    return 0
