"""Strings in quotes of any kind, and where they end when the quotes are not to be trusted. Pure.

A quote ends a string where what follows is what may follow a string at this place; another one is taken as a part of
it. Where none does, the string ends before the next one that begins, or with the text, before the brackets that were
to close what is open.
"""

import re
from typing import Final, Literal

from stages.check.repair.cursor import Cursor
from stages.check.repair.words import KEY_FOLLOWS

__all__ = ["QUOTES", "Role", "string"]

Role = Literal["key", "value"]

QUOTES: Final = "\"“”'‘’`´"
_DOUBLE: Final = '"“”'
_STOPS: Final = {
    '"': re.compile(r'["\\]'),
    "'": re.compile(r"['\\]"),
    "“": re.compile(r'["“”\\]'),
    "‘": re.compile(r"['‘’`´\\]"),
}
_BARE: Final = frozenset("'‘’“”`´\n\r")
"""Characters that other languages escape; before any other one, a backslash is a character of the text."""
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_HALF: Final = re.compile(r"[0-9a-fA-F]{0,3}(?=\W*$)")
_KEY: Final = re.compile(r"(?:[^\"\\\n]|\\.){0,200}[\"”]\s*:")
_TOKEN: Final = re.compile(r"\s*(?:-?[0-9][0-9.eE+-]*|true|false|null|None|True|False)\s*(?=[,}\]\n]|$|[\"'\w]+\s*:)")
_ITEM: Final = re.compile(
    r"\s*(?:$|[\"“”'‘’`´{\[\],}#]|-?[0-9]|//|/\*|\.\.\.|true\b|false\b|null\b|None\b|True\b|False\b)"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_COMMENT: Final = 1000
_CLOSING: Final = re.compile(r"\s*(?:$|[,\]})+;]|//|/\*|#|```|[\"“”'‘`]|\n)")


def string(cursor: Cursor, role: Role) -> str:
    """The string that begins at the cursor, with all that were joined to it by a plus sign."""
    parts = [_one(cursor, role)]
    while True:
        place = cursor.after(cursor.at)
        if cursor.text[place : place + 1] != "+":
            return "".join(parts)
        quote = cursor.after(place + 1)
        if cursor.text[quote : quote + 1] not in QUOTES or quote >= len(cursor.text):
            cursor.at = place + 1 if quote >= len(cursor.text) else cursor.at
            return "".join(parts)
        cursor.at = quote
        cursor.tell("strings joined")
        parts.append(_one(cursor, role))


def _kind(opening: str) -> str:
    if opening in "\"'":
        return opening
    return "“" if opening in _DOUBLE else "‘"


def _one(cursor: Cursor, role: Role) -> str:
    opening = cursor.char
    if opening != '"':
        cursor.tell("quotes replaced")
    cursor.escapes.clear()
    found = _String(cursor, role, _kind(opening)).read()
    cursor.incomplete |= len(cursor.escapes) > 1  # of C:\Users\new no one can tell whether a line ends in it
    return found


class _String:
    """One string while it is read."""

    def __init__(self, cursor: Cursor, role: Role, kind: str) -> None:
        self.cursor, self.role, self.kind = cursor, role, kind
        self.text = cursor.text
        self.begin = cursor.at + 1
        self.doubled = self._is_doubled()
        if self.doubled:
            self.begin += len(self.doubled)
            cursor.tell("quotes removed")
        self.inner = 0
        """Quotes that were taken as a part of it so far."""
        self.soft: int | None = None
        """A quote that could end it, if nothing better comes."""
        self.value: list[str] = []

    def _is_doubled(self) -> str:
        quote = self.text[self.begin - 1]
        for more in (quote * 2, quote):
            behind = self.text[self.begin + len(more) : self.begin + len(more) + 1]
            if quote in "\"'" and self.text.startswith(more, self.begin) and (behind.isalnum() or len(more) == 2):
                return more
        return ""

    def read(self) -> str:
        place = self.begin
        while True:
            match = _STOPS[self.kind].search(self.text, place)
            stop = len(self.text) if match is None else match.start()
            self.cursor.spend(stop - place)
            self.value.append(self.text[place:stop])
            if _CONTROL.search(self.text, place, stop) is not None:
                self.cursor.tell("control characters escaped")
            if match is None:
                return self._unended()
            if match.group() == "\\":
                place = _unescape(self.cursor, stop, self.value)
                continue
            ended = self._at_quote(stop)
            if ended is not None:
                return ended
            self.inner += 1
            self.value.append(self.text[stop])
            place = stop + 1

    def _at_quote(self, stop: int) -> str | None:
        """The string, if it ends with the quote at `stop` or has ended before it; None: the quote is a part of it."""
        if self.doubled:
            return self._end(stop + 1 + len(self.doubled)) if self.text.startswith(self.doubled, stop + 1) else None
        before = self._begins_another(stop)
        if before is not None:
            return self._cut(before)
        if self._may_end(stop):
            return self._end(stop + 1)
        if self.soft is None and self._token_follows(stop):
            self.soft = stop
        return None

    def _end(self, after: int) -> str:
        if self.inner:
            self.cursor.tell("quotes inside a string escaped")
        self.cursor.at = after
        return "".join(self.value)

    def _cut(self, before: int) -> str:
        """End it at `before`, a place that lies behind what was read last."""
        self.cursor.tell("quote added at the end of a string")
        self.cursor.at = before
        return _between(self.cursor, self.begin, before)

    # where a string ends

    def _may_end(self, stop: int) -> bool:
        """Whether what follows the quote at `stop` may follow a string here."""
        cursor = self.cursor
        after = cursor.after(stop + 1)
        follows = self.text[after : after + 1]
        if not follows or self.text.startswith("```", after):
            return True
        if self.role == "key":
            return follows in ":=}" or follows in QUOTES or "\n" in self.text[stop + 1 : after] or follows == ","
        if follows in QUOTES:
            return self._quote_follows(stop, after)
        check = {",": self._comma, "}": self._closer, "]": self._closer, ")": self._closer}.get(follows)
        if check is not None:
            return check(after)
        if follows == ":":
            return not cursor.open or cursor.open[-1] == "]"
        if follows == "+":
            plus = cursor.after(after + 1)
            return plus >= len(self.text) or self.text[plus] in QUOTES
        if "\n" in self.text[stop + 1 : after] or (after > stop + 1 and self.text[after - 1] == "/"):
            return bool(cursor.open) and (cursor.open[-1] == "]" or KEY_FOLLOWS.match(self.text, after) is not None)
        return (follows == ";" and not cursor.open) or (follows == "{" and bool(cursor.open))

    def _comma(self, comma: int) -> bool:
        open_ = self.cursor.open
        if not open_:
            return True
        if open_[-1] == "}":
            return KEY_FOLLOWS.match(self.text, comma + 1) is not None
        return self.inner % 2 == 0 or _ITEM.match(self.text, comma + 1) is not None

    def _closer(self, place: int) -> bool:
        """A closer ends the string if something of its kind is open and what follows it fits."""
        closer = self.text[place]
        cursor, open_ = self.cursor, self.cursor.open
        if closer not in open_:
            behind = cursor.after(place + 1)
            return self.inner == 0 and (behind >= len(self.text) or (bool(open_) and self.text[behind] in ",]}"))
        if _CLOSING.match(self.text, place + 1) is not None or cursor.last(self.kind) < place:
            return True
        return len(open_) == 1 and self.text[place + 1 : place + 2] in ("{", "[")

    def _quote_follows(self, stop: int, after: int) -> bool:
        """Behind the quote stands another one: does it begin the next string, or was the first a part of this one?"""
        if after > stop + 1:
            return bool(self.cursor.open) or "\n" in self.text[stop + 1 : after]
        behind = self.cursor.after(after + 1)
        if self.text[behind : behind + 1] in ("", ",", "}", "]", ":"):
            return False
        return bool(self.cursor.open)

    def _token_follows(self, stop: int) -> bool:
        return bool(self.cursor.open) and _TOKEN.match(self.text, stop + 1) is not None

    def _begins_another(self, stop: int) -> int | None:
        """Where this string ended, if the quote at `stop` begins the next one."""
        open_ = self.cursor.open
        if not open_:
            return None
        end = self._back(stop)
        separator = self.text[end:stop]
        if self.role == "key":
            place = stop
            while place > self.begin and self.text[place - 1].isspace():
                place -= 1
            self.cursor.spend(stop - place)
            return place - 1 if place > self.begin and self.text[place - 1] == ":" else None
        follows = self.text[stop + 1 : stop + 2]
        if open_[-1] == "}":
            return self._before_key(stop, end, separator)
        if not separator.strip() or follows in ("", ",", "]", "}", ":", "\n") or follows.isspace():
            return None
        other = _STOPS[self.kind].search(self.text, stop + 1)
        self.cursor.spend((len(self.text) if other is None else other.start()) - stop)
        if other is None:
            return None
        return end if _CLOSING.match(self.text, other.end()) else None

    def _before_key(self, stop: int, end: int, separator: str) -> int | None:
        """In an object: the next string must be a name, or the quote ends a name that no quote began."""
        if separator and _KEY.match(self.text, stop + 1) is not None:
            self.cursor.spend(200)
            return end
        after = self.cursor.after(stop + 1)
        if self.text[after : after + 1] == ":" and self.inner == 0:
            self.cursor.spend(stop - self.begin)
            comma = self.text.rfind(",", self.begin, stop)
            if comma >= 0 and self.text[comma + 1 : stop].strip():
                return comma
        return None

    def _back(self, stop: int) -> int:
        """The place before the separators, blanks and comments that stand before `stop`."""
        text, place = self.text, stop
        while place > self.begin:
            if text[place - 1] in ",+{}[]" or text[place - 1].isspace():
                place -= 1
            else:
                comment = text.rfind("/*", max(self.begin, place - _COMMENT), place)
                if comment < 0 or not text.startswith("*/", place - 2):
                    break
                place = comment
        self.cursor.spend(stop - place)
        return place

    def _unended(self) -> str:
        """The text ended before the string did."""
        if self.soft is not None:
            self.cursor.at = self.soft + 1
            return _between(self.cursor, self.begin, self.soft)
        if self.text.endswith("\\") and not self.text.endswith("\\\\"):
            self.cursor.tell("escapes corrected")
        return self._cut(self._without_closers()).rstrip()

    def _without_closers(self) -> int:
        """The end of the string: without the fence, separators and as many closers as are open, from the end."""
        text = self.text[self.begin :].rstrip()
        for ending in ("```", ",", "+"):
            text = text.removesuffix(ending).rstrip()
        ends = [len(text)]
        while ends[-1] and text[ends[-1] - 1] in "}])" and len(ends) <= len(self.cursor.open):
            ends.append(len(text[: ends[-1] - 1].rstrip()))
        wanted = self.cursor.open[::-1]
        for count in range(len(ends) - 1, 0, -1):
            if [each for each in text[ends[count] :] if not each.isspace()] == wanted[:count]:
                return self.begin + ends[count]
        return self.begin + len(text)


def _unescape(cursor: Cursor, place: int, value: list[str]) -> int:
    """Read the escape at `place` into `value`; the place behind it."""
    text = cursor.text
    escape = text[place + 1 : place + 2]
    if escape == "u":
        return _unicode(cursor, place, value)
    if escape in _SHORT or escape in ('"', "\\", "/"):
        value.append(_SHORT.get(escape, escape))
        if escape in _SHORT:
            cursor.escapes.add("meant")
    else:
        cursor.tell("escapes corrected")
        value.append(escape if not escape or escape in _BARE else _kept(cursor, escape))
    return place + 1 + len(escape)


def _kept(cursor: Cursor, escape: str) -> str:
    cursor.escapes.add("kept")
    return f"\\{escape}"


def _unicode(cursor: Cursor, place: int, value: list[str]) -> int:
    text = cursor.text
    digits = _HEX.match(text, place + 2)
    if digits is None:
        cursor.tell("escapes corrected")
        half = _HALF.match(text, place + 2)
        value.append("" if half is not None else _kept(cursor, "u"))
        return half.end() if half is not None else place + 2
    code, end = int(digits.group(), 16), digits.end()
    low = _HEX.match(text, end + 2) if text.startswith("\\u", end) else None
    if 0xD800 <= code < 0xDC00 and low is not None and 0xDC00 <= int(low.group(), 16) < 0xE000:
        value.append(chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(), 16) - 0xDC00))
        return low.end()
    value.append("\ufffd" if 0xD800 <= code < 0xE000 else chr(code))
    return end


def _between(cursor: Cursor, begin: int, end: int) -> str:
    """The string whose inside goes from `begin` to `end`."""
    cursor.spend(end - begin)
    value: list[str] = []
    place = begin
    while True:
        stop = cursor.text.find("\\", place, end)
        value.append(cursor.text[place : end if stop < 0 else stop])
        if stop < 0:
            return "".join(value)
        place = min(_unescape(cursor, stop, value), end)
