"""A text as detectors see it: disguises taken off, with the way back to the original offsets.

Full-width and foreign digits, look-alike letters, no-break spaces and typographic hyphens become their plain ASCII
counterpart, one character for one; invisible characters are dropped. ASCII text passes untouched.

What several detectors need of the same text is computed once and kept here.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import chain
from typing import Final

from pipeline.adapters.pii.hints import Hints, hints_of

__all__ = ["Page"]

_CONTROLS: Final = bytes(code for code in (*range(32), 127) if chr(code) not in "\t\n\v\f\r")
"""Control characters without a place on paper. Models read past them, and so must we."""
_INVISIBLE: Final = frozenset(
    map(
        chr,
        chain(
            (0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
            (0x305, 0x332, 0x333, *range(0x335, 0x339), *range(0x20D0, 0x20F1)),  # drawn over the character before
            range(0x180B, 0x1810),
            range(0x200B, 0x2010),
            range(0x202A, 0x202F),
            range(0x2060, 0x2070),
            range(0xFE00, 0xFE10),
            range(0xFFF9, 0xFFFC),
            range(0x1D173, 0x1D17B),
            range(0xE0000, 0xE0020),
            (0xE007F,),
            range(0xE0100, 0xE01F0),
            _CONTROLS,
        ),
    )
)
_LOOKALIKES: Final = dict(
    zip(
        "асеорхуіјѕԁһԛԝкмтѵӏԍАВЕКМНОРСТХУІЈЅԌԚԜҮαοντικρυγχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧҒЬİıɑɡƖǀꞮᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢօոսցհոѡΥ",
        "aceopxyijsdhqwkmtvlgABEKMHOPCTXYIJSGQWYaovtikpuyxwABEZHIKMNOPTYXFbIiagllIABCDEFGHJKLMNOPRSTUVWYZonughnwY",
        strict=True,
    )
)
_HYPHENS: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d\u00af\u02d7")
_SIGNS: Final = dict(zip("\u00b7\u2022\u2024\u3002\uff61\u2044\u2215\u2236\ua789\ufe55", ".....//:::", strict=True))
_NOT_DIGITS: Final = bytes(code for code in range(256) if not 0x30 <= code <= 0x39)
_REMEMBERED: Final = 8192
_CHAIN: Final = re.compile(r"\d(?:[ ./()+-]{0,5}\d)*")
_LOOSE: Final = re.compile(r"\d(?:[A-Za-z ./()+-]{0,5}\d)*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_LOWERED: Final = bytes(
    code if chr(code).islower() else code + 32 if chr(code).isupper() else 32 for code in range(128)
) + bytes(range(128, 256))
"""ASCII letters in lower case; what else is ASCII is a space."""
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_FEW: Final = 12
_LONG_ONES: Final = re.compile(rb"[\x0f-\xff]")
_WIDEST: Final = 255


def _fold(character: str) -> str:
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    if character in _HYPHENS:
        return "-"
    if character in _SIGNS:
        return _SIGNS[character]
    if "\U000e0020" <= character <= "\U000e007e":  # tags: ASCII that is not shown
        return chr(ord(character) - 0xE0000)
    if character.isspace() or character == "\u2800":
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


def _controlled(text: str) -> bool:
    """Whether a text holds control characters that are dropped."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded.translate(None, _CONTROLS)) < len(encoded)


def _foreign(text: str) -> set[str]:
    """The characters of a text that are not ASCII."""
    return set("".join(_FOREIGN.findall(text)))


def _folded(text: str, foreign: AbstractSet[str]) -> str:
    """The text with its foreign characters folded: one after the other where they are few."""
    plain = {character: _FOLDING[ord(character)] for character in foreign} if len(foreign) <= _FEW else {}
    if not plain or not _settled(plain):
        return text.translate(_FOLDING)
    for character, instead in plain.items():
        if character != instead:
            text = text.replace(character, instead)
    return text


