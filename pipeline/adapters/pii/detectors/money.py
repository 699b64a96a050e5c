"""Card numbers and IBANs. Check digits raise the score; a wrong one does not clear the text."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["CARD", "IBAN"]

_CARD: Final = re.compile(
    r"(?<![\w])(?<!\d[.,])"
    r"(?:\d{4}([ .-])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?"
    r"|\d{4}([ .-])\d{6}\2\d{4,5}"
    r"|\d{12,19}"
    r"|\d(?:[ -]\d){11,18}(?![ -]\d))"
    r"(?!\w|[.,]\d)"
)
_SEPARATORS: Final = str.maketrans("", "", " -.")
_SERIES: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|095|[689]\d)\d{10,16}|35\d{14,17}|(?:2131|1800)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"
    r"|(?:62|81)\d{14,17}|(?:50|5[6-9]|6\d)\d{10,17}|220[0-4]\d{12,15}|9792\d{12}|82\d{14}"
)
"""Who issues which first digits, and how long the number is (ISO/IEC 7812; public lists of issuers)."""


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def _card_score(digits: str, grouped: bool, cued: bool) -> float:
    known = _SERIES.fullmatch(digits) is not None
    if len(set(digits)) < 2:
        return 0.0
    if _luhn(digits):
        return (0.95 if cued or grouped else 0.9) if known else (0.85 if cued else 0.45)
    if known and grouped:
        return 0.6 if cued else 0.5
    return 0.55 if cued and (known or grouped) else 0.2


def _cards(page: Page) -> Iterator[Span]:
    for match in _CARD.finditer(page.text):
        number = match.group()
        digits = number.translate(_SEPARATORS)
        if 12 <= len(digits) <= 19:
            cued = cues.near(page, cues.CARD, *match.span())
            yield Span("CREDIT_CARD", *match.span(), _card_score(digits, len(digits) < len(number), cued))


_IBAN_HEAD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_IBAN_BODY: Final = re.compile(r"[ -]?([A-Za-z0-9])")
_IBAN_COUNTRIES: Final = {
    15: "NO",
    16: "BE",
    18: "DK FO FI GL NL SD FK",
    19: "MK SI",
    20: "AT BA EE KZ XK LT LU MN",
    21: "CH HR LV LI",
    22: "BH BG CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ MD PK RO SA SK ES SE TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTH: Final = {
    country: length for length, countries in _IBAN_COUNTRIES.items() for country in countries.split()
}
"""Length of an IBAN by country (SWIFT IBAN registry)."""


def _mod97(iban: str) -> bool:
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def _iban_at(text: str, match: re.Match[str]) -> tuple[str, int] | None:
    """The characters of the IBAN that begins at `match`, and its end; None when the length does not fit."""
    letters = [match.group().upper()]
    missing = _IBAN_LENGTH.get(letters[0][:2], 4) - 4
    if missing <= 0:
        return None
    end = match.end()
    for _ in range(missing):
        step = _IBAN_BODY.match(text, end)
        if step is None:
            return None
        letters.append(step.group(1))
        end = step.end()
    return None if text[end : end + 1].isalnum() else ("".join(letters).upper(), end)


def _ibans(page: Page) -> Iterator[Span]:
    for match in _IBAN_HEAD.finditer(page.text):
        found = _iban_at(page.text, match)
        if found is None or sum(map(str.isdigit, found[0])) < 7:
            continue
        score = 0.97 if _mod97(found[0]) else 0.55
        if score < 0.9 and cues.near(page, cues.IBAN, match.start(), found[1]):
            score = 0.75
        yield Span("IBAN", match.start(), found[1], score)


CARD: Final = Detector("cards", ("CREDIT_CARD",), lambda page: page.digits >= 12 and page.chain >= 12, _cards)
IBAN: Final = Detector("ibans", ("IBAN",), lambda page: page.digits >= 7, _ibans)
