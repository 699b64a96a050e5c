"""Texts within a text: `data:` addresses of readable kinds, and long words of base64 that decode to text.

They are decoded, up to 64 KiB each, and searched once more. What stands within cannot be hidden on its own, so the
finding is the whole address; of several types each gets a part of it, so that none is lost and all of it is covered.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["LONGEST_EMBEDDED", "embedded"]

_READ: Final = 65_536
LONGEST_EMBEDDED: Final = _READ // 3 * 4 + 4
"""Characters of base64, at most, that are read."""

_ADDRESS: Final = re.compile(
    r"data:(?P<mime>[\w.+-]{1,64}/[\w.+-]{1,64})?(?P<options>(?:;[\w.=+-]{1,64}){0,6}),"
    rf"(?P<body>[A-Za-z0-9+/=_%.~!$&*;:@-]{{8,{LONGEST_EMBEDDED}}})",
    re.IGNORECASE,
)
_READABLE: Final = re.compile(
    r"text/|application/(?:[\w.-]+\+)?(?:json|xml|csv|yaml|x-yaml|x-ndjson|javascript|sql)", re.I
)
_WORD: Final = re.compile(
    rf"(?<![A-Za-z0-9+/_.=-])[A-Za-z0-9+/_-]{{32,{LONGEST_EMBEDDED}}}={{0,2}}(?![A-Za-z0-9+/_.-])"
)
_FLOOR: Final = 0.5
_FLOOR_OF_WORDS: Final = 0.85


def _from_base64(body: str) -> str:
    body = body.rstrip("=")[: LONGEST_EMBEDDED - 4].translate({45: 43, 95: 47})
    if len(body) % 4 == 1:
        body = body[:-1]
    try:
        return b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "replace")
    except ValueError:
        return ""


def _content(match: re.Match[str]) -> str:
    """What a `data:` address holds; nothing when its kind is not readable."""
    if match["mime"] and not _READABLE.match(match["mime"]):
        return ""
    if ";base64" in match["options"].lower():
        return _from_base64(match["body"])
    return unquote_to_bytes(match["body"])[:_READ].decode("utf-8", "replace")


def _text_in(word: str) -> str:
    """What a word decodes to, if that is text with more than one word or a sign of data."""
    text = _from_base64(word)
    readable = text.isprintable() or "".join(text.split()).isprintable()
    return text if readable and "\ufffd" not in text and any(sign in text for sign in " @:\n,") else ""


def _types(text: str, detectors: Sequence[Detector], floor: float) -> dict[str, float]:
    page, found = Page(text), dict[str, float]()
    for detector in detectors:
        if detector.needs(page):
            for span in detector.find(page):
                if span.score >= floor:
                    found[span.type] = max(span.score, found.get(span.type, 0.0))
    return found


def _spans(found: Mapping[str, float], start: int, end: int) -> Iterator[Span]:
    """The stretch `start:end`, shared out: all of it for the surest type but one character for each other one."""
    kinds = sorted(found.items(), key=lambda item: -item[1])
    for place, (kind, score) in enumerate(kinds):
        first = start if place == 0 else end - len(kinds) + place
        last = end - len(kinds) + 1 + place
        yield Span(kind, first, last, score)


def embedded(detectors: Sequence[Detector]) -> Detector:
    """The detector that reads embedded texts with `detectors`."""

    def find(page: Page) -> Iterator[Span]:
        if "data:" in page.lower:
            for match in _ADDRESS.finditer(page.text):
                if content := _content(match):
                    yield from _spans(_types(content, detectors, _FLOOR), *match.span())
        for place in page.long_places:
            for match in _WORD.finditer(page.text, *place):
                if content := _text_in(match.group()):
                    yield from _spans(_types(content, detectors, _FLOOR_OF_WORDS), *match.span())

    types = tuple(dict.fromkeys(kind for detector in detectors for kind in detector.types))
    return Detector("embedded-texts", types, _may_embed, find)


def _may_embed(page: Page) -> bool:
    return "data:" in page.lower or bool(page.long_words)
