"""Numbers of things that belong to someone: vehicles by VIN or plate, telephones and SIM cards by IMEI and the like."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors import check_digits as check
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.pieces import Piece, pieces
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["DEVICE", "VEHICLE"]

# ---------------------------------------------------------------- vehicles

_VIN: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9_-])")
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_YEARS: Final = frozenset("ABCDEFGHJKLMNPRSTVWXY123456789")
_FEWEST_LETTERS, _MOST_LETTERS = 2, 13


def _vin_checks(vin: str) -> bool:
    """The ninth sign is the weighted sum modulo 11 (49 CFR 565.15), the tenth a model year."""
    total = sum(
        (int(sign) if sign.isdigit() else _VALUES[sign]) * weight for sign, weight in zip(vin, _WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == vin[8] and vin[9] in _YEARS


def _vins(page: Page) -> Iterator[Span]:
    for match in chain.from_iterable(_VIN.finditer(page.text, *place) for place in page.long_places):
        vin = match.group().upper()
        letters = sum(map(str.isalpha, vin))
        cued = nearby.near(page, cues.VEHICLE, *match.span())
        if letters == len(vin) or not (cued or _FEWEST_LETTERS <= letters <= _MOST_LETTERS):
            continue
        good = _vin_checks(vin) and match.group() == vin and vin[-3:].isdigit()
        score = 0.85 if good and cued else 0.7 if cued else 0.6 if good else 0.2
        yield Span("VEHICLE_ID", *match.span(), score)


_PLATE: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[A-ZÄÖÜ0-9 -]*\d)(?:[A-ZÄÖÜ]{1,3}[- ]?[A-Z]{0,2}[- ]?\d{1,4} ?[A-Z]{0,3}"
    r"|\d{1,4}[- ]?[A-Z]{1,3}[- ]?\d{0,4}"
    r"|[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]{2}-\d{3}-[A-Z]{2}|\d{2}-[A-Z]{2}-\d{2}|[A-Z0-9]{5,8})(?![A-Za-z0-9_-])"
)
_SHORTEST_PLATE, _LONGEST_PLATE = 4, 8


def _plates(page: Page) -> Iterator[Span]:
    for match in _PLATE.finditer(page.text):
        signs = sum(map(str.isalnum, match.group()))
        if not _SHORTEST_PLATE <= signs <= _LONGEST_PLATE or not any(map(str.isalpha, match.group())):
            continue
        if nearby.leading(page, cues.PLATE, *match.span()):
            yield Span("VEHICLE_ID", *match.span(), 0.7)


def _vehicles(page: Page) -> Iterator[Span]:
    if _long_word(page):
        yield from _vins(page)
    if nearby.says(page, cues.PLATE) and nearby.places(page, cues.PLATE):
        yield from _plates(page)


_SEVENTEEN: Final = re.compile(r"[A-Za-z0-9]{17}")
_LENGTH: Final = 17


def _long_word(page: Page) -> bool:
    return page.digits >= 1 and page.longest >= _LENGTH and _SEVENTEEN.search(page.long_words) is not None


def _may_have_vehicle(page: Page) -> bool:
    return page.digits >= 1 and (nearby.says(page, cues.PLATE) or _long_word(page))


VEHICLE: Final = Detector("vehicles", ("VEHICLE_ID",), _may_have_vehicle, _vehicles)

# ---------------------------------------------------------------- telephones and SIM cards

_IMEI_SHAPES: Final = frozenset(
    ("9" * 15, "9" * 16, "99-999999-999999-9", "99 999999 999999 9", "999999-99-999999-9", "999999 99 999999 9")
)
_SIM_SHAPES: Final = frozenset(("9" * 18, "9" * 19, "9" * 20, "9999 9999 9999 9999 999", "9" * 14))


def _device_score(page: Page, piece: Piece) -> float:
    around = nearby.around(page, piece.start, piece.end)
    if not around.closest & cues.IMEI:
        return 0.0
    digits = piece.compact
    if piece.shape in _IMEI_SHAPES:
        return 0.92 if check.luhn(digits[:15]) else 0.7
    return 0.75 if piece.shape in _SIM_SHAPES and digits.startswith("89") else 0.0


def _devices(page: Page) -> Iterator[Span]:
    if not nearby.says(page, cues.IMEI):
        return
    for piece in pieces(page):
        if len(piece.shape) >= 14 and (score := _device_score(page, piece)):
            yield Span("DEVICE_ID", piece.start, piece.end, score)


DEVICE: Final = Detector(
    "devices", ("DEVICE_ID",), lambda page: page.digits >= 14 and nearby.says(page, cues.IMEI), _devices
)
