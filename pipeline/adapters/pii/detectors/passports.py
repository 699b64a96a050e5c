"""Passports: numbers in the forms of the countries that issue them, beside a cue, and machine-readable lines."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.pieces import Piece, pieces, shapes
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["PASSPORT"]

_SHAPES: Final = frozenset(
    shapes(
        "A?9{8}|9{9}|A9{7}|A9{6}|A 9{7}|A 9{8}|AA 9{7}|AA 9{6}|AA-9{7}|A-9{8}|A-9{7}|A9{9}"  # US GB IN CN AU CA BR IE
        "|AA9{6}|AA9{7}|AA9{8}|A{3}9{6}|99AA9{5}|A9{3}A9{4}|99 9{7}|9{4} 9{6}|99 99 9{6}|9{10}"  # IT PL FR ES KR RU
        "|AAA 9{6}|AAA9{7}|A99AA9{4}|9{3} 9{3} 9{3}|9{7}|AA 9{3} 9{4}|A9{2}A99A99|A9{8}A"  # FI SE MX
    )
)
_MACHINE: Final = re.compile(
    r"(?<![A-Z0-9<])[PVIAC][A-Z<][A-Z]{3}[A-Z]{2,37}<[A-Z<]{2,37}(?:\s{1,2}[A-Z0-9<]{28,44}(?![A-Z0-9<]))?"
)
_SECOND_LINE: Final = re.compile(r"(?<![A-Z0-9<])[A-Z0-9<]{9}\d[A-Z]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{2,16}(?![A-Z0-9<])")
_CLOSE: Final = 0.85
_AROUND: Final = 0.6
_FEWEST_DIGITS: Final = 3


def _is_number(piece: Piece) -> bool:
    """A form of some country, or six to ten letters and digits in one word, as Germany's `C01X00T47`."""
    if piece.shape in _SHAPES:
        return True
    return 6 <= len(piece.shape) <= 10 and piece.shape.isalnum() and piece.shape.count("9") >= _FEWEST_DIGITS


def _says_passport(page: Page) -> bool:
    return nearby.says(page, cues.PASSPORT)


def _passports(page: Page) -> Iterator[Span]:
    if "<" in page.text:
        for line in (_MACHINE, _SECOND_LINE):
            for match in line.finditer(page.text):
                yield Span("PASSPORT", *match.span(), 0.95)
    if page.digits < _FEWEST_DIGITS or not _says_passport(page):
        return
    for piece in pieces(page):
        if _is_number(piece) and nearby.near(page, cues.PASSPORT, piece.start, piece.end):
            close = nearby.leading(page, cues.PASSPORT, piece.start, piece.end)
            yield Span("PASSPORT", piece.start, piece.end, _CLOSE if close else _AROUND)


def _may_have_passport(page: Page) -> bool:
    return "<" in page.text or (page.digits >= _FEWEST_DIGITS and _says_passport(page))


PASSPORT: Final = Detector("passports", ("PASSPORT",), _may_have_passport, _passports)
