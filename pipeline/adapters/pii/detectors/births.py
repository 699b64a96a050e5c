"""Dates of birth and ages, as they are written in eight languages."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.hints import words
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["AGE", "BIRTH"]

# ---------------------------------------------------------------- dates of birth

_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mrz|mai|okt|dez|fév|fev|avr|jui|août|aoû|déc|ene"
    r"|abr|ago|dic"
    r"|gen|mag|giu|lug|set|ott|out|maj|kwi|cze|lip|sie|wrz|paź|lis|gru|sty|lut|mrt|mei)[^\W\d_]{0,8}\.?"
)
_OF: Final = r"(?:of |de |del |di )?"
_YEAR: Final = r"(?:(?:1[89]|20)\d\d)"
_DATE: Final = re.compile(
    r"(?<![\w.])(?:\d{1,2}([./-] ?)\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2}|\d{1,2} \d{1,2} \d{4}"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º|°)?[ -]?(?:day )?{_OF}{_MONTH}[,/-]? ?{_OF}(?:\d{{4}}|'\d\d)"
    rf"|(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? |{_MONTH},? {_OF}){_YEAR}|{_YEAR} {_MONTH} \d{{1,2}}(?:st|nd|rd"
    rf"|th)?)(?!\w)"
)
_BORN_IN: Final = re.compile(
    r"(?<!\w)(?:born(?: back)?(?: in)?|born around|n[ée]e? en|geboren(?: im jahre?)?(?: in)?|jahrgang"
    r"|nat[oa] nel|nacid[oa] en"
    r"|nací en|nascid[oa] em|urodzon[ya] w|(?:birth year|year of birth|birthyear|année de naissance|geburtsjahr"
    r"|geboortejaar"
    r"|anno di nascita|año de nacimiento|ano de nascimento|rok urodzenia)(?: is| was|:|=)?)"
    r" ?((?:19|20)\d\d)(?![\w/-]|[.,]\d)"
)
_BORN: Final = words(
    "born", "né", "née", "ne", "nee", "geboren", "jahrgang", "nato", "nata", "nacido", "nacida", "nací",
    "nascido", "nascida", "urodzony", "urodzona", "birth", "year", "birthyear", "année", "geburtsjahr", "geboortejaar",
    "anno", "año", "ano", "rok",
)  # fmt: skip
_REACH: Final = 56
_LONGEST: Final = 40
_BIRTHDAY: Final = re.compile(r"[^\w\n]{1,3}(?:is|was|being) (?:my|his|her|their|the) (?:date of )?$")


def _births(page: Page) -> Iterator[Span]:
    lower, before = page.lower, 0
    for at in nearby.places(page, cues.BIRTH):
        match = _DATE.search(lower, max(at, before), at + _REACH + _LONGEST)
        if match is not None and match.start() <= at + _REACH and (match.end() < at + _REACH + _LONGEST):
            yield Span("DATE_OF_BIRTH", *match.span(), 0.85)
            before = match.end()
        behind = _BIRTHDAY.search(lower, max(0, at - _REACH), at)
        if behind is not None and (date := _ends_with_date(lower, behind.start())) is not None:
            yield Span("DATE_OF_BIRTH", *date, 0.85)
    for match in _BORN_IN.finditer(lower) if page.hints & _BORN else ():
        yield Span("DATE_OF_BIRTH", *match.span(1), 0.6)


def _ends_with_date(lower: str, end: int) -> tuple[int, int] | None:
    """Where the date stands that ends at `end`."""
    dates = (match.span() for match in _DATE.finditer(lower, max(0, end - _LONGEST), end))
    return next((span for span in dates if span[1] == end), None)


BIRTH: Final = Detector(
    "births", ("DATE_OF_BIRTH",), lambda page: page.digits >= 3 and nearby.says(page, cues.BIRTH), _births
)

# ---------------------------------------------------------------- ages

_AGE_SCORE: Final = 0.4
"""Below the usual threshold: an age is reported, and counts only where a policy asks for it."""
_AFTER: Final = re.compile(
    r"(?<![\w.,$€£-])(1[01]\d|\d{1,2})(?:[- ]years?[- ]olds?|[- ]?y/?o|[- ]yrs?[- ]old|[- ]jährig\w{0,2}"
    r"|[- ]jahre? alt"
    r"| ans(?= (?:et|de|j|homme|femme))| años(?! de)| anni di età|[- ]jarige?| jaar oud| lat(?= i| mam|,|\.|$)"
    r"| anos de idade)(?!\w)"
)
_BEFORE: Final = re.compile(
    r"(?<!\w)(?:aged?(?: of| is|:)? ?|at the age of |i am |i'm |alter:? |âgée? de |edad:? (?:de )?|idade:? "
    r"|età:? (?:di )?"
    r"|tengo |j'ai |ho |mam )(1[01]\d|\d{1,2})(?![\w%]|[.,:/-]\d)(?=(?:[.,;)]|$| (?:years?|and|ans|años|anni"
    r"|lat)(?!\w)|\n))"
)
_COUNTED: Final = words(
    "year", "years", "yo", "y", "yr", "yrs", "jährig*", "jahr", "jahre", "ans", "años", "anni", "jarig",
    "jarige", "jaar", "lat", "anos",
)  # fmt: skip
_ANNOUNCED: Final = words(
    "age", "aged", "am", "m", "alter", "âgé", "âgée", "edad", "idade", "età", "tengo", "ai", "ho", "mam"
)


def _ages(page: Page) -> Iterator[Span]:
    lower = page.lower
    if page.hints & _COUNTED:
        for match in _AFTER.finditer(lower):
            yield Span("AGE", *match.span(), _AGE_SCORE)
    if page.hints & _ANNOUNCED:
        for match in _BEFORE.finditer(lower):
            yield Span("AGE", *match.span(1), _AGE_SCORE)


AGE: Final = Detector(
    "ages", ("AGE",), lambda page: page.digits >= 1 and page.hints & (_COUNTED | _ANNOUNCED) != 0, _ages
)
