"""Points on the earth: decimal degrees, degrees with minutes and seconds, `geo:` addresses and links to maps."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["PLACE"]

_LAT: Final = r"[+-]?(?:90\.0+|[0-8]?\d\.\d{1,15})"
_LON: Final = r"[+-]?(?:180\.0+|(?:1[0-7]\d|\d{1,2})\.\d{1,15})"
_PAIR: Final = re.compile(
    rf"(?<![\w.,$€£+*/^=-])(?<!\d )[(\[]?({_LAT})°?( ?[NS])?(?: ?[,;] ?| +)({_LON})°?( ?[EWO])?[)\]]?(?![\w%]"
    rf"|[.,;]? ?-?\d| ?[+*/^=] ?\d)",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    rf"(?<![^\W_])lat(?:itude|itud|itudine"
    rf"|itudo)?\.?[\"']?(?: is)?[:= ]{{1,3}}({_LAT})°?(?: ?[ns](?!\w))?[,;\s\"'{{}}and]{{1,8}}"
    rf"(?:lon|lng|long|longitude|longitud|longitudine)\.?[\"']?(?: is)?[:= ]{{1,3}}({_LON})°?(?: ?[ewo](?!\w))?"
)
_DECIMAL: Final = re.compile(r"\d(?<![\d.]\d)\d{0,2}\.\d{1,15}(?![\d]|\.\d)")
_PAIRED: Final = re.compile(r"\.\d+°?(?: ?[NSns])?[ ,;]+[+-]?\d{1,3}\.\d")
_POINT: Final = re.compile(r"\.\d")
_DMS_PART: Final = (
    r"\d{1,3} ?(?:°|º|deg|d) ?(?:[0-5]?\d(?:\.\d{1,8})? ?['′’m] ?)?(?:[0-5]?\d(?:\.\d{1,6})? ?(?:\"|″|”|''|s) ?)?"
)
_DMS: Final = re.compile(
    rf"(?<![\w.])(?:{_DMS_PART}[NS][, ;/]{{0,3}}{_DMS_PART}[EWO]"
    rf"|[NS] ?{_DMS_PART}[, ;/]{{0,3}}[EWO] ?{_DMS_PART})(?![A-Za-z0-9])"
)
_GEO: Final = re.compile(rf"(?<!\w)geo:({_LAT}),({_LON})(?!\d)")
_LINK: Final = re.compile(rf"(?:[@=/]|%2c|ll=|q=|#map=\d{{1,2}}/)({_LAT})(?:,|%2c|/)({_LON})(?!\d)")
_MAPS: Final = ("maps.", "/maps", "openstreetmap", "geohack", "what3words", "waze")
_PLUS_CODE: Final = re.compile(r"(?<![\w+])[23456789CFGHJMPQRVWX]{8}\+[23456789CFGHJMPQRVWX]{2,3}(?![\w+])")
_SURE: Final = 0.9
_MANY, _FEW = 4, 2
_TEN, _BOTH = 10, 2


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _away_from_one(latitude: str, longitude: str, fewest: int) -> bool:
    """Whether the pair is too large to be shares or small measures: sums and statistics have many decimals too."""
    large = (abs(float(latitude)) >= _TEN) + (abs(float(longitude)) >= _TEN)
    return large == _BOTH or (large == 1 and (fewest > _MANY or "-" in latitude + longitude))


def _pair_score(page: Page, match: re.Match[str]) -> float:
    """Hemispheres or many decimals say that it is a point; few decimals need a cue."""
    latitude, north, longitude, east = match.groups()
    if north and east:
        return _SURE
    fewest = min(_decimals(latitude), _decimals(longitude))
    cued = nearby.near(page, cues.COORDINATES, *match.span())
    comma = "," in match.group() or ";" in match.group()
    if fewest >= _MANY and comma:
        return 0.85 if cued else 0.55 if _away_from_one(latitude, longitude, fewest) else 0.3
    return 0.65 if cued and fewest >= _FEW and comma else 0.2


def _places(page: Page) -> Iterator[Span]:
    text, lower = page.text, page.lower
    if _decimal(text) and _DECIMAL.search(text) is not None:
        for match in _PAIR.finditer(text) if _PAIRED.search(text) else ():
            yield Span("COORDINATES", *match.span(), _pair_score(page, match))
        if "lat" in lower:
            for match in _NAMED.finditer(lower):
                yield Span("COORDINATES", *match.span(), _SURE)
        yield from _linked(page)
    if _in_degrees(page):
        for match in _DMS.finditer(text):
            yield Span("COORDINATES", *match.span(), _SURE)
    yield from _plus_codes(text)


def _plus_codes(text: str) -> Iterator[Span]:
    at = text.find("+")
    while at >= 0:
        match = _PLUS_CODE.match(text, max(0, at - 8))
        if match is not None:
            yield Span("COORDINATES", *match.span(), 0.6)
        at = text.find("+", at + 1)


def _linked(page: Page) -> Iterator[Span]:
    if "geo:" in page.lower:
        for match in _GEO.finditer(page.lower):
            yield Span("COORDINATES", *match.span(), _SURE)
    if any(sign in page.lower for sign in _MAPS):
        for match in _LINK.finditer(page.lower):
            yield Span("COORDINATES", match.start(1), match.end(2), 0.85)


def _may_have_place(page: Page) -> bool:
    return page.digits >= _FEW and (_decimal(page.text) or "+" in page.text or _in_degrees(page))


def _in_degrees(page: Page) -> bool:
    return (not page.ascii and ("°" in page.text or "º" in page.text)) or "deg" in page.lower


def _decimal(text: str) -> bool:
    return text.count(".") >= _FEW and _POINT.search(text) is not None


PLACE: Final = Detector("coordinates", ("COORDINATES",), _may_have_place, _places)
