"""A text as detectors see it: disguises taken off, with the way back to the original offsets.

Full-width and foreign digits, look-alike letters, no-break spaces and typographic hyphens become their plain ASCII
counterpart, one character for one; invisible characters are dropped. ASCII text passes untouched.
"""

import re
import unicodedata
from functools import cached_property
from typing import Final

__all__ = ["Page"]

_INVISIBLE: Final = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe00\ufe01\ufe0e\ufe0f\ufeff"
)
_LOOKALIKES: Final = dict(
    zip(
        "асеорхуіјѕԁһԛԝАВЕКМНОРСТХУІЈЅαοντικρΑΒΕΖΗΙΚΜΝΟΡΤΥΧİı",
        "aceopxyijsdhqwABEKMHOPCTXYIJSaovtikpABEZHIKMNOPTYXIi",
        strict=True,
    )
)
_HYPHENS: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_NOT_DIGITS: Final = bytes(code for code in range(256) if not 0x30 <= code <= 0x39)
_REMEMBERED: Final = 8192
_CHAIN: Final = re.compile(r"\d(?:[ ./()+-]{0,3}\d)*")


def _fold(character: str) -> str:
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    if character in _HYPHENS:
        return "-"
    if character.isspace():
        return "\n" if character in "\u2028\u2029\u0085" else " "
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


class _Folding(dict[int, str]):
    """A table for `str.translate` that fills itself, up to a bound."""

    def __missing__(self, code: int) -> str:
        plain = chr(code) if code < 128 else _fold(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = plain
        return plain


_FOLDING: Final = _Folding()


class Page:
    """One text, made ready once for all detectors.

    Attributes:
        text: the text without disguises.
        digits: how many ASCII digits it holds.
    """

    def __init__(self, original: str) -> None:
        self._offsets: list[int] | None = None
        self.text = original if original.isascii() else self._unmask(original)
        self.digits = len(self.text.encode("utf-8", "surrogatepass").translate(None, _NOT_DIGITS))

    def _unmask(self, original: str) -> str:
        if not _INVISIBLE.isdisjoint(original):
            self._offsets = [at for at, character in enumerate(original) if character not in _INVISIBLE]
            original = "".join([original[at] for at in self._offsets])
        return original.translate(_FOLDING)

    @cached_property
    def lower(self) -> str:
        """The text in lower case, of the same length."""
        return self.text.lower()

    @cached_property
    def chain(self) -> int:
        """The most digits in a row with at most three separators between two of them."""
        if not self.digits:
            return 0
        text = self.text
        return max(sum(map(str.isdigit, text[at.start() : at.end()])) for at in _CHAIN.finditer(text))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original."""
        if self._offsets is None or start >= end:
            return start, end
        return self._offsets[start], self._offsets[end - 1] + 1
