"""How hard a conversation looks, from 0 to 1, and what of it makes it so.

A heuristic that explains itself: each part is a share of its own weight, from 0 (nothing of it) to 1 (as much as
counts), and the parts are joined as independent reasons, `1 - (1 - p1)(1 - p2)…`. So no part alone makes a request the
hardest, every further reason counts less, and what a conversation has said before is never taken back. What it is worth
on recorded answers is in docs/how-to/difficulty.md; a learned score is in `difficulty`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Final

from pipeline.contracts import Request
from pipeline.signals.conversation import Survey, survey
from pipeline.signals.cues import CODE_WORDS, CONSTRAINTS, FORMULAS, MATHS, REASONING, STEPS, TRANSLATING, UNSPACED
from pipeline.signals.reading import Reading, read, scripts

__all__ = ["PARTS", "Complexity", "complexity", "complexity_of"]

PARTS: Final[Mapping[str, float]] = {
    "length": 0.30,
    "turns": 0.15,
    "constraints": 0.40,
    "depth": 0.35,
    "reasoning": 0.50,
    "code": 0.35,
    "formulas": 0.35,
    "tools": 0.25,
    "schema": 0.20,
    "languages": 0.15,
    "unread": 0.40,
}
"""What a part counts at most."""
_SHORT: Final = 200
_LONG: Final = 16_000
_DIGITS: Final = 4
_ITEMS: Final = (b"- ", b"* ", b"1.", b"2.", b"3.")
_LINES: Final = 64
"""Lines in which items of a list are counted; eight items are as many as count."""
_REASONING: Final = REASONING | frozenset(UNSPACED)


@dataclass(frozen=True, slots=True)
class Complexity:
    """The score, and what each part adds to it, up to its weight in `PARTS`; parts that add nothing are left out."""

    score: float
    parts: Mapping[str, float]

    def sentence(self) -> str:
        """The score in words, the strongest part first."""
        if not self.parts:
            return f"complexity {self.score:.2f}: a short plain question"
        parts = sorted(self.parts.items(), key=lambda part: -part[1])
        return f"complexity {self.score:.2f}: " + ", ".join(f"{name} {value:.2f}" for name, value in parts)


def complexity(request: Request) -> Complexity:
    """The score of a request, over its whole conversation."""
    conversation = survey(request)
    return complexity_of(conversation, read(conversation))


def complexity_of(conversation: Survey, reading: Reading) -> Complexity:
    """The score of a conversation that was read already."""
    parts: dict[str, float] = {}
    easy = 1.0
    for (name, weight), amount in zip(_WEIGHTS, _amounts(conversation, reading), strict=True):
        if amount > 0.0:
            part = amount * weight if amount < 1.0 else weight
            parts[name] = part
            easy *= 1.0 - part
    return Complexity(round(1.0 - easy, _DIGITS), parts)


_WEIGHTS: Final = tuple(PARTS.items())


def _amounts(conversation: Survey, reading: Reading) -> tuple[float, ...]:
    """Each part in the order of `PARTS`, from 0; 1 and more is all that counts."""
    characters, text, cues, tools = conversation.characters, reading.text, reading.cues, conversation.request.tools
    return (
        log(characters / _SHORT) / log(_LONG / _SHORT) if characters > _SHORT else 0.0,
        (conversation.turns - 1) / 8,
        (len(cues & CONSTRAINTS) + _items(text)) / 8,
        (max(0, text.count(b"?") - 1) + len(cues & STEPS)) / 8,
        len(cues & _REASONING) / 4,
        (reading.fences + reading.told) / 4 + len(cues & CODE_WORDS) / 4,
        _formulas(text) / 8 + len(cues & MATHS) / 6,
        len(tools) / 8 if tools else 0.0,
        conversation.schema_bytes / 4_000 if conversation.has_schema else 0.0,
        ((0 if text.isascii() else scripts(text) - 1) + (not cues.isdisjoint(TRANSLATING))) / 2,
        float(reading.unread),
    )


def _items(text: bytes) -> int:
    """Lines that are items of a list."""
    return sum([line.startswith(_ITEMS) for line in text.split(b"\n", _LINES)])


def _formulas(text: bytes) -> int:
    """Signs of formulas."""
    marks = text.count(b"\\") + text.count(b"^")
    return marks if text.isascii() else marks + sum(text.count(mark) for mark in FORMULAS)
