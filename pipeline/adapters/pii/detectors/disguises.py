"""Data that is spread out or spelled, so that a form no longer matches: `4 1 1 1 …`, `d . e`, `joe (at) x (dot) org`.

Where a text looks so, that part is read a second time without the disguise. There what is found must be sure of itself:
check digits, a numbering plan, a cue. A table of single digits and a sentence with `at` in it hold nothing then.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Final

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.views import Edit, reading, rewritten
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

_SPACED: Final = re.compile(r"(?<!\w)[\w+(](?:[ \t]{1,3}\S(?!\w)){6,}+")
_GAP: Final = re.compile(r"[ \t]+")
_DIGIT_GAP: Final = re.compile(r"(?<=\d)[ \t]+(?=\d)")
_STRUNG: Final = re.compile(r"(?<![\w.])[\w+](?:([.\-_/,*|])\w)(?:\1\w){7,}+(?!\w)")
_STRING: Final = re.compile(r"(?<=[\w+])[.\-_/,*|](?=\w)")


def _gaps(page: Page, pattern: re.Pattern[str], start: int, end: int) -> list[Edit]:
    found = (match.span() for match in pattern.finditer(page.text, start, end))
    return [Edit(at, to, " " if to - at > 1 else "") for at, to in found]


def _spread(page: Page) -> Iterator[list[Edit]]:
    """Runs of single characters, closed up: as a whole, without their first letters, and digits only."""
    for match in _SPACED.finditer(page.text):
        edits = _gaps(page, _GAP, *match.span())
        yield edits
        if match.group()[0].isalpha():
            yield edits[1:]
            yield edits[2:]
        if any(map(str.isalpha, match.group())) and (digits := _gaps(page, _DIGIT_GAP, *match.span())):
            yield digits
    for match in _STRUNG.finditer(page.text):
        yield [Edit(*gap.span(), "") for gap in _STRING.finditer(page.text, *match.span())]


def _may_be_spread(page: Page) -> bool:
    return _SPACED.search(page.text) is not None or _STRUNG.search(page.text) is not None


# ---------------------------------------------------------------- groups with unusual separators

_GROUPS: Final = re.compile(
    r"(?<![\w.])\+?\(?[A-Za-z0-9]{1,6}\)?(?:(?:[./_|~*\\:]| {2,4}| ?\t ?)\(?[A-Za-z0-9]{1,8}\)?(?![A-Za-z0-9])){2,9}+(?!\w)"
)
_BETWEEN: Final = re.compile(r"[./_|~*\\:]| {2,4}| ?\t ?")
_UNUSUAL: Final = re.compile(r"[0-9)](?:[./_|~*\\:]| {2,4}| ?\t)[0-9A-Z(]")


def _regrouped(page: Page) -> Iterator[list[Edit]]:
    for match in _GROUPS.finditer(page.text):
        if sum(map(str.isdigit, match.group())) >= 9:
            between = _BETWEEN.finditer(page.text, *match.span())
            yield [Edit(*gap.span(), " " if gap.group().isspace() else "-") for gap in between]


def _may_be_regrouped(page: Page) -> bool:
    return page.digits >= 9 and _UNUSUAL.search(page.text) is not None


# ---------------------------------------------------------------- signs in words

_DOT_WORD: Final = r"(?:dot|punkt|point|punto|ponto|kropka)"
_AT_WORD: Final = r"(?:at|arroba|chiocciola|arobase|klammeraffe|małpa)"
_SIGN: Final = re.compile(rf"\s?[\[({{<]\s?(?:(?P<at>{_AT_WORD}|@)|(?P<dot>{_DOT_WORD}|\.))\s?[\])}}>]\s?")
_TLDS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|co|me|eu|de|fr|es|it|pl|nl|pt|uk|us|ca|au|nz|ch|at|be|dk|se|no|fi|ie|cz"
    "|gr|hu|ro|ru|ua|in|br|mx|ar|jp|cn|kr|tr|za|dev|app|cloud|xyz|online|tech|example|test"
)
_LABELS: Final = rf"[\w-]{{1,63}}(?:(?:\.|\s{_DOT_WORD}\s)[\w-]{{1,63}}){{0,4}}"
_WORDED: Final = re.compile(
    rf"(?<![\w.+-])(?P<local>[\w+-]{{1,64}}(?:(?:\.|\s{_DOT_WORD}\s)[\w+-]{{1,64}}){{0,3}})(?P<at>\s{_AT_WORD}\s|\s?@\s?)"
    rf"(?P<domain>(?!the\s|an?\s|this\s|that\s|my\s|our\s|your\s){_LABELS}(?:\.|\s{_DOT_WORD}\s)(?:{_TLDS}))(?![\w(-])"
)
_WORDED_IP: Final = re.compile(rf"(?<![\w.])\d{{1,3}}(?:\s{_DOT_WORD}\s\d{{1,3}}){{3}}(?!\w)")
_WORDED_DOT: Final = re.compile(rf"\s{_DOT_WORD}\s")
_HANDLE: Final = re.compile(r"[\d._+]|\w-\w")
_MAIL: Final = re.compile(r"mail|contact|write|reach|address|adres|correo|schreib|kontakt|courriel|posta")
_SIGNS: Final = ("at]", "at)", "at}", "at>", "dot]", "dot)", "dot}", "dot>", "[.]", "(.)", "{.}", "[@]", "(@)", "{@}",
                 "punkt", "point", "punto", "ponto", "arroba", "chiocciola", "arobase", "klammeraffe", " at ]",
                 " dot ", "dot ]", "dot )", "at )", "kropka", "małpa")  # fmt: skip


def _bracketed(page: Page) -> Iterator[list[Edit]]:
    edits = [Edit(*match.span(), "@" if match["at"] else ".") for match in _SIGN.finditer(page.lower)]
    yield from _clusters(edits)


def _worded(page: Page) -> Iterator[list[Edit]]:
    lower = page.lower
    for match in _WORDED.finditer(lower):
        plain_dots = _WORDED_DOT.search(match["domain"]) is None
        if plain_dots and not (_HANDLE.search(match["local"]) or _MAIL.search(lower, match.start() - 40, match.end())):
            continue
        dots = [Edit(*dot.span(), ".") for dot in _WORDED_DOT.finditer(lower, *match.span())]
        yield sorted([Edit(*match.span("at"), "@"), *dots])
    for match in _WORDED_IP.finditer(lower):
        yield [Edit(*dot.span(), ".") for dot in _WORDED_DOT.finditer(lower, *match.span())]


def _spelled(page: Page) -> Iterator[list[Edit]]:
    yield from _bracketed(page)
    yield from _worded(page)


def _may_be_spelled(page: Page) -> bool:
    lower = page.lower
    return (" at " in lower and "." in lower) or " @" in lower or "@ " in lower or any(sign in lower for sign in _SIGNS)


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
    return any(code in text for code in _CODES)


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
    (_may_be_spread, _spread, _SURE),
    (_may_be_regrouped, _regrouped, _GROUPED),
    (_may_be_spelled, _spelled, _SURE),
    (_may_be_coded, _coded, _CODED),
)


def _needed(page: Page) -> bool:
    return any(may_be(page) for may_be, _, _ in _KINDS)


def disguises(detectors: Sequence[Detector]) -> Detector:
    """The detector that reads disguised parts again with `detectors`."""

    def find(page: Page) -> Iterator[Span]:
        for may_be, parts, floors in _KINDS:
            if not may_be(page):
                continue
            for edits in parts(page):
                if edits:
                    touched = (edits[0].start, edits[-1].end)
                    found = reading(rewritten(page.text, edits, _MARGIN), detectors, floors)
                    yield from (span for span in found if span.start < touched[1] and touched[0] < span.end)

    types = tuple(kind for kind in _SURE if any(kind in detector.types for detector in detectors))
    return Detector("disguises", types, _needed, find)
