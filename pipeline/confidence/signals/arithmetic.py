"""Whether the sums in an answer are right, and whether it comes to an end with an answer. Pure.

Every `a op b = c` is computed again, `<<a op b=c>>` too, by a parser of numbers, parentheses and the four operations;
nothing is ever evaluated as a program. A result may be rounded as it is written.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.confidence.signals.seen import Seen

__all__ = ["NAMES", "signals", "sums"]

NAMES: Final = ("arithmetic", "concluded")

LONGEST: Final = 20_000
"""Characters that are looked at."""
_MOST: Final = 16
_WINDOW: Final = 64
_LEFT: Final = "0123456789.,$€£%() \t+-−–*/×÷·"
_TIMES: Final = re.compile(r"(?<=[\d)%.])\s*(?:x|X|of|times)\s*(?=[\d($€£.])")
_RIGHT: Final = re.compile(
    r"\s*[$€£]?\s*([-−]?\s*[$€£]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+)\s*(%)?(\s*[+*/×÷(]|\s*[-−–]\s*\d)?"
)
_PIECE: Final = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+|[()+*/%-]")
_SIGNS: Final = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "$": " ", "€": " ", "£": " "})
_ENDS: Final = re.compile(
    r"####|\\boxed|\b(?:answer|total|result)\s*(?:is\b|:|=)|\b(?:therefore|thus|hence|so),? ", re.IGNORECASE
)
_ENDING: Final = ("####", "boxed", "answer", "total", "result", "therefore", "thus", "hence", "so ", "so,")
_OTHER: Final = re.compile(r"[^\d.\-]")
_REASONS: Final = 80


def signals(seen: Seen) -> dict[str, float | None]:
    """The share of sums that are right (None without one), and whether reasoning comes to an answer."""
    text = seen.text[:LONGEST]
    checked = list(sums(text)) if "=" in text else []
    share = sum(checked) / len(checked) if checked else None
    reasons = bool(checked) or (len(text) >= _REASONS and not seen.has_document)
    return {"arithmetic": share, "concluded": float(_concludes(text)) if reasons else None}


def _concludes(text: str) -> bool:
    """Whether the text says what it comes to. Most do not, and looking for the words alone is ten times as quick."""
    lower = text.lower()
    return any(word in lower for word in _ENDING) and _ENDS.search(text) is not None


def sums(text: str) -> Iterator[bool]:
    """For each sum in `text` whether it is right, up to a bound."""
    text = _TIMES.sub("*", text)
    count, at = 0, text.find("=")
    while at >= 0 and count < _MOST:
        right = _RIGHT.match(text, at + 1)
        if right is not None and right.group(3) is None:
            value = _left(text[max(0, at - _WINDOW) : at])
            if value is not None:
                count += 1
                yield _same(value, right.group(1), percent=right.group(2) is not None)
        at = text.find("=", at + 1)


def _left(window: str) -> float | None:
    """What stands before a sign of equality, computed; None: no operation stands there."""
    begins = len(window.rstrip(_LEFT))
    if begins == 0 and len(window) == _WINDOW:
        return None  # it begins before what is looked at
    pieces = _PIECE.findall(window[begins:].translate(_SIGNS))
    if len(pieces) < 2:
        return None
    for start in range(min(len(pieces), _WINDOW)):
        rest = pieces[start:]
        if not any(piece in "+-*/%" for piece in rest[1:]):
            return None
        value = _Reader(rest).whole()
        if value is not None:
            return value
    return None


def _same(value: float, written: str, *, percent: bool) -> bool:
    digits = _OTHER.sub("", written.replace("−", "-"))
    told = float(digits)
    if not (math.isfinite(value) and math.isfinite(told)):
        return False
    places = len(digits.partition(".")[2])
    near = 0.5 * 10.0**-places + 1e-9 * max(1.0, abs(value))
    if places == 0 and value == round(value):
        near = 1e-9 * max(1.0, abs(value))
    return abs(value - told) <= near or (percent and abs(value * 100 - told) <= near + 1e-9)


class _Reader:
    """Computes pieces by the usual precedence; None where they are no expression."""

    __slots__ = ("_at", "_pieces")

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces
        self._at = 0

    def whole(self) -> float | None:
        try:
            value = self._sum()
        except (ValueError, ZeroDivisionError, IndexError, RecursionError):
            return None
        return value if self._at == len(self._pieces) else None

    def _next(self) -> str:
        return self._pieces[self._at] if self._at < len(self._pieces) else ""

    def _sum(self) -> float:
        value = self._product()
        while (sign := self._next()) in ("+", "-"):
            self._at += 1
            other = self._product()
            value = value + other if sign == "+" else value - other
        return value

    def _product(self) -> float:
        value = self._single()
        while (sign := self._next()) in ("*", "/"):
            self._at += 1
            other = self._single()
            value = value * other if sign == "*" else value / other
        return value

    def _single(self) -> float:
        piece = self._next()
        self._at += 1
        if piece == "-":
            return -self._single()
        if piece == "(":
            value = self._sum()
            if self._next() != ")":
                raise ValueError
            self._at += 1
        else:
            value = float(piece.replace(",", ""))
        while self._next() == "%":
            self._at += 1
            value /= 100
        return value
