"""Numbers that states and health systems give to people. Format, check digits and cue words add up to the score."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.base import Detector, checks_out
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["MEDICAL", "NATIONAL", "PASSPORT", "SSN"]

_CUED: Final = 0.3
_TOP: Final = 0.95

# ---------------------------------------------------------------- United States

_SSN: Final = re.compile(r"(?<![\w.-])\d{3}([- .])\d{2}\1\d{4}(?![\w-]|\.\d)")
_NINE: Final = re.compile(r"(?<![\w.,$€£-])\d{9}(?![\w-]|[.,]\d)")


def _ssns(page: Page) -> Iterator[Span]:
    for match in _SSN.finditer(page.text):
        good = checks_out("us.ssn", match.group().replace(match[1], "-")) or match.group()[0] == "9"
        cued = cues.near(page, cues.SOCIAL, *match.span())
        score = (0.85 if match[1] == "-" else 0.55) if good else 0.4
        yield Span("US_SSN", *match.span(), min(_TOP, score + _CUED) if cued else score)
    for match in _NINE.finditer(page.text):
        if cues.near(page, cues.SOCIAL, *match.span()):
            yield Span("US_SSN", *match.span(), 0.7 if checks_out("us.ssn", match.group()) else 0.5)


SSN: Final = Detector("us-ssn", ("US_SSN",), lambda page: page.digits >= 9 and page.chain >= 9, _ssns)

# ---------------------------------------------------------------- the rest of the world


class _Id(NamedTuple):
    """A number with a shape of its own: score by shape alone, and with right check digits.

    `chain` is how many digits stand in a row at least, with separators between them at most (see `Page.chain`).
    """

    country: str
    shape: re.Pattern[str]
    plain: float
    checked: float
    validator: str | None = None
    chain: int = 6


def _id(
    country: str, shape: str, plain: float, checked: float = 0.0, validator: str | None = None, chain: int = 6
) -> _Id:
    return _Id(country, re.compile(rf"(?<![\w.-])(?:{shape})(?![\w-]|\.\d)"), plain, checked, validator, chain)


_SHAPED: Final = (
    _id("IT", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]", 0.6, 0.95, "it.codicefiscale", chain=3),
    _id("ES", r"\d{8}[- ]?[A-Za-z]|[XYZxyz][- ]?\d{7}[- ]?[A-Za-z]", 0.3, 0.8, "es.nif"),
    _id("FI", r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Ya-y]", 0.35, 0.85, "fi.hetu"),
    _id("SE", r"(?:19|20)?\d{6}[-+]\d{4}", 0.35, 0.85, "se.personnummer"),
    _id("DK", r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}-\d{4}", 0.45, 0.7, "dk.cpr"),
    _id("GB", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", 0.7),
    _id("MX", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", 0.7, 0.95, "mx.curp"),
    _id("IN", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", 0.55, 0.6, "in_.pan", chain=4),
    _id("IN", r"[2-9]\d{3}([ -])\d{4}\1\d{4}", 0.3, 0.7, "in_.aadhaar"),
    _id("BR", r"\d{3}\.\d{3}\.\d{3}-\d{2}", 0.7, 0.95, "br.cpf"),
    _id("CH", r"756([. ])\d{4}\1\d{4}\1\d{2}", 0.75, 0.95, "ch.ssn"),
    _id("FR", r"[12] \d{2} (?:0[1-9]|1[0-2]|[2-9]\d) (?:\d{2}|2[AB]) \d{3} \d{3}(?: \d{2})?", 0.7, 0.95, "fr.nir"),
    _id("FR", r"[12]\d{4}2[ABab]\d{8}", 0.6, 0.95, "fr.nir"),
    _id("KR", r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}", 0.75),
    _id("BE", r"\d{2}\.\d{2}\.\d{2}[-.]\d{3}[-.]\d{2}", 0.75, 0.95, "be.nn"),
    _id("CA", r"\d{3}([ -])\d{3}\1\d{3}", 0.3, 0.6, "ca.sin"),
    _id("CZ", r"\d{6}/\d{3,4}", 0.4, 0.8, "cz.rc"),
    _id("LV", r"\d{6}-[012]\d{4}", 0.45),
    _id("IE", r"\d{7}[A-W][A-IW]?", 0.35, 0.65, "ie.pps"),
    _id("CN", r"\d{17}[Xx]", 0.6, 0.9, "cn.ric"),
)

_BARE: Final = re.compile(r"(?<![\w.,$€£-])\d{9,18}(?![\w-]|[.,]\d)")
_BY_LENGTH: Final[dict[int, tuple[tuple[str, float], ...]]] = {
    9: (("nl.bsn", 0.3), ("ca.sin", 0.3), ("pt.nif", 0.3), ("au.tfn", 0.3)),
    10: (("at.vnr", 0.3), ("bg.egn", 0.45), ("cz.rc", 0.35), ("se.personnummer", 0.4), ("dk.cpr", 0.35)),
    11: (
        ("pl.pesel", 0.55), ("no.fodselsnummer", 0.65), ("de.idnr", 0.5), ("hr.oib", 0.35), ("br.cpf", 0.5),
        ("be.nn", 0.55), ("ee.ik", 0.55), ("gr.amka", 0.5), ("pl.pesel", 0.55),
    ),
    12: (("in_.aadhaar", 0.4), ("se.personnummer", 0.6)),
    13: (("ro.cnp", 0.7), ("ch.ssn", 0.8)),
    15: (("fr.nir", 0.75),),
    18: (("cn.ric", 0.9),),
}  # fmt: skip
"""Numbers without a shape: which check may hold for which length, and the score when it does."""


def _tidy(number: str) -> str:
    return number.replace(" ", "") if " " in number else number


def _shaped(page: Page) -> Iterator[Span]:
    for kind in _SHAPED:
        if page.chain < kind.chain:
            continue
        for match in kind.shape.finditer(page.text):
            good = kind.validator is not None and checks_out(kind.validator, _tidy(match.group()).upper())
            yield _scored(page, match, kind.checked if good else kind.plain)


def _scored(page: Page, match: re.Match[str], score: float) -> Span:
    if cues.near(page, cues.NATIONAL, *match.span()):
        score = min(_TOP, score + _CUED)
    return Span("NATIONAL_ID", *match.span(), round(score, 2))


_LICENCE: Final = re.compile(r"(?<![\w-])[A-Za-z]{0,2}\d{6,14}[A-Za-z]?(?![\w-])|(?<![\w-])\d{4}-\d{2}-\d{4}(?![\w-])")


def _licences(page: Page) -> Iterator[Span]:
    for match in _LICENCE.finditer(page.text):
        if cues.near(page, cues.LICENCE, *match.span()):
            yield Span("NATIONAL_ID", *match.span(), 0.65)


def _bare_score(digits: str) -> float:
    good = (score for validator, score in _BY_LENGTH.get(len(digits), ()) if checks_out(validator, digits))
    return max(good, default=0.2)


def _nationals(page: Page) -> Iterator[Span]:
    yield from _shaped(page)
    if page.chain < 6:
        return
    yield from _licences(page)
    for match in _BARE.finditer(page.text):
        if len(match.group()) in _BY_LENGTH:
            yield _scored(page, match, _bare_score(match.group()))


NATIONAL: Final = Detector(
    "national-ids", ("NATIONAL_ID",), lambda page: page.digits >= 4 and page.chain >= 3, _nationals
)

# ---------------------------------------------------------------- passports

_PASSPORT: Final = re.compile(
    r"(?<![\w-])(?:[A-Za-z]{1,2} ?\d{6,8}|\d{8,9}|[A-Za-z]\d{2}[A-Za-z]{2}\d{4}|[CFGHJKLMNPRTVWXYZ0-9]{9})(?![\w-])"
)
_MACHINE: Final = re.compile(r"P[A-Z<][A-Z]{3}[A-Z]{2,37}<[A-Z<]{2,37}")


def _passports(page: Page) -> Iterator[Span]:
    for match in _MACHINE.finditer(page.text):
        yield Span("PASSPORT", *match.span(), _TOP)
    if page.digits < 3 or not any(word in page.lower for word in cues.PASSPORT_WORDS):
        return
    for match in _PASSPORT.finditer(page.text):
        digits = sum(map(str.isdigit, match.group()))
        if digits >= 3 and cues.near(page, cues.PASSPORT, *match.span()):
            yield Span("PASSPORT", *match.span(), 0.85)


def _may_have_passport(page: Page) -> bool:
    return "<" in page.text or (page.digits >= 3 and any(word in page.lower for word in cues.PASSPORT_WORDS))


PASSPORT: Final = Detector("passports", ("PASSPORT",), _may_have_passport, _passports)

# ---------------------------------------------------------------- health

_MBI: Final = re.compile(
    r"(?<![\w-])[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}(?![\w-])"
)
_RECORD: Final = re.compile(r"(?<![\w.,$€£])[A-Za-z]{0,4}[- ]?\d{2,12}(?:[- ]\d{2,6}){0,3}(?!\w|[.,]\d)")


def _records(page: Page) -> Iterator[Span]:
    for match in _MBI.finditer(page.text):
        yield Span("MEDICAL_ID", *match.span(), 0.8)
    if page.chain < 6 or not any(word in page.lower for word in cues.HEALTH_WORDS):
        return
    for match in _RECORD.finditer(page.text):
        if sum(map(str.isdigit, match.group())) >= 6 and _names_a_record(page, match):
            yield Span("MEDICAL_ID", *match.span(), 0.75)


_DIGIT: Final = re.compile(r"[0-9]")
_LINK: Final = re.compile(
    r"(?:mrn|nhs|medicare|medicaid|mbi|(?:medical|patient|health|hospital|kranken|versichert|gesundheit|sanitaria|assuré"
    r"|paciente|paziente|pacjent|carte vitale)[^\n.]{0,24}"
    r"(?:id|no|nr|num|number|nummer|record|card|karte|chart|policy|code))"
    r"[^\d\n]{0,20}$"
)


def _names_a_record(page: Page, match: re.Match[str]) -> bool:
    """Whether the words straight before the number say that it is one of a patient."""
    number = _DIGIT.search(page.text, match.start())
    at = match.start() if number is None else number.start()
    return _LINK.search(page.lower[max(0, at - 64) : at]) is not None


def _may_have_record(page: Page) -> bool:
    return page.digits >= 5


MEDICAL: Final = Detector("medical-ids", ("MEDICAL_ID",), _may_have_record, _records)