def _settled(plain: Mapping[str, str]) -> bool:
    """Whether nothing that a character becomes would become something else."""
    return all(plain.get(instead, instead) == instead for instead in plain.values())


class Page:
    """One text, made ready once for all detectors.

    Attributes:
        text: the text without disguises.
        lower: the same in lower case, of the same length.
        ascii: whether the text is of ASCII characters only.
        encoded: the text in UTF-8.
        digits: how many ASCII digits the text holds.
    """

    def __init__(self, original: str) -> None:
        self._offsets: list[int] | None = None
        self._hints: Hints | None = None
        plain = original.isascii() and not _controlled(original)
        self.text = original if plain else self._unmask(original)
        self.ascii = self.text.isascii()
        self.encoded = self.text.encode("utf-8", "surrogatepass")
        self.digits = len(self.encoded.translate(None, _NOT_DIGITS))
        self.lower = self.text.lower()

    def _unmask(self, original: str) -> str:
        foreign = _foreign(original)
        if not _INVISIBLE.isdisjoint(foreign) or _controlled(original):
            self._offsets = [at for at, character in enumerate(original) if character not in _INVISIBLE]
            original = "".join([original[at] for at in self._offsets])
            foreign -= _INVISIBLE
        return _folded(original, foreign)

    @property
    def hints(self) -> Hints:
        """What the words of the text make possible."""
        if self._hints is None:
            self._hints = hints_of(self._vocabulary())
        return self._hints

    def _vocabulary(self) -> set[str]:
        """The runs of letters of the text, in lower case."""
        return set(self.letters.split())

    @cached_property
    def letters(self) -> str:
        """The letters of the text in lower case, where they stand; all else is a space."""
        if self.ascii:
            return self.encoded.translate(_LOWERED).decode("ascii")
        letters = self.lower.encode("utf-8", "surrogatepass").translate(_LOWERED).decode("utf-8", "surrogatepass")
        for sign in _foreign(letters):
            if not _LETTER.match(sign):
                letters = letters.replace(sign, " ")
        return letters

    @cached_property
    def chain(self) -> int:
        """The most digits in a row with at most five separators between two of them."""
        return self._most(_CHAIN)

    @cached_property
    def loose(self) -> int:
        """The most digits in a row with at most five separators or letters between two of them."""
        return self._most(_LOOSE)

    def _most(self, rows: re.Pattern[str]) -> int:
        most = 0
        for row in rows.findall(self.text) if self.digits else ():
            if len(row) > most:
                most = max(most, len(row.encode().translate(None, _NOT_DIGITS)))
        return most

    @cached_property
    def words(self) -> Sequence[str]:
        """What stands between white space."""
        return self.text.split()

    @cached_property
    def lengths(self) -> bytes:
        """How many characters each of the words has; 255 stands for more, too."""
        try:
            return bytes(map(len, self.words))
        except ValueError:
            return bytes([min(len(word), _WIDEST) for word in self.words])

    def lone(self, number: int) -> bool:
        """Whether so many words in a row are a single character each."""
        return b"\1" * number in self.lengths

    @cached_property
    def longest(self) -> int:
        """Characters of the longest word, at most 255."""
        return max(self.lengths, default=0)

    @cached_property
    def long_words(self) -> str:
        """The words of fifteen and more characters, a line each: what holds no key in prose is short."""
        return "\n".join([self.words[at.start()] for at in _LONG_ONES.finditer(self.lengths)])

    @cached_property
    def long_places(self) -> Sequence[tuple[int, int]]:
        """Where the long words stand."""
        text, places, end = self.text, [], 0
        for word in self.long_words.split():
            start = text.index(word, end)
            end = start + len(word)
            places.append((start, end))
        return places

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original."""
        if self._offsets is None or start >= end:
            return start, end
        return self._offsets[start], self._offsets[end - 1] + 1
