"""Postal addresses of many countries, in one line or several.

A text becomes a string of word classes, one letter for each word (see `address_classes`), and a form of address is an
expression over these letters: `[nz]c{1,4}s` is a number, a name and a street type. Forms so become short, hold for
all languages whose words are listed, and take time linear in the text. What follows a form (flat, town, state,
country, post code, also on the next lines) is joined to it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.address_classes import PROMISING, Reading, promising, read
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["ADDRESS"]

# ---------------------------------------------------------------- parts, in word classes

_SEP: Final = ",?[rR]?,?"
_H: Final = "[nzvf]"
_N: Final = "[nzvf]{1,2}#?,?"
_NO: Final = "i?#{0,2}"
_FIRST: Final = "[cOisTkeyB]"
_KNOWN: Final = "[cOskeyB]"
_NAME: Final = "[cOisTkyeaBbSpP]"
_TOWN: Final = "[cTkyisebSpPa][cTkyiasebSpPU]"
_UNIT: Final = rf"(?:{_SEP}(?:[uU]{_NO}|#)[nzfivwT])"
_STOP: Final = "(?=[,.rRxsy]|$)"
_END: Final = "(?=[,.rRx]|$)"
_CODE: Final = rf"(?:wv|z|[nf]{_END})"
_APART: Final = "(?:,[rR]?|[rR])"
_AFTER: Final = "(?=[,.rRxl+]|$)"
_TAIL: Final = re.compile(
    rf"(?:i[nf]?)?\.?{_UNIT}{{0,4}}(?:"
    rf"(?P<land>(?:{_SEP}(?:{_TOWN}{{0,4}}n?)?){{0,3}}?{_SEP}(?:[Tno]{_SEP})?"
    rf"(?:k(?:{_SEP}{_CODE})?|(?:wv|z(?:,?{_TOWN}{{0,3}}{_AFTER})?|T,?[nf]){_SEP}k?))"
    rf"|(?P<code>{_APART}f,?[rR]?{_TOWN}{{0,4}}{_AFTER}(?:{_SEP}k)?)|{_APART}{_TOWN}{{0,3}}f{_END}(?:{_SEP}k)?"
    rf"|(?:,{_TOWN}{{0,3}})?{_SEP}T{_END}|,{_TOWN}{{0,3}}{_END}"
    rf")?{_UNIT}{{0,3}}"
)
"""What may follow a form: flat, then a town with country or code, a code with town, a state, or a town alone."""
_AHEAD: Final = re.compile(rf"(?:(?:[uU]{_NO}|i?#)[nzfiv]{_SEP}|i?#|[zf]c{{1,3}}{_APART}|(?<![^rR])[nf]{{1,2}}[rR])$")

_NUMBERED: Final = re.compile(rf"{_H}|w")

# ---------------------------------------------------------------- forms


class _Form(NamedTuple):
    """A way to write an address: a class it cannot be without, its score alone, and what a cue or a tail adds."""

    sign: str
    pattern: re.Pattern[str]
    alone: float
    more: float


def _form(sign: str, pattern: str, alone: float, more: float) -> _Form:
    return _Form(sign, re.compile(pattern), alone, more)


_FORMS: Final = (
    _form("s", rf"{_N}{_FIRST}{_NAME}{{0,4}}s[iT]?", 0.75, 0.1),  # 12 Old Mill Rd NW
    _form("s", rf"{_H}[oc]{{1,2}}s", 0.45, 0.25),  # 742 evergreen terrace
    _form("s", r"[cOTi]{1,3}s#?[nv]", 0.45, 0.2),  # Main Street 12
    _form("y", rf"{_N}{_FIRST}{_NAME}{{0,3}}y[iT]?", 0.4, 0.25),  # 138 Consul Court
    _form("y", rf"{_N}[cOi]{{0,2}}yn", 0.45, 0.2),  # 1200 Highway 61
    _form("b", rf"{_N}{_FIRST}{_NAME}{{0,3}}b", 0.6, 0.2),  # 12 Park Avenue
    _form("b", rf"(?:{_N})?ba{{0,2}}[cOisTkeyBo]{_NAME}{{0,4}}?,?{_NO}{_H}", 0.6, 0.2),  # Via Roma 12
    _form("b", rf"b[nf][iT]?{_NO}[nf]", 0.6, 0.2),  # Av. 3 N° 53
    _form("b", rf"{_N}ba{{0,3}}c[cOTiak]{{0,3}}", 0.65, 0.2),  # 12 avenue Foch
    _form("b", rf"(?:{_N})?[cOTik][cOTiko]{{0,2}}b{_NO}{_H}", 0.55, 0.2),  # Jakhljeva cesta 12
    _form("S", rf"(?:{_N})?[cOTik][cOTiko]{{0,2}}S{_NO}{_H}", 0.65, 0.2),  # Kossuth utca 12
    _form("p", rf"(?:{_N})?p[oabcOisTkyeSpn#]{{1,6}}?,?{_NO}{_H}{{1,2}}", 0.6, 0.2),  # ul. Polna 12, Calle 7 # 12
    _form("p", rf"{_N}pa{{0,3}}[oc][cOTiakpsyb]{{0,4}}", 0.65, 0.2),  # 12 rue de la Paix
    _form("p", rf"{_N}{_FIRST}{_NAME}{{0,3}}p", 0.4, 0.2),  # 12 Linda Piazza
    _form("P", rf"(?:{_N})?Pa{{0,2}}{_FIRST}{_NAME}{{0,4}}?,?{_NO}{_H}", 0.4, 0.25),  # Am Markt 12
    _form("P", rf"{_N}{_FIRST}{_NAME}{{0,3}}P", 0.4, 0.25),  # 12 Consul Place
    _form("P", rf"{_N}Pa{{0,3}}c[cOTiak]{{0,3}}", 0.4, 0.25),  # 12 place Stanislas
    _form("e", rf"(?:{_N})?[cTi]{{0,3}}e,?{_NO}{_H}", 0.6, 0.2),  # Lange Hauptstrasse 12
    _form("e", rf"{_H}c{{0,2}}e", 0.45, 0.25),
    _form("B", rf"{_H}?,?B{_NO}{_H}", 0.65, 0.15),  # P.O. Box 12
    _form("u", rf"u{_NO}[nzf]", 0.55, 0.2),
    _form("u", rf"{_FIRST}{_NAME}{{0,4}}{_SEP}u{_NO}{_H}", 0.4, 0.2),  # Rosewood, Apt. 4
    _form("u", rf"(?:{_N}{_FIRST}{_NAME}{{0,5}}{_H}?|{_FIRST}{_NAME}{{0,4}}[nf]){_SEP}u{_NO}{_H}", 0.7, 0.15),
    _form("U", rf"(?:{_N}{_FIRST}{_NAME}{{0,5}}{_H}?|{_FIRST}{_NAME}{{0,4}}[nf]){_SEP}U{_NO}{_H}", 0.45, 0.2),
    _form(
        "v", rf"(?:[ci]{{0,3}}[sye]{_SEP})?(?:[cy]{{1,3}}{_SEP}){{0,2}}T?{_SEP}wv", 0.6, 0.2
    ),  # Mill Lane, Oxford OX1 2AB
)
_LANDED: Final = (
    _form("", rf"{_N}{_FIRST}{_NAME}{{0,4}}[nf]", 0.35, 0.3),  # 12 Rosewood 4, Springfield, Kenya
    _form("", rf"{_N}{_KNOWN}{_NAME}{{0,4}}{_STOP}", 0.3, 0.3),  # 12 Rosewood, Springfield IL 62704
    _form("", rf"{_KNOWN}{_NAME}{{0,4}}[nf]{_STOP}", 0.3, 0.3),  # Rosewood 12, Springfield, Kenya
    _form("~", rf"{_KNOWN}[cOisTkyeaBbSpPo]{{0,4}},?{_NO}[nf]", 0.3, 0.3),  # Rosewood, 12, 2470 Springfield
    _form("p", rf"pa{{0,3}}[oc]{_NAME}{{0,3}}", 0.3, 0.3),  # rue de la Paix, 75001 Paris
    _form("b", rf"ba{{0,3}}{_FIRST}{_NAME}{{0,3}}", 0.3, 0.3),
    _form("S", r"[cOT]{1,3}S", 0.3, 0.3),
    _form("s", r"[cOi]{1,3}s", 0.3, 0.3),
    _form("y", r"[cO]{1,3}y", 0.3, 0.3),
    _form("e", r"[cT]{0,2}e", 0.3, 0.3),
    _form("+", rf"[cO][cOsy]{{0,2}}\+(?:{_H},?{_KNOWN}{_NAME}{{0,4}}|{_KNOWN}{_NAME}{{0,4}}[nf])", 0.3, 0.3),
)
"""A number and a name, no more: told by the country or post code that follows, or by the words that lead to it."""
_ANY: Final = "~"
_PLACE: Final = re.compile("[kzwfT]")
_REACH: Final = 24
_UNLED: Final = frozenset(("~", "s", "y", "p", "b", "S", "e"))
"""Signs of those that no words can lead to."""
_LEADS: Final = re.compile(
    r"(?:\b(?:address(?:es)?|live[sd]?|living|resid(?:e[sd]?|ing|ence)|located|location|meet(?:ing)?|office|headquarter\w*"
    r"|deliver(?:ed|y)?|ship(?:ped|ping)?|send|sent|mail(?:ed)?|visit|mov(?:e[ds]?|ing)|relocat\w+|drops?|dropped|pick"
    r"|off|home|house|apartment|restaurant|store|based|stay(?:ing|s)?|venue|station|stop|shop|hotel|school|clinic|appointment|wohn\w*|adress\w*|anschrift|habite|dirección|vivo"
    r"|indirizzo|abito|adres\w*|mieszka\w*|woont?|endereço|moro|osoite|lakcím\w*|bydl\w*)\b[^.!?]{0,40}?"
    r"(?:\b(?:at|on|to|is|in|from|are|with|near|der|am|à|en|em)|[,:](?: and)?))\s{1,4}(?:the )?$"
)
_LEAD: Final = 72
_YEAR: Final = re.compile("(?:19|20)[0-9]{2}")


class _Found(NamedTuple):
    """Words `start:end` of the reading."""

    start: int
    end: int
    score: float


_CAPITAL: Final = "[A-ZÀ-ÖØ-ÞĀ-ŽΆ-ΫЀ-Я]"
_BESIDE: Final = re.compile(
    rf"[\d{_CAPITAL[1:]}"
    rf"(?:(?<=\d)(?<![\w.,:/+$€£-]\d)\d{{0,5}}[a-zA-Z]?(?:[-/]\d{{1,4}}[a-zA-Z]?)?[.,]?\s{{1,2}}{_CAPITAL}"
    r"|(?<!\d)[\w.'’-]{0,40}+,?\s{1,2}\d{1,6}(?![\d:%]|[./-]\d{1,3}[./-]|,\d{3}| \d{4} \d))"
)
_BEFORE: Final = 64
_BEHIND: Final = 120
_SPACES: Final = bytes(32 if chr(code) in ".,;:!?()[]{}<>\"'/\\-|*#@=+&" else code for code in range(256))
_BOXED: Final = re.compile(r"p(?<!\wp)\.? ?o\.? ?box")
_LOW_LEADS: Final = re.compile(
    r"(?<!\w)(?:address|live|resid|locat|meet|office|deliver|ship|sen[dt]|mail|visit|mov|adres|off |corner of|stop)"
    r"|\d[a-z]{2}(?!\w)"
)


def _told(page: Page) -> bool:
    """Whether a post box or a corner of streets is named, which may be written without a capital or number."""
    lower = page.lower
    return ("box" in lower and _BOXED.search(lower) is not None) or _cornered(lower)


def _cornered(lower: str) -> bool:
    return "corner of " in lower or "ction of " in lower


def _promising(page: Page, *, low: bool) -> bool:
    if not page.hints & PROMISING:
        return False
    words = page.encoded.translate(_SPACES).decode("utf-8", "surrogatepass").split()
    return promising(set(words), page.hints, low=low)


def _windows(page: Page) -> list[tuple[int, int]]:
    """Where to look: all of the text if it has a word of addresses, or else where a number stands beside a capital."""
    text = page.text
    low = text.islower()
    if _promising(page, low=low) or (low and _LOW_LEADS.search(text)) or _told(page):
        return [(0, len(text))]
    windows: list[tuple[int, int]] = []
    for beside in _BESIDE.finditer(text):
        start, end = max(0, beside.start() - _BEFORE), beside.end() + _BEHIND
        if windows and start <= windows[-1][1]:
            windows[-1] = windows[-1][0], end
        else:
            windows.append((text.rfind(" ", 0, start) + 1, end))
    return windows


def _addresses(page: Page) -> Iterator[Span]:
    yield from _fixed(page)
    yield from _eastern(page)
    low = page.text.islower()
    for first, last in _windows(page):
        reading = read(page.text, first, last, low=low)
        found = [*_formed(page, reading), *_landed(page, reading), *_corners(page, reading, first)]
        for one in _joined(reading, found):
            for start, end in _items(reading, one):
                yield Span("ADDRESS", reading.starts[start], reading.ends[end - 1], one.score)


def _formed(page: Page, reading: Reading) -> Iterator[_Found]:
    classes = reading.classes
    for form in _FORMS:
        if form.sign in classes:
            for match in form.pattern.finditer(classes):
                yield _grown(page, reading, match, form)


def _grown(page: Page, reading: Reading, match: re.Match[str], form: _Form) -> _Found:
    end, _ = _tail(reading, match.end())
    sure = end > match.end() or nearby.near(page, cues.ADDRESS, reading.starts[match.start()], reading.ends[end - 1])
    return _Found(_ahead(reading, match.start()), end, form.alone + form.more * sure)


def _tail(reading: Reading, at: int) -> tuple[int, bool]:
    """Where that ends which belongs to a form that ends at `at`, and whether it names a country or a code."""
    tail = _TAIL.match(reading.classes, at)
    return (at, False) if tail is None else (tail.end(), bool(tail["land"] or tail["code"]))


def _ahead(reading: Reading, start: int) -> int:
    ahead = _AHEAD.search(reading.classes, max(0, start - 6), start)
    return ahead.start() if ahead else start


def _landed(page: Page, reading: Reading) -> Iterator[_Found]:
    for form in _LANDED:
        if form.sign in reading.classes or form.sign == _ANY:
            for match in form.pattern.finditer(reading.classes):
                if _placed(reading, match) or _led(page, reading, match, form):
                    yield _Found(match.start(), _tail(reading, match.end())[0], form.alone + form.more)


def _placed(reading: Reading, match: re.Match[str]) -> bool:
    """Whether a country or code follows, and a number is somewhere."""
    classes, at = reading.classes, match.end()
    if _PLACE.search(classes, at, at + _REACH) is None:
        return False
    end, placed = _tail(reading, at)
    return placed and _NUMBERED.search(classes, match.start(), end) is not None


def _led(page: Page, reading: Reading, match: re.Match[str], form: _Form) -> bool:
    return form.sign not in _UNLED and _led_to(page, reading, match.start()) and not _dated(page, reading, match)


def _led_to(page: Page, reading: Reading, word: int) -> bool:
    if not word or reading.classes[word - 1] not in "laox,+.rR":
        return False
    start = reading.starts[word]
    return _LEADS.search(page.lower, max(0, start - _LEAD), start) is not None


def _dated(page: Page, reading: Reading, match: re.Match[str]) -> bool:
    """Whether the last number may be a year."""
    last = match.end() - 1
    return _YEAR.fullmatch(page.text, reading.starts[last], reading.ends[last]) is not None


_CORNER: Final = re.compile(r"\b(?:the )?(?:corner|intersection|junction) of ")
_SIDE: Final = rf"(?:{_H}|[cOsTykepbSBP])(?:{_H}|[cOsTykepbSBPiaoR]){{0,7}}"
_CROSSING: Final = re.compile(rf"{_SIDE}\+[al]{{0,2}}{_SIDE}")


def _corners(page: Page, reading: Reading, since: int) -> Iterator[_Found]:
    if "+" not in reading.classes or not _cornered(page.lower):
        return
    for corner in _CORNER.finditer(page.lower, since):
        first = bisect_left(reading.starts, corner.start())
        sides = _CROSSING.match(reading.classes, bisect_left(reading.starts, corner.end()))
        if sides:
            yield _Found(first, sides.end(), 0.65)


_FIXED: Final = re.compile(
    r"(?i:\b(?:(?:PSC|CMR|Unit) \d{1,5}[, ]{0,2}(?:Box \d{1,6})?"
    r"|US(?:S|NS|NV|CGC) [^\W\d_][\w'-]{0,24}(?: [^\W\d_][\w'-]{0,24}){0,2})"
    r"[,\s]{0,3}(?:[AFD]PO),? A[AEP] \d{5}(?:-\d{4})?(?!\d)"
    r"|\b[AFD]PO,? A[AEP] \d{5}(?!\d)"
    r"|\b(?:RR|HC|Rural Route|Star Route) ?\d{1,4},? Box \d{1,6}[A-Z]?\b)"
)
"""Military post, and rural routes, of the United States."""


def _fixed(page: Page) -> Iterator[Span]:
    if "po a" in page.lower or "box " in page.lower or "po, a" in page.lower:
        for match in _FIXED.finditer(page.text):
            yield Span("ADDRESS", *match.span(), 0.9)


_EAST: Final = re.compile(
    r"(?:〒? ?\d{3}-\d{4} {0,2})?(?:東京都|北海道|京都府|大阪府|[^\W\d_都道府県]{2,3}県)[^\W\d_]{1,6}?[市区町村郡]"
    r"[^\s\d,.。、()]{0,20}\d[\d丁目番地号-]{0,12}(?: [^\s,.。、!-~][^\s,.。、]{0,24})?"
    r"|[^\W\d_省市区]{2,7}(?:省|自治区|特别行政区|市)[^\W\d_市区县]{1,7}[市区县]"
    r"[^\s\d,.。，()]{0,16}[路街道巷弄座号村](?:\d{1,5}[号弄]?)?(?: \d{6})?"
    r"|[가-힣]{1,7}[도시] ?[가-힣]{1,5}[시군구] (?:[가-힣]{1,5}[구읍면] )?"
    r"[가-힣\d]{1,12}[로길동가리](?: \d{1,5}(?:-\d{1,5})?)?"
)
"""Japan, China and Korea: from the large to the small."""
_EAST_SIGNS: Final = re.compile("[都道府県省市区县시군구]")


def _eastern(page: Page) -> Iterator[Span]:
    if not page.text.isascii() and _EAST_SIGNS.search(page.text):
        for match in _EAST.finditer(page.text):
            yield Span("ADDRESS", *match.span(), 0.75)


_WEAKEST: Final = 0.5
_ITEM: Final = re.compile("[^R]+")
_BETWEEN: Final = re.compile(r"[,rR.]{0,3}")


def _joined(reading: Reading, found: list[_Found]) -> Iterator[_Found]:
    """What overlaps or stands side by side is one address."""
    last: _Found | None = None
    for one in sorted(one for one in found if one.score >= _WEAKEST):
        if last is not None and (one.start <= last.end or _BETWEEN.fullmatch(reading.classes, last.end, one.start)):
            last = _Found(last.start, max(last.end, one.end), max(last.score, one.score))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _items(reading: Reading, one: _Found) -> Iterator[tuple[int, int]]:
    """The address in one piece; or its items, where its lines are marked as the items of a list."""
    several = "R" in reading.classes[one.start : one.end]
    for item in _ITEM.finditer(reading.classes, one.start, one.end):
        line, (start, end) = item.group(), item.span()
        end -= len(line) - len(line.rstrip(".,r"))
        start += len(line) - len(line.lstrip(",.rk" if several else ",.r"))
        if not several or _NUMBERED.search(reading.classes, start, end):
            yield start, end


def _possible(page: Page) -> bool:
    return page.digits >= 1 or _cornered(page.lower)


ADDRESS: Final = Detector("addresses", ("ADDRESS",), _possible, _addresses)
