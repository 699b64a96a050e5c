"""A scan cut into steps, so that between two of them other texts get their turn and the clock is read.

A long text is scanned in pieces. Each piece sees context on both sides, and keeps the findings that begin in it, so
that no finding is cut or counted twice. A finding that reaches the end of what its piece sees may go on: then the next
piece begins with it, and sees more. A word is never cut, however long: it may hold an embedded text, as `data:` does.

Steps are generators. They yield before the work: the number of characters that the next step reads, or an `Ask`, which
is answered with the names in its texts. Who drives them decides when, and what is asked together.
"""

import re
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple

from pipeline.adapters.pii.spans import Span, resolve

__all__ = ["MOST_SPANS", "Ask", "Plain", "Scanned", "Steps", "TooMany", "drive", "piecewise"]

PIECE: Final = 4096
CONTEXT: Final = 512
LONGEST: Final = 98_304
"""Characters of one finding, and of one word, up to which its end is looked for."""
_WORD: Final = re.compile(r"[A-Za-z0-9+/=_%.~!$&*;:@,-]*")
MOST_SPANS: Final = 20_000
"""Findings of one request beyond which its scan fails. Nothing is ever left out in silence."""


class TooMany(Exception):
    """A request holds more findings than are carried."""


class Ask(NamedTuple):
    """A wish for the names in each of `texts`, by the pipeline of `language`."""

    language: str
    texts: tuple[str, ...]

    @property
    def length(self) -> int:
        """How many characters are to be read."""
        return sum(map(len, self.texts))


class Scanned(NamedTuple):
    """What one text holds, the languages it is in, and whether the names of all of them are known here."""

    spans: tuple[Span, ...] = ()
    languages: tuple[str, ...] = ()
    covered: bool = True


Steps = Generator[int | Ask, Any, Scanned]


def piecewise(text: str, scan: Callable[[str], list[Span]]) -> Generator[int, Any, list[Span]]:
    """The spans of `text`, found piece by piece, in the order of the text and without overlaps."""
    found: list[Span] = []
    start, size = 0, PIECE
    while True:
        edge = _edge(text, start + size)
        low, high = max(0, start - CONTEXT), min(len(text), edge + CONTEXT)
        yield high - low
        spans = scan(text[low:high])
        if low:
            spans = [Span(span.type, low + span.start, low + span.end, span.score) for span in spans]
        if high == len(text):
            found += [span for span in spans if span.start >= start]
            return resolve(found) if start else found
        border = edge
        if spans and spans[-1].end == high:  # it may go on
            border = min(edge, max(start, spans[-1].start))
        if border == start and size < LONGEST:
            size *= 4
            continue
        border = border if border > start else edge
        found += [span for span in spans if start <= span.start < border]
        start, size = border, PIECE


def _edge(text: str, at: int) -> int:
    """Where a piece that should end `at` ends: behind the word that stands there, unless that never ends."""
    word = _WORD.match(text, at, at + LONGEST) if at < len(text) else None
    return word.end() if word is not None and word.end() < at + LONGEST else at


class Plain:
    """The patterns alone, in steps. It loads nothing."""

    def __init__(self, scan: Callable[[str], list[Span]], version: str) -> None:
        self._scan = scan
        self.version = version

    def steps(self, unit: str) -> Steps:
        """Scan `unit` for all that has a form."""
        return Scanned(tuple((yield from piecewise(unit, self._scan))))


def drive(steps: Steps, answer: Callable[[Ask], Any]) -> Scanned:
    """Take all steps at once, and answer each wish by itself."""
    given = None
    try:
        while True:
            step = steps.send(given)
            given = answer(step) if isinstance(step, Ask) else None
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
