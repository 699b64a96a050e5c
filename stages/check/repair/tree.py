"""Objects, arrays and calls of a broken document, by descent: what is missing is supplied, what is too much dropped."""

import re
from typing import Final

from pipeline.contracts import Json
from stages.check.repair.cursor import DEEPEST, Closer, Cursor, Irreparable
from stages.check.repair.strings import QUOTES, string
from stages.check.repair.words import NAMED, bare_key, bare_value

__all__ = ["Nothing", "members", "value"]


class Nothing:
    """No value stands here."""


NOTHING: Final = Nothing()

_CALL: Final = re.compile(r"(?:new\s+)?[A-Za-z_$][\w$.]{0,63}\s*\(")
_ELLIPSIS: Final = re.compile(r"\.\.\.|…")
_COLON: Final = re.compile(r":|=>|=(?!=)")


def value(cursor: Cursor) -> Json | Nothing:
    """The value at the cursor, or `NOTHING`. Raises `Irreparable`."""
    cursor.skip()
    cursor.spend()
    char = cursor.char
    if not char or char in ",:}])=" or _ELLIPSIS.match(cursor.text, cursor.at) is not None:
        return NOTHING
    if char == "{":
        return _nested(cursor, "}")
    if char == "[":
        return _nested(cursor, "]")
    if char == "(":
        return _tuple(cursor)
    if char in QUOTES:
        return string(cursor, "value")
    call = _CALL.match(cursor.text, cursor.at)
    if call is not None:
        called = _called(cursor, call.end())
        if called is not NOTHING:
            return called
    return bare_value(cursor)


def _nested(cursor: Cursor, closer: Closer) -> Json:
    if len(cursor.open) >= DEEPEST:
        raise Irreparable
    cursor.at += 1
    cursor.open.append(closer)
    made: Json = members(cursor, {}) if closer == "}" else _array(cursor, closer)
    cursor.open.pop()
    return made


def _called(cursor: Cursor, inside: int) -> Json | Nothing:
    """The argument of a call such as `callback(...)` or `ISODate(...)`; `NOTHING`: it is no such call."""
    begin, before = cursor.at, dict(cursor.changes)
    cursor.at = inside
    cursor.open.append(")")
    argument = value(cursor) if len(cursor.open) < DEEPEST else NOTHING
    cursor.skip()
    cursor.open.pop()
    if argument is NOTHING or (cursor.char not in (")", "")):
        cursor.at, cursor.changes = begin, before
        return NOTHING
    cursor.at = min(cursor.at + 1, len(cursor.text))
    cursor.tell("call around a value removed")
    return argument


def _tuple(cursor: Cursor) -> Json:
    begin = cursor.at
    items = _nested(cursor, ")")
    cursor.tell("parentheses replaced")
    alone = isinstance(items, list) and len(items) == 1 and "," not in cursor.text[begin : cursor.at]
    return items[0] if alone and isinstance(items, list) else items


def _closes(cursor: Cursor, last: Json) -> bool:
    """Whether the innermost that is open ends here.

    A closer of nothing that is open stands for the right one behind a scalar, and is left out behind a bracket.
    """
    while True:
        cursor.skip()
        char = cursor.char
        if not char or cursor.starts("```"):
            cursor.tell("brackets added")
            return True
        if char not in "}])":
            return False
        if char == cursor.open[-1]:
            cursor.at += 1
            return True
        cursor.spend(len(cursor.open))
        if char in cursor.open:
            cursor.tell("brackets added")
            return True
        cursor.at += 1
        if len(cursor.open) > 1 and last is not None and not isinstance(last, dict | list):
            cursor.tell("brackets replaced")
            return True
        cursor.tell("brackets removed")


def _commas(cursor: Cursor, *, first: bool) -> None:
    """Go over the separator before the next item, and over ellipses."""
    cursor.skip()
    seen = 0
    while True:
        ellipsis = _ELLIPSIS.match(cursor.text, cursor.at)
        if ellipsis is not None:
            cursor.at = ellipsis.end()
            cursor.tell("ellipsis removed")
            cursor.incomplete = True
            seen = min(seen, 1)
        elif cursor.char == "," or (cursor.char == ";" and cursor.open):
            cursor.at += 1
            seen += 1
        else:
            break
        cursor.skip()
        cursor.spend()
    if (first and seen) or seen > 1 or (seen and cursor.char in ("", "}", "]")):
        cursor.tell("commas removed")
    if not first and not seen and cursor.char and cursor.char not in "}])" and not cursor.starts("```"):
        cursor.tell("commas added")


def _array(cursor: Cursor, closer: Closer) -> list[Json]:
    items: list[Json] = []
    while True:
        _commas(cursor, first=not items)
        if _closes(cursor, items[-1] if items else None):
            return items
        if cursor.char == ",":
            continue
        begin = cursor.at
        item = value(cursor)
        cursor.skip()
        if isinstance(item, str) and cursor.char == ":" and closer == "]":
            item = _pair(cursor, item)
        if not isinstance(item, Nothing):
            items.append(item)
        if cursor.at == begin:
            raise Irreparable


def _pair(cursor: Cursor, key: str) -> Json:
    """A name and a value that stand in an array without braces around them."""
    cursor.at += 1
    cursor.tell("brackets added")
    item = value(cursor)
    return {key: _given(cursor, item)}


def _given(cursor: Cursor, item: Json | Nothing) -> Json:
    if isinstance(item, Nothing):
        cursor.invented = True
        cursor.tell("null put where a value is missing")
        return None
    return item


def members(cursor: Cursor, found: dict[str, Json]) -> dict[str, Json]:
    """Read members into `found`, up to the end of the object."""
    first, last = not found, None
    while True:
        _commas(cursor, first=first)
        if _closes(cursor, last):
            return found
        if cursor.char == ",":
            continue
        if cursor.char in "{[":
            if first or ("]" not in cursor.open and cursor.char == "{"):
                raise Irreparable
            cursor.tell("brackets added")
            return found
        begin = cursor.at
        key = _key(cursor)
        cursor.skip()
        colon = _COLON.match(cursor.text, cursor.at)
        if colon is not None:
            cursor.at = colon.end()
        if colon is None or colon.group() != ":":
            cursor.tell("colons added")
        last = found[key] = _given(cursor, value(cursor))
        first = False
        if cursor.at == begin:
            raise Irreparable


def _key(cursor: Cursor) -> str:
    if cursor.char in QUOTES:
        return string(cursor, "key")
    key = bare_key(cursor)
    cursor.incomplete |= not key  # a colon in the middle of a value, as in 12:30
    if cursor.char == '"' and NAMED.match(cursor.text, cursor.at) is not None:
        cursor.tell("words between members removed")
        return string(cursor, "key")
    return key
