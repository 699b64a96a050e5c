"""Data that is spread out or spelled, so that a form no longer matches: `4 1 1 1 …`, `d . e`, `joe (at) x (dot) org`.

Where a text looks so, that part is read a second time without the disguise. There what is found must be sure of itself:
check digits, a numbering plan, a cue. A table of single digits and a sentence with `at` in it hold nothing then.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from itertools import chain
from typing import Final

import regex

from pipeline.adapters.pii.detectors.base import Detector, Search
from pipeline.adapters.pii.detectors.views import Edit, reading, rewritten
from pipeline.adapters.pii.hints import literals
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["disguises"]

_MARGIN: Final = 64
_SURE: Final[Mapping[str, float]] = {
    "CREDIT_CARD": 0.85, "IBAN": 0.9, "EMAIL": 0.75, "IP": 0.8, "US_SSN": 0.6, "PHONE": 0.6, "NATIONAL_ID": 0.75,
    "SECRET": 0.85, "MAC": 0.8, "PASSPORT": 0.8, "CRYPTO_WALLET": 0.8, "MEDICAL_ID": 0.7, "BANK_ACCOUNT": 0.8,
}  # fmt: skip
"""How sure a finding in a second reading must be, by type."""
_GROUPED: Final[Mapping[str, float]] = {"CREDIT_CARD": 0.85, "IBAN": 0.9, "US_SSN": 0.8, "PHONE": 0.75}
_CODED: Final[Mapping[str, float]] = {"CREDIT_CARD": 0.85, "IBAN": 0.9, "EMAIL": 0.75, "IP": 0.8, "SECRET": 0.85,
                                      "PHONE": 0.8}  # fmt: skip

# ---------------------------------------------------------------- single characters with something between them

# Groups that are never given back (`{6,}+`) go too far under `re` before Python 3.11.5; `regex` has no such fault.
_SPACED: Final = regex.compile(r"(?<!\w)[\w+(](?:[ \t]{1,3}\S(?!\w)){6,}+")
_ALONE: Final = 5
"""Single characters that are words of their own in such a run: all but the first and the last."""
_GAP: Final = re.compile(r"[ \t]+")
_DIGIT_GAP: Final = re.compile(r"(?<=\d)[ \t]+(?=\d)")
_STRUNG: Final = regex.compile(r"(?<![\w.])[\w+(](?:([.\-_/,*|])\S)(?:\1\S){7,}+(?!\w)")


def _gaps(page: Page, pattern: re.Pattern[str], start: int, end: int) -> list[Edit]:
    found = (match.span() for match in pattern.finditer(page.text, start, end))
    return [Edit(at, to, " " if to - at > 1 else "") for at, to in found]


def _spread(page: Page) -> Iterator[list[Edit]]:
    """Runs of single characters, closed up: as a whole, without their first letters, and digits only."""
    for match in _SPACED.finditer(page.text) if page.lone(_ALONE) else ():
        edits = _gaps(page, _GAP, *match.span())
        yield edits
        if match.group()[0].isalpha():
            yield edits[1:]
            yield edits[2:]
        if any(map(str.isalpha, match.group())) and (digits := _gaps(page, _DIGIT_GAP, *match.span())):
            yield digits
    for place in page.long_places:
        for match in _STRUNG.finditer(page.text, *place):
            yield [Edit(at, at + 1, "") for at in range(match.start() + 1, match.end(), 2)]


def _may_be_spread(page: Page) -> bool:
    return page.lone(_ALONE) or _STRUNG.search(page.long_words) is not None


# ---------------------------------------------------------------- groups with unusual separators

_APART: Final = r"(?:[./_|~*\\:-]| {2,4}| ?\t ?)"
_GROUPS: Final = regex.compile(
    rf"(?<![\w.])\+?\(?[A-Za-z0-9]{{1,6}}\)?(?:{_APART}\(?[A-Za-z0-9]{{1,8}}\)?(?![A-Za-z0-9])){{2,9}}+(?!\w)"
)
_BETWEEN: Final = re.compile(_APART)
_UNUSUAL: Final = re.compile(
    r"[0-9A-Z)](?:(?<=[0-9)])(?:[/_|~*\\:]| {2,4}| ?\t)[0-9A-Z(]|(?<!\))[0-9A-Z]{3}\.[0-9A-Z]{4})"
)
_USUAL: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[\d-]{8,12}[ T]?\d\d?:\d\d.*")
"""An address of the internet and a moment have such separators by nature."""
_DIGIT: Final = re.compile("[0-9]")
_DIGITS: Final = 9
"""A run of groups with fewer is not read again."""
_LONE_SPACE: Final = re.compile(r"(?<![ \t]) (?![ \t])")
_WIDTH: Final = 3
"""Characters that a group and what follows it have, on average: groups of one digit are read otherwise."""


def _unusual(text: str) -> Iterator[tuple[int, int]]:
    """The parts of the text between single spaces, which no run holds, with an unusual separator and digits enough."""
    end = 0
    for sign in _UNUSUAL.finditer(text):
        if sign.start() >= end:
            space, after = _LONE_SPACE.search(text, sign.start()), end
            end = len(text) if space is None else space.end()
            start = _last_space(text, after, sign.start())
            if len(_DIGIT.findall(text, start, end)) >= _DIGITS:
                yield start, end


def _last_space(text: str, first: int, last: int) -> int:
    """Where the part begins in which `last` stands."""
    at = text.rfind(" ", first, last)
    while at > first and _LONE_SPACE.match(text, at) is None:
        at = text.rfind(" ", first, at)
    return max(at, first)


def _regrouped(page: Page) -> Iterator[list[Edit]]:
    for match in chain.from_iterable(_GROUPS.finditer(page.text, *part) for part in _unusual(page.text)):
        group = match.group()
        if sum(map(str.isdigit, group)) >= _DIGITS and _UNUSUAL.search(group) and not _USUAL.fullmatch(group):
            between = [gap.span() for gap in _BETWEEN.finditer(page.text, *match.span())]
            if len(group) >= _WIDTH * len(between):
                yield [Edit(start, end, " " if page.text[start].isspace() else "-") for start, end in between]


def _may_be_regrouped(page: Page) -> bool:
    return page.digits >= _DIGITS and _UNUSUAL.search(page.text) is not None


# ---------------------------------------------------------------- signs in words

_DOTS: Final = ("dot", "punkt", "point", "punto", "ponto", "kropka")
_ATS: Final = ("at", "arroba", "chiocciola", "arobase", "klammeraffe", "małpa")
_DOT: Final = rf"(?:\.| (?:{'|'.join(_DOTS)}) )"
_SIGN: Final = re.compile(
    rf" ?[\[({{<](?: ?(?P<at>{'|'.join(_ATS)}) ?| ?(?:{'|'.join(_DOTS)}) ?|(?P<sign>@)|\.)[\])}}>] ?"
)
_TOPS: Final = (
    "com org net edu gov mil int info biz io ai co me eu de fr es it pl nl pt uk us ca au nz ch at be dk se no fi ie cz"
    " gr hu ro ru ua in br mx ar jp cn kr tr za dev app cloud xyz online tech example test"
)
_TLDS: Final = frozenset(_TOPS.split())
_AT: Final = re.compile(rf"[ @](?:(?<= )(?:(?:{'|'.join(_ATS)}) |@ ?)|(?<=@) ?)")
_LOCAL: Final = re.compile(rf"(?<![\w.+-])[\w+-]{{1,64}}(?:{_DOT}[\w+-]{{1,64}}){{0,3}}$")
_DOMAIN: Final = re.compile(
    rf"(?!the |an? |this |that |my |our |your )[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}"
    rf"{_DOT}(?P<top>[a-z]{{2,24}})(?![\w(-])"
)
_WORDED_DOT: Final = re.compile(rf" (?:{'|'.join(_DOTS)}) ")
_WORDED_IP: Final = re.compile(rf"(?<![\w.])\d{{1,3}}(?:{_WORDED_DOT.pattern}\d{{1,3}}){{3}}(?!\w)")
_HANDLE: Final = re.compile(r"[\d._+]|\w-\w")
_MAIL: Final = re.compile(r"mail|contact|write|reach|address|adres|correo|schreib|kontakt|courriel|posta")
_BRACKETED: Final = (
    *(f"{word}{end}" for word in (*_ATS, *_DOTS) for end in ("]", ")", "}", ">", " ]", " )", " }", " >")),
    *(f"{start}{sign}" for start in "[({<" for sign in "@."),
)
_WORDS: Final = tuple(f" {word} " for word in (*_ATS[1:], *_DOTS))
_WORDED: Final = literals(*_WORDS)


def _bracketed(page: Page) -> Iterator[list[Edit]]:
    found = _SIGN.finditer(page.lower) if _may_be_bracketed(page.lower) else ()
    yield from _clusters([Edit(*match.span(), "@" if match["at"] or match["sign"] else ".") for match in found])


def _dots(lower: str, start: int, end: int) -> list[Edit]:
    return [Edit(*dot.span(), ".") for dot in _WORDED_DOT.finditer(lower, start, end)]


def _worded(page: Page) -> Iterator[list[Edit]]:
    lower = page.lower
    for at in _AT.finditer(lower):
        domain = _DOMAIN.match(lower, at.end())
        local = domain and _LOCAL.search(lower[max(0, at.start() - 96) : at.start()])
        if domain is None or local is None:
            continue
        start = at.start() - len(local.group())
        before, after = _dots(lower, start, at.start()), _dots(lower, *domain.span())
        told = _HANDLE.search(local.group()) or _MAIL.search(lower, max(0, start - 40), domain.end())
        meant = (after or told) if domain["top"] in _TLDS else (after and (before or told))
        if meant and (before or after or at.group() != "@"):
            yield [*before, Edit(*at.span(), "@"), *after]


def _worded_addresses(page: Page) -> Iterator[list[Edit]]:
    if page.digits >= 4 and page.hints & _WORDED and any(map(page.lower.__contains__, _WORDS)):
        for match in _WORDED_IP.finditer(page.lower):
            yield _dots(page.lower, *match.span())


def _spelled(page: Page) -> Iterator[list[Edit]]:
    yield from _bracketed(page)
    yield from _worded(page)
    yield from _worded_addresses(page)


def _may_be_bracketed(lower: str) -> bool:
    closed = "]" in lower or ")" in lower or "}" in lower or ">" in lower
    return closed and any(map(lower.__contains__, _BRACKETED))


def _may_be_spelled(page: Page) -> bool:
    lower = page.lower
    return (
        (" at " in lower and "." in lower)
        or " @" in lower
        or "@ " in lower
        or (page.hints & _WORDED != 0 and any(map(lower.__contains__, _WORDS)))
        or _may_be_bracketed(lower)
    )


# ---------------------------------------------------------------- signs in codes

_CODE: Final = re.compile(
    r"%[0-9A-Fa-f]{2}|&(?:#[0-9]{2,5}|#[xX][0-9A-Fa-f]{2,4}|commat|period|lowbar|hyphen|plus|colon|sol|num|nbsp);"
    r"|\\u00[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}"
)
_CODES: Final = ("%2", "%3", "%4", "&#", "&commat;", "&period;", "\\u00", "\\x")


def _decoded(code: str) -> str:
    sign = unescape(code) if code[0] == "&" else chr(int(code.lstrip("%\\ux"), 16))
    return sign if len(sign) == 1 and sign.isprintable() else " "


def _coded(page: Page) -> Iterator[list[Edit]]:
    yield from _clusters([Edit(*match.span(), _decoded(match.group())) for match in _CODE.finditer(page.text)])


def _may_be_coded(page: Page) -> bool:
    text = page.text
    return ("%" in text or "&" in text or "\\" in text) and any(map(text.__contains__, _CODES))


# ---------------------------------------------------------------- together


def _clusters(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Edits that stand close enough to be read together."""
    cluster: list[Edit] = []
    for edit in edits:
        if cluster and edit.start - cluster[-1].end > _MARGIN:
            yield cluster
            cluster = []
        cluster.append(edit)
    if cluster:
        yield cluster


_KINDS: Final = (
    ("spread-out", _may_be_spread, _spread, _SURE),
    ("regrouped", _may_be_regrouped, _regrouped, _GROUPED),
    ("spelled", _may_be_spelled, _spelled, _SURE),
    ("coded", _may_be_coded, _coded, _CODED),
)
Parts = Callable[[Page], Iterator[list[Edit]]]


def _again(detectors: Sequence[Detector], parts: Parts, floors: Mapping[str, float]) -> Search:
    def find(page: Page) -> Iterator[Span]:
        for edits in filter(None, parts(page)):
            start, end = edits[0].start, edits[-1].end
            found = reading(rewritten(page.text, edits, _MARGIN), detectors, floors)
            yield from (span for span in found if span.start < end and start < span.end)

    return find


def disguises(detectors: Sequence[Detector]) -> tuple[Detector, ...]:
    """The detectors that read disguised parts again with `detectors`."""
    known = {kind for detector in detectors for kind in detector.types}
    return tuple(
        Detector(name, tuple(known & floors.keys()), may_be, _again(detectors, parts, floors))
        for name, may_be, parts, floors in _KINDS
    )
