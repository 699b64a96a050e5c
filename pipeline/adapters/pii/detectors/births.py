"""Dates of birth."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["BIRTH"]

_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|fév|avr|juil|août|déc|ene|abr|ago|dic|gen|mag|giu"
    r"|lug|set|ott|maj|kwi|cze|lip|sie|wrz|paź|lis|gru|sty|lut|mrt|mei)[^\W\d_]{0,8}\.?"
)
_DATE: Final = re.compile(
    rf"(?<![\w.])(?:\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d{{2}})|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)? (?:of |de )?{_MONTH},? (?:de )?\d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\w)"
)


def _births(page: Page) -> Iterator[Span]:
    if not _says_birth(page):
        return
    for match in _DATE.finditer(page.lower):
        if cues.BIRTH.search(page.lower, max(0, match.start() - 40), match.start()):
            yield Span("DATE_OF_BIRTH", *match.span(), 0.85)


def _says_birth(page: Page) -> bool:
    lower = page.lower
    return any(word in lower for word in cues.BIRTH_WORDS)


BIRTH: Final = Detector("births", ("DATE_OF_BIRTH",), lambda page: page.digits >= 3 and _says_birth(page), _births)
