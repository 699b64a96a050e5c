"""E-mail addresses and telephone numbers."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["EMAIL", "PHONE"]

# ---------------------------------------------------------------- e-mail

_LOCAL_BACKWARDS: Final = re.compile(r"[\w.%+'-]{0,63}[\w+-]")
_QUOTED_BACKWARDS: Final = re.compile(r'"[^"\n@]{1,63}"(?!\w)')
_DOMAIN: Final = re.compile(
    r"(?:\w[\w-]{0,62}\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w])"
    r"|\[(?:IPv6:[0-9A-Fa-f:.]{2,45}|\d{1,3}(?:\.\d{1,3}){3})\]"
)
_DOT: Final = r"(?:\.| ?[\[({<]dot[\])}>] ?| dot )"
_BRACKETED: Final = re.compile(
    rf"(?<![\w.+-])[\w+-]{{1,64}}(?:{_DOT}[\w+-]{{1,64}}){{0,4}} ?(?:[\[({{<](?:at|@)[\])}}>]|_at_) ?"
    rf"[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,6}}",
    re.IGNORECASE,
)
_NOT_A_BOX: Final = (
    r"(?:me|us|him|her|them|it|look|looking|here|there|online|available|site|website|is|are|was|be|visit|find"
    r"|go|shop|found"
    r"|out|back|directly|only|this|that|and|or|live|up|now|store|page|portal|blog|more|info|details|address"
    r"|account|arrived)"
)
_SPELLED: Final = re.compile(
    rf"(?<![\w.+-])(?!{_NOT_A_BOX} at )[\w+-]{{1,64}}(?:(?:\.| dot )[\w+-]{{1,64}}){{0,4}} at "
    r"[\w-]{1,63}(?:(?: dot |\.)[\w-]{1,63}){0,4} dot (?:com|org|net|edu|gov|io|co|de|fr|es|it|nl|pl|pt|uk|us"
    r"|eu|info|biz|at|ch)"
    r"(?: dot (?:uk|au|br|jp|nz|za|in))?(?!\w)",
    re.IGNORECASE,
)
_AT_SIGNS: Final = ("at]", "at)", "at}", "at>", "@]", "@)", "@}", "@>", "_at_")
_REACH: Final = 66


def _local_start(text: str, at: int) -> int:
    """Where the local part begins that ends before `at`; `at` itself when there is none."""
    backwards = text[max(0, at - _REACH) : at][::-1]
    pattern = _QUOTED_BACKWARDS if backwards.startswith('"') else _LOCAL_BACKWARDS
    local = pattern.match(backwards)
    return at if local is None else at - local.end()


def _emails(page: Page) -> Iterator[Span]:
    text, at = page.text, page.text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        start = at if domain is None else _local_start(text, at)
        if domain is not None and start < at:
            yield Span("EMAIL", start, domain.end(), 0.95)
        at = text.find("@", at + 1)
    for told, pattern, score in ((_bracketed, _BRACKETED, 0.8), (_spelled, _SPELLED, 0.7)):
        if told(page):
            for match in pattern.finditer(text):
                yield Span("EMAIL", *match.span(), score)


def _bracketed(page: Page) -> bool:
    text = page.text
    if not ("]" in text or ")" in text or "}" in text or ">" in text or "_" in text):
        return False
    return any(sign in page.lower for sign in _AT_SIGNS)


def _spelled(page: Page) -> bool:
    return " dot " in page.lower and " at " in page.lower


EMAIL: Final = Detector(
    "emails", ("EMAIL",), lambda page: "@" in page.text or _bracketed(page) or _spelled(page), _emails
)

# ---------------------------------------------------------------- telephone

_APART: Final = r"(?<![A-Za-z0-9_À-ɏ"
_EXTENSION: Final = r"(?:,? ?(?:x|ext\.?|extension|#|durchwahl|poste|int\.?|wew\.?) ?\d{1,6}(?!\w))"
_END: Final = r"(?![A-Za-z0-9_À-ɏ%=/:-]|[.]\d|,\d{1,3}(?!\d))"
_WORLD: Final = re.compile(
    rf"[+0]{_APART}+][+0])(?:(?<=\+)|(?<=\+)(?<!\d \+) |(?<=0)0 ?)[1-9]"
    rf"(?:[ .\-/()]{{0,3}}\d){{6,14}}(?!\d){_EXTENSION}?"
)
_AMERICA: Final = re.compile(
    rf"[(\d]{_APART}.+$€£-][(\d])"
    r"(?:(?<=1)[ .-](?:\(\d{3}\)[ -]?|\d{3}[ .-])|(?<=\()\d{3}\)[ -]?|(?<=\d)\d{2}[ .-])"
    rf"\d{{3}}[ .-]\d{{4}}(?:{_EXTENSION}"
    rf"|(?![\w-])(?!\.\d))"
)
_GROUPS: Final = re.compile(
    rf"[(\d]{_APART}.$€£%=/+*^-][(\d])(?<!\d,[(\d])"
    r"(?:(?<=\()\d{1,3}(?:[ -]?\d{1,4})?\)|(?<=\d)\d{0,6})(?:(?:[ .\-/]"
    r"| - )\(?\d{1,9}\)?){1,6}"
    rf"(?:{_EXTENSION}|{_END})"
)
_BARE: Final = re.compile(rf"\d{_APART}.$€£%=/+*^-]\d)(?<!\d,\d)\d{{4,11}}{_END}")
_DATE: Final = re.compile(
    r"(?:19|20)\d\d([ .\-/])\d\d\1\d\d|\d\d([ .\-/])\d\d\2(?:19|20)\d\d|(?:19|20)\d\d(?:[ \-/]| - )(?:19|20)\d\d"
)
_FRACTION: Final = re.compile(r"\d+\.\d+")
_DIGITS: Final = re.compile(r"\D")
_SHORTEST, _FEWEST, _MOST = 5, 6, 13


class _Told(NamedTuple):
    """What the words around a number say: a telephone's, by the closest of them, and what else instead."""

    cued: bool
    closest: bool
    other: bool


