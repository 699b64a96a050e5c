"""Card numbers and IBANs. Check digits raise the score; a wrong one does not clear the text."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from stdnum import numdb

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.check_digits import luhn
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["CARD", "IBAN"]

_RUN: Final = re.compile(r"\d(?<![A-Za-z0-9_À-ɏ]\d)\d*(?:[ .-]\d+)*(?![A-Za-z0-9_À-ɏ])")
_GROUP: Final = re.compile(r"\d+")
_SEPARATORS: Final = str.maketrans("", "", " -.")
_SHORTEST, _LONGEST = 12, 19
_TABLE: Final = 64
"""Groups of numbers from which on a run is a table, and only usual groups in it are read as a card."""
_SERIES: Final = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|095|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12,15}|(?:2131|1800)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}"
    r"|(?:62|81)\d{14,17}|(?:50[0-9]|5[6-8]\d|6\d\d)\d{13}|220[0-4]\d{12,15}|9792\d{12}|82\d{14}|(?:508|353"
    r"|356)\d{13}"
)
"""Who issues which first digits, and how long the number is (ISO/IEC 7812; public lists of issuers)."""
_RARE: Final = re.compile(
    r"4\d{12}|4\d{17}|(?:50|5[6-9]|6\d)\d{10,17}|3(?:0[0-5]|095|[689]\d)\d{12,16}|1\d{14}"
    r"|6(?:011|4[4-9]\d"
    r"|5\d\d)\d{13,15}"
)
"""Old Visa, Maestro of unusual lengths, UATP: so short or so wide that other numbers fall in by chance."""
_PRINTED: Final = (
    "4-4-4-4 4-6-5 4-6-4 4-4-4-4-3 4-4-4-4-2 4-4-4-4-1 4-4-4-1 4-4-4-2 4-4-4-3 4-4-5 4-5-6",
    "4-4-4-3-3 4-4-4-5 4-4-4-6 5-5-5 6-6-4",
)
_USUAL: Final = frozenset(tuple(map(int, groups.split("-"))) for groups in " ".join(_PRINTED).split())
"""Groups as they are printed on cards. Digit by digit is usual only with a right Luhn digit: so are tables written."""


class _Card(NamedTuple):
    """What a number says of itself: a series of some issuer, a wide or old one, a right Luhn digit, usual groups."""

    known: bool
    rare: bool
    valid: bool
    usual: bool
    grouped: bool


def _read(digits: str, groups: tuple[int, ...]) -> _Card | None:
    """The number as a card; None when it cannot be one whatever stands beside it."""
    grouped = len(groups) > 1
    valid = luhn(digits)
    usual = grouped and (groups in _USUAL or (valid and set(groups) == {1}))
    if grouped and not usual and not valid:
        return None
    known = _SERIES.fullmatch(digits) is not None
    rare = not known and _RARE.fullmatch(digits) is not None
    if len(set(digits)) < _TWO or not (valid or known or rare or usual):
        return None
    return _Card(known, rare, valid, usual, grouped)


def _card_score(card: _Card, cued: bool, contested: bool) -> float:
    """By series, Luhn digit, groups and cue. `contested`: the closest cue names a number that is no card."""
    if card.valid:
        return _valid_score(card, cued, contested and not card.grouped)
    if card.known and card.usual:
        return 0.6 if cued else 0.5
    return 0.55 if cued else 0.0


def _valid_score(card: _Card, cued: bool, contested: bool) -> float:
    if contested:
        return 0.6 if card.known else 0.4
    if card.known:
        return 0.95 if cued or card.usual else 0.9
    if card.rare:
        return 0.95 if card.usual else 0.85 if cued else 0.55
    return 0.85 if cued else 0.45


def _stretches(text: str, run: re.Match[str]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Neighbouring groups of the run with as many digits as a card has, apart from the rest of it by spaces."""
    groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
    if sum([end - start for start, end in groups]) < _SHORTEST:
        return
    for at, (start, first) in enumerate(groups):
        if at and (text[start - 1] != " " or first - start == 1 == groups[at - 1][1] - groups[at - 1][0]):
            continue
        lengths: list[int] = []
        total = 0
        for begin, end in groups[at : at + _LONGEST]:
            lengths.append(end - begin)
            total += end - begin
            if total > _LONGEST:
                break
            if total < _SHORTEST or (len(groups) > _TABLE and tuple(lengths) not in _USUAL):
                continue
            if _ends_there(text, run.end(), end, lengths):
                yield start, end, tuple(lengths)


