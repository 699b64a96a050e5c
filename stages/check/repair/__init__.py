"""A broken JSON document made whole, with as little change as possible and every change told. Pure, in linear time.

What it mends: quotes that are missing, curly, single or mixed; commas, colons and brackets that are missing or too
many; comments, ellipses, code fences; constants of Python and JavaScript; numbers that lack a digit; strings that are
joined by a plus sign, lack their end or hold quotes; calls around a value (JSONP, types of MongoDB); a document that is
the inside of a string; several documents on lines of their own, which become an array; words around the document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.contracts import Json
from stages.check.repair.cursor import Cursor, Escaped, Irreparable
from stages.check.repair.tree import Nothing, members, value
from stages.check.repair.words import NAMED

__all__ = ["Mended", "mend"]

_TRIES: Final = 4
_FENCE_BEGINS: Final = re.compile(r"\s*+(?:[\[{]\s*+)?```[\w+-]*+[ \t]*+\n?")
_OPENING: Final = re.compile(r"[{\[]")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_FENCED: Final = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mended:
    """What was made of a text.

    Attributes:
        document: the value.
        changes: what was changed, in words.
        invented: a value was supplied that does not stand in the text, such as null for one that is missing.
        loose: words without quotes were taken for a string although no bracket stands around them.
        incomplete: something was left out, such as what an ellipsis stands for; or a text has two readings.
    """

    document: Json
    changes: tuple[str, ...]
    invented: bool = False
    loose: bool = False
    incomplete: bool = False


def mend(text: str) -> Mended | None:
    """What `text` most probably meant; None: that cannot be told."""
    try:
        return _whole(text)
    except (Irreparable, RecursionError):
        pass
    return _inside(text)


def _whole(text: str) -> Mended:
    """The text as one document, or as several on lines of their own."""
    fence = _FENCE_BEGINS.match(text)
    cursor = Cursor(text, at=fence.end() if fence is not None else 0)
    if fence is not None:
        cursor.tell("code fence removed")
    try:
        found, several = _documents(cursor)
    except Escaped as escaped:
        whole = text[: escaped.at] + _ESCAPE.sub(_unescaped, text[escaped.at :]).removesuffix("\\")
        cursor = Cursor(whole, at=cursor.at if cursor.at < escaped.at else 0)
        cursor.tell("escapes around the document removed")
        try:
            found, several = _documents(cursor)
        except Escaped:
            raise Irreparable from None
    if several:
        cursor.tell("several documents joined to an array")
    return Mended(
        found if several else found[0], tuple(cursor.changes), cursor.invented, cursor.loose, cursor.incomplete
    )


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group(1)
    return {"n": "\n", "t": "\t", "r": "\r"}.get(escape, escape if escape in "\"'\\/" else match.group())


def _inside(text: str) -> Mended | None:
    """The document between other words: in a code fence, or from a bracket on. Of several the longest."""
    places = [(match.start(1), match.end(1)) for match in islice(_FENCED.finditer(text), _TRIES)]
    best: tuple[int, Mended] | None = None
    for begin, end in places or _openings(text):
        mended = _from(text[begin:end])
        if mended is not None and (best is None or mended[0] > best[0]):
            best = mended
    return None if best is None else best[1]


def _openings(text: str) -> Iterator[tuple[int, int]]:
    for match in islice(_OPENING.finditer(text), _TRIES):
        yield match.start(), len(text)


def _from(text: str) -> tuple[int, Mended] | None:
    """The document that `text` begins with, and how many characters it has."""
    cursor = Cursor(text)
    cursor.tell("text around the document removed")
    try:
        document = value(cursor)
    except (Irreparable, Escaped, RecursionError):
        return None
    if isinstance(document, dict | list) and document:
        return cursor.at, Mended(document, tuple(cursor.changes), cursor.invented, incomplete=cursor.incomplete)
    return None


def _documents(cursor: Cursor) -> tuple[list[Json], bool]:
    """What stands at the outermost level. Raises `Irreparable` where words are left over."""
    found: list[Json] = []
    several = nested = False
    ended = cursor.at
    while True:
        comma = _separated(cursor)
        if cursor.at >= len(cursor.text):
            break
        apart = comma or "\n" in cursor.text[ended : cursor.at]
        if comma and found and isinstance(found[-1], dict) and NAMED.match(cursor.text, cursor.at):
            cursor.tell("brackets removed")
            cursor.open.append("}")
            members(cursor, found[-1])
            cursor.open.pop()
        else:
            item = value(cursor)
            if isinstance(item, Nothing) or (found and not apart and not isinstance(item, dict | list)):
                raise Irreparable
            several |= bool(found)
            found.append(item)
        nested |= isinstance(found[-1], dict | list)
        if cursor.loose and (nested or cursor.char in ("{", "[")):
            raise Irreparable  # words beside objects and arrays are no documents but what is said about them
        ended = cursor.at
    if not found:
        raise Irreparable
    return found, several


def _separated(cursor: Cursor) -> bool:
    """Go over what stands between documents; whether a comma is there."""
    comma = False
    while True:
        cursor.skip()
        if cursor.starts("```"):
            cursor.at += 3
            cursor.tell("code fence removed")
        elif cursor.char and cursor.char in "}]);,":
            comma |= cursor.char == ","
            cursor.tell("commas removed" if cursor.char in ",;" else "brackets removed")
            cursor.at += 1
        else:
            return comma
        cursor.spend()