def _told(page: Page, start: int, end: int) -> _Told:
    around = nearby.around(page, start, end)
    closest = bool(around.closest & cues.PHONE)
    other = bool(around.closest) and not closest
    return _Told(closest or (bool(around.near & cues.PHONE) and not other), closest, other)


def _world(page: Page) -> Iterator[Span]:
    if "+" not in page.text and "00" not in page.text:
        return
    for match in _WORLD.finditer(page.text):
        number = match.group()
        told = _told(page, *match.span())
        score = 0.85 if told.closest else 0.9 if _plausible(number) else 0.65 if told.cued else 0.5
        yield Span("PHONE", *match.span(), score if number[0] == "+" or score > 0.5 else 0.3)


def _plausible(number: str) -> bool:
    """Whether the numbering plan of its country has such a number."""
    import phonenumbers

    digits = _DIGITS.sub("", _MAIN.split(number, maxsplit=1)[0]).removeprefix("00")
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


_MAIN: Final = re.compile(r"[A-Za-z#,]")


def _america(page: Page) -> Iterator[Span]:
    for match in _AMERICA.finditer(page.text):
        told = _told(page, *match.span())
        score = 0.85 if told.cued else 0.75 if _NORTH_AMERICAN.match(match.group()) else 0.6
        yield Span("PHONE", *match.span(), min(score, 0.5) if told.other else score)


_NORTH_AMERICAN: Final = re.compile(r"(?:1[ .-])?\(?[2-9]\d\d\D{1,2}[2-9]\d\d")


def _group_score(number: str, digits: str, told: _Told) -> float:
    if len(digits) < _FEWEST:
        return 0.55 if told.closest else 0.0
    if told.cued:
        return 0.75 if told.closest else 0.7
    if told.other or digits[0] != "0" or number[1:2] == " " or not 9 <= len(digits) <= 12:
        return 0.35
    return 0.6


def _national(page: Page) -> Iterator[Span]:
    for match in _GROUPS.finditer(page.text):
        number = _MAIN.split(match.group(), maxsplit=1)[0]
        digits = _DIGITS.sub("", number)
        if _SHORTEST <= len(digits) <= _MOST and not _DATE.match(number) and not _FRACTION.fullmatch(number):
            yield Span("PHONE", *match.span(), _group_score(number, digits, _told(page, *match.span())))


def _bare(page: Page) -> Iterator[Span]:
    for match in _BARE.finditer(page.text):
        told = _told(page, *match.span())
        if told.closest or (told.cued and len(match.group()) > _FEWEST):
            yield Span("PHONE", *match.span(), 0.65 if told.closest else 0.6)


def _phones(page: Page) -> Iterator[Span]:
    yield from _world(page)
    yield from _america(page)
    yield from _national(page)
    if nearby.says(page, cues.PHONE):
        yield from _bare(page)


PHONE: Final = Detector(
    "phones", ("PHONE",), lambda page: page.digits >= _SHORTEST and page.chain >= _SHORTEST, _phones
)
