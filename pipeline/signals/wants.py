"""Whether an answer is wished for as code, with mathematics, or as JSON: by words and marks of what is asked."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.signals.conversation import Survey
from pipeline.signals.cues import CODE_ACTS, CODE_THINGS, CODE_WORDS, FORMULAS, MATHS
from pipeline.signals.reading import Reading

__all__ = ["Wants", "wants_of"]

_SUM: Final = re.compile(rb"[\d)](?:\s?[*^=+]\s?|\s[-/]\s)[\d(]")
"""Without spaces, a line between figures is a date or a range as often as a sum."""
_HOW_MUCH: Final = (b"ow many ", b"ow much ", b"ie viele ", b"ombien ", "uánto".encode())
"""Without the first letter, which may be a capital."""
_LATEX: Final = (b"\\frac", b"\\sum", b"\\int", b"\\sqrt")
_JSON: Final = frozenset({b"json"})


@dataclass(frozen=True, slots=True)
class Wants:
    """What kind of answer the whole conversation asks for; several may be true."""

    code: bool
    math: bool
    json: bool


def wants_of(conversation: Survey, reading: Reading) -> Wants:
    """What is wished for. It is a guess from words, in favour of yes: a route that needs to be sure asks the caller."""
    return Wants(
        code=_code(reading),
        math=_math(reading),
        json=conversation.has_schema or not _JSON.isdisjoint(reading.cues),
    )


def _code(reading: Reading) -> bool:
    cues = reading.cues
    if reading.fences or not cues.isdisjoint(CODE_WORDS):
        return True
    return not cues.isdisjoint(CODE_ACTS) and not cues.isdisjoint(CODE_THINGS)


def _math(reading: Reading) -> bool:
    if not reading.cues.isdisjoint(MATHS):
        return True
    text = reading.text
    if b"\\" in text and any(mark in text for mark in _LATEX):
        return True
    if not text.isascii() and any(mark in text for mark in FORMULAS):
        return True
    return any([phrase in text for phrase in _HOW_MUCH]) or _SUM.search(text) is not None  # noqa: C419  a generator takes longer
