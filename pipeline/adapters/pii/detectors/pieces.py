"""The numbers of a page, cut into all the pieces that could be an identifier, once for every detector.

A shape writes each digit as `9` and each letter as `A`: `756.9217.0769.85` has the shape `999.9999.9999.99`. So a
detector finds its forms by looking shapes up, whatever the number of forms.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from pipeline.adapters.pii.memo import memo
from pipeline.adapters.pii.page import Page

__all__ = ["Piece", "pieces", "shapes"]

_SHAPE: Final = bytes(
    0x39 if 0x30 <= code <= 0x39 else 0x41 if chr(code).isalpha() and code < 128 else code for code in range(256)
)
_GROUP: Final = r"[A-Za-z]{0,8}\d[A-Za-z0-9]{0,24}"
_RUN: Final = re.compile(
    rf"(?<![A-Za-z0-9_À-ɏ])(?:[A-Za-z]{{1,2}}-|[A-Z]{{1,2}} (?=\d)|[A-Z]{{3}} [A-Z]{{3}} (?=\d)"
    rf"|[A-Z]{{6}} (?=\d)"
    rf"|[A-Z]{{3,4}} (?=\d{{6}} [A-Z0-9]{{3}}(?!\w)))?{_GROUP}(?:[ ./+-]{_GROUP}| [A-Z](?= \d))*"
    r"(?:[-/][A-Za-z]{1,2}(?![A-Za-z])| [A-Z]{1,2}(?![A-Za-z])|\([0-9A]\))?(?![A-Za-z0-9_À-ɏ])"
)
_DIGIT: Final = re.compile("[0-9]")
_AHEAD: Final = 16
"""Characters of a run before its first digit, at most."""
_BREAK: Final = re.compile(r" |$")
_MOST_GROUPS: Final = 8
_LONGEST: Final = 34
_SHORTEST: Final = 5
_NOT_BEFORE: Final = frozenset("$€£¥%*^&+/@")
_HEXADECIMAL: Final = "0X"
_JOINS: Final = frozenset(".-")
_REGISTERED: Final[set[str]] = set()


class Piece(NamedTuple):
    """A run of groups, or one to eight neighbours among them, made of digits and letters.

    Attributes:
        text: as it stands, in upper case.
        shape: each digit as 9, each letter as A.
        alone: no other digit of the same run of numbers stands before or behind it.
    """

    start: int
    end: int
    text: str
    shape: str
    alone: bool

    @property
    def dated(self) -> bool:
        """Whether it is a day in eight digits, as `20240115`, which could be a number too."""
        return len(self.text) == len("YYYYMMDD") and _DAY.fullmatch(self.text) is not None

    @property
    def compact(self) -> str:
        """Its letters and digits."""
        return "".join(filter(str.isalnum, self.text))


def pieces(page: Page) -> list[Piece]:
    """The whole runs of numbers of the page, and of their parts those with the shape of some form."""
    known: list[Piece] | None = memo(page).get("pieces")
    if known is None:
        known = memo(page)["pieces"] = [] if page.digits < 3 else [*_cut(page.text)]
    return known


def _runs(text: str) -> Iterator[re.Match[str]]:
    """All runs of groups, looked for around the digits."""
    end = 0
    while digit := _DIGIT.search(text, end):
        run = _RUN.search(text, max(end, digit.start() - _AHEAD))
        if run is None:
            return
        end = run.end()
        yield run


def _cut(text: str) -> Iterator[Piece]:
    for run in _runs(text):
        start, end = run.span()
        words = run.group().upper()
        if end - start < _SHORTEST or words.startswith(_HEXADECIMAL) or ("." in words and _DECIMAL.fullmatch(words)):
            continue
        if _belongs_before(text, start, words) or _belongs_behind(text, end, words):
            continue
        if len(words) <= _DATE_LENGTH and _DATE.fullmatch(words):
            continue
        shape = words.encode("ascii").translate(_SHAPE).decode("ascii")
        if len(shape) <= _LONGEST:
            yield Piece(start, end, words, shape, alone=True)
        if " " in shape:
            yield from _parts(start, words, shape)


def _belongs_before(text: str, start: int, words: str) -> bool:
    """Whether the run is a part of a longer thing: an amount, a path, a fraction."""
    before = text[start - 1 : start]
    if before == ",":
        return text[start - 2 : start - 1].isdigit() and _THOUSANDS.match(words) is not None
    return (before != "" and before in _NOT_BEFORE) or (before in _JOINS and not text[start - 2 : start - 1].isalpha())


def _belongs_behind(text: str, end: int, words: str) -> bool:
    """Whether the run goes on as an amount: with a fraction, or a per cent sign."""
    behind = text[end : end + 1]
    if behind == ",":
        return len(words) <= _AMOUNT and words.isdigit() and _FRACTION.match(text, end) is not None
    if behind == "%" or (behind == "." and text[end + 1 : end + 2].isdigit()):
        return True
    return words.isdigit() and len(words) <= _AMOUNT and _UNIT.match(text, end) is not None


_AMOUNT: Final = 8
_DAY: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_UNIT: Final = re.compile(
    r" ?(?:dollars?|euros?|pounds?|yen|usd|eur|gbp|million|billion|thousand|people|persons?|users?|customers?"
    r"|miles?|km|kg|kb|mb"
    r"|meters?|metres?|feet|bytes?|rows?|lines?|days?|hours?|years?|seconds?|times?|units?|items?|points?"
    r"|words?|votes?|€|£|\$)(?!\w)",
    re.IGNORECASE,
)
_DATE: Final = re.compile(
    r"(?:19|20)\d\d([-/. ])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-/. ])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d|(?:0?[1-9]|1[0-2])([-/. ])\d\d\3(?:19"
    r"|20)\d\d"
)
_DATE_LENGTH: Final = 10
_DECIMAL: Final = re.compile(r"\d+\.\d+")
_THOUSANDS: Final = re.compile(r"\d{3}(?!\d)")
_FRACTION: Final = re.compile(r",\d{1,3}(?!\d)")


def _parts(start: int, words: str, shape: str) -> Iterator[Piece]:
    """The stretches of a run between spaces whose shape is that of a form, from the longest at each place."""
    ends = [match.start() for match in _BREAK.finditer(shape)]
    first, last = shape.find("9"), shape.rfind("9")
    begin = 0
    for at, stop in enumerate(ends):
        for end in reversed(ends[at : at + _MOST_GROUPS]):
            stretch = shape[begin:end]
            if stretch in _REGISTERED and len(stretch) < len(shape):
                alone = begin <= first and last < end
                yield Piece(start + begin, start + end, words[begin:end], stretch, alone)
        begin = stop + 1


_ANY_SEPARATOR: Final = ("", " ", "-", ".")
_TERM: Final = re.compile(r"([A9])\{(\d+)\}")


@cache
def shapes(form: str) -> tuple[str, ...]:
    """All shapes of a form. `_` is any separator or none, the same in all places; `|` parts alternatives.

    `9{3}` is three digits; `?` behind a separator makes it optional.
    """
    found: dict[str, None] = {}
    for alternative in form.split("|"):
        spelled = _TERM.sub(lambda term: term[1] * int(term[2]), alternative)
        for separator in _ANY_SEPARATOR if "_" in spelled else ("",):
            found.update(dict.fromkeys(_optional(spelled.replace("_", separator))))
    _REGISTERED.update(found)
    return tuple(found)


def _optional(shape: str) -> Iterator[str]:
    """The shape with and without each sign that a question mark follows."""
    parts = re.split(r"(.)\?", shape)
    kept, maybe = parts[::2], parts[1::2]
    for choice in product((True, False), repeat=len(maybe)):
        yield kept[0] + "".join(sign * use + rest for sign, use, rest in zip(maybe, choice, kept[1:], strict=True))