def _ends_there(text: str, last: int, end: int, lengths: list[int]) -> bool:
    """Whether a stretch may end at `end`: at the last group, or at a space, if no further single digit follows one."""
    if end == last:
        return True
    return text[end] == " " and (lengths[-1] > 1 or not text[end + 1].isdigit() or text[end + 2 : end + 3].isdigit())


_FRACTION: Final = re.compile(r"\.\d|,\d{1,7}(?!\d)")
_AMOUNT: Final = re.compile(r"(?:\d\.|(?<!\d)\d{1,7},)$")


def _joined_otherwise(text: str, run: re.Match[str]) -> bool:
    """Whether the run is the fraction of a number or a part of an amount."""
    start, end = run.span()
    return _AMOUNT.search(text, max(0, start - 9), start) is not None or _FRACTION.match(text, end) is not None


def _cards(page: Page) -> Iterator[Span]:
    text = page.text
    for run in _RUN.finditer(text):
        if run.end() - run.start() < _SHORTEST or _joined_otherwise(text, run):
            continue
        for start, end, groups in _stretches(text, run):
            if score := _scored(page, start, end, groups):
                yield Span("CREDIT_CARD", start, end, score)


def _scored(page: Page, start: int, end: int, groups: tuple[int, ...]) -> float:
    number = page.text[start:end]
    card = None if len(groups) == _TWO and "." in number else _read(number.translate(_SEPARATORS), groups)
    if card is None:
        return 0.0
    around = nearby.around(page, start, end)
    contested = bool(around.closest and not around.closest & cues.CARD)
    return _card_score(card, bool(around.near & cues.CARD), contested)


_TWO: Final = 2

_IBAN_HEAD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_IBAN_DIGITS: Final = re.compile(r"\d(?<=[A-Za-z]{2}\d)\d")
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
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
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


@cache
def _body(length: int) -> re.Pattern[str]:
    """So many letters and digits, with at most one space or hyphen before each."""
    return re.compile(rf"(?:[ -]?[A-Za-z0-9]){{{length}}}(?![A-Za-z0-9])")


def _iban_at(text: str, match: re.Match[str]) -> tuple[str, int] | None:
    """The characters of the IBAN that begins at `match`, and its end; None when the length does not fit."""
    length = _IBAN_LENGTH.get(match.group()[:2].upper())
    body = None if length is None else _body(length - 4).match(text, match.end())
    if body is None:
        return None
    return (match.group() + body.group()).translate(_SEPARATORS).upper(), body.end()


def _structured(iban: str) -> bool:
    """Whether letters and digits stand where the country has them (SWIFT IBAN registry, as python-stdnum keeps it)."""
    info = numdb.get("iban").info(iban)[0][1]
    kinds = "".join(int(count) * kind for count, kind in _TERM.findall(info.get("bban", "")))
    return all(
        kind == "c" or (sign.isdigit() if kind == "n" else sign.isalpha())
        for kind, sign in zip(kinds, iban[4:], strict=False)
    )


_TERM: Final = re.compile(r"(\d+)!([nac])")


def _iban_score(page: Page, iban: str, start: int, end: int) -> float:
    """By check digits (ISO 7064, modulo 97-10), the structure of the country, and a cue."""
    if _mod97(iban):
        return 0.97
    cued = nearby.near(page, cues.IBAN, start, end)
    if _structured(iban):
        return 0.75 if cued else 0.55 if page.text[start].isupper() else 0.3
    return 0.6 if cued else 0.3


def _ibans(page: Page) -> Iterator[Span]:
    heads = (_IBAN_HEAD.match(page.text, digits.start() - 2) for digits in _IBAN_DIGITS.finditer(page.text))
    for match in filter(None, heads):
        found = _iban_at(page.text, match)
        if found is not None and sum(map(str.isdigit, found[0])) >= _FEWEST_DIGITS:
            yield Span("IBAN", match.start(), found[1], _iban_score(page, found[0], match.start(), found[1]))


_FEWEST_DIGITS: Final = 7

CARD: Final = Detector(
    "cards", ("CREDIT_CARD",), lambda page: page.digits >= _SHORTEST and page.chain >= _SHORTEST, _cards
)
IBAN: Final = Detector("ibans", ("IBAN",), lambda page: page.digits >= 7, _ibans)
