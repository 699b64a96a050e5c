"""Values and names that stand in a text without quotes: numbers, constants, words, patterns. Pure."""

import re
from typing import Final

from pipeline.contracts import Json
from stages.check.repair.cursor import Cursor

__all__ = ["KEY_FOLLOWS", "NAMED", "bare_key", "bare_value"]

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STUMP: Final = re.compile(r"[+-]?+[0-9]*+\.?+[0-9]*+(?:[eE][+-]?+[0-9]*+)?+")
_GROUPED: Final = re.compile(r"-?[1-9][0-9]{0,2}(?:_[0-9]{3})+")
_WORD_END: Final = {True: re.compile(r"[,\]\n\"“”{}\[]"), False: re.compile(r"[,}\]\n\"“”{\[]")}
_KEY_END: Final = re.compile(r"[:,={}\[\]\n\"'“”`´‘’]")
_PATTERN: Final = re.compile(r"/(?![*/])(?:[^/\\\n]|\\.){1,500}/[a-z]{0,6}")
_DELIMITED: Final = re.compile(r"\s*(?:[,:}\])]|$|//|/\*|#|```|\n)")
KEY_FOLLOWS: Final = re.compile(
    r"""\s*(?:$|[}\],]|//|/\*|\#|\.\.\.|```
    |"(?:[^"\\\n]|\\.){0,200}"?\s*[:=]|'(?:[^'\\\n]|\\.){0,200}'\s*[:=]|[“”`´‘’][^“”`´‘’\n]{0,200}[“”`´‘’]\s*[:=]
    |[\w$-]{1,64}["']?\s*:(?!//)|[A-Za-z]{1,64}\s+"(?:[^"\\\n]|\\.){0,200}"\s*:|"(?:[^"\\\n]|\\.){0,200}$)""",
    re.VERBOSE,
)
"""What may stand behind the comma of an object: a name, the end, a comment."""

_LINE: Final = 500
_STRAY: Final = re.compile(r"[\"“”](?=\s*(?:$|[,}\])\n]))")

NAMED: Final = re.compile(r"\s*\"(?:[^\"\\\n]|\\.){0,200}\"\s*:")
"""A name in quotes with its colon."""

_CONSTANTS: Final[dict[str, Json]] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "nil": None,
    "undefined": None,
}


def bare_key(cursor: Cursor) -> str:
    """A name without quotes, up to its colon."""
    end = _found(_KEY_END, cursor, cursor.at)
    key = cursor.text[cursor.at : end].strip()
    cursor.at = end
    if key and cursor.char in ('"', "“", "”") and NAMED.match(cursor.text, end) is None:
        cursor.at += 1
    cursor.tell("quotes added to keys")
    return key


def bare_value(cursor: Cursor) -> Json:
    """A value without quotes. The cursor stands on its first character."""
    pattern = _PATTERN.match(cursor.text, cursor.at)
    if pattern is not None:
        cursor.at = pattern.end()
        cursor.tell("quotes added to values")
        return pattern.group()
    number = _NUMBER.match(cursor.text, cursor.at)
    if number is not None and _ends(cursor, number.end()):
        cursor.at = number.end()
        _stray_quote(cursor)
        return _number(number.group())
    begin = cursor.at
    cursor.at = _end(cursor)
    words = cursor.text[begin : cursor.at].rstrip()
    _stray_quote(cursor)
    return _meant(words, cursor, at_end=cursor.after(cursor.at) >= len(cursor.text))


def _stray_quote(cursor: Cursor) -> None:
    """Go over the quote that ends what no quote began."""
    if _STRAY.match(cursor.text, cursor.at) is not None:
        cursor.at += 1
        cursor.tell("quotes removed")


def _ends(cursor: Cursor, place: int) -> bool:
    """Whether a number that ends at `place` is a value of its own."""
    if _DELIMITED.match(cursor.text, place) is not None or cursor.text.startswith(("\n", '"'), place):
        return True
    return bool(cursor.open) and cursor.text[place].isspace() and not _more_words(cursor, place)


def _more_words(cursor: Cursor, place: int) -> bool:
    """In an object, whether words follow that are no name: then the number was the first of them."""
    return cursor.open[-1] == "}" and KEY_FOLLOWS.match(cursor.text, place) is None


def _number(text: str) -> Json:
    if text.lstrip("-").isdigit():
        whole = int(text) if len(text) < 22 else 2**64
        return whole if -(2**63) <= whole < 2**64 else float(text)
    value = float(text)
    return value if abs(value) != float("inf") else text


def _found(end: re.Pattern[str], cursor: Cursor, place: int) -> int:
    match = end.search(cursor.text, place)
    stop = len(cursor.text) if match is None else match.start()
    cursor.spend(stop - place)
    return stop


def _end(cursor: Cursor) -> int:
    """Where the words end: at a delimiter, and in an object only at a comma behind which a name follows."""
    text, place = cursor.text, cursor.at
    inside = bool(cursor.open) and cursor.open[-1] == "}"
    while True:
        stop = _found(_WORD_END[not cursor.open], cursor, place)
        if stop > cursor.at and text[stop : stop + 1] in ("{", "[") and text[stop - 1].isalnum():
            closing = _closed(cursor, stop)
            if closing > 0 and cursor.open:
                place = closing
                continue
        if cursor.open and cursor.open[-1] == ")":
            closing = text.find(")", cursor.at, stop)
            stop = closing if closing >= 0 else stop
        if stop - cursor.at < 16 and text[cursor.at : stop].strip().lower() in _CONSTANTS:
            return stop
        if not inside or text[stop : stop + 1] != "," or KEY_FOLLOWS.match(text, stop + 1) is not None:
            return stop
        place = stop + 1


def _closed(cursor: Cursor, place: int) -> int:
    """The place behind a bracket that opens and closes on one line between words; 0: it does not."""
    closer = "}" if cursor.text[place] == "{" else "]"
    close = cursor.text.find(closer, place, place + _LINE)
    close = -1 if "\n" in cursor.text[place : max(close, place)] else close
    cursor.spend(max(close - place, 0))
    more = cursor.text[close + 1 : close + 2]
    return close + 1 if close > 0 and more in ("}", "]", ",", " ") and more else 0


def _meant(words: str, cursor: Cursor, *, at_end: bool) -> Json:
    """What words without quotes mean."""
    lower = words.lower()
    if lower in _CONSTANTS and words in (lower, lower.upper(), lower.capitalize()):
        if words not in ("true", "false", "null"):
            cursor.tell("constants of another language replaced")
        return _CONSTANTS[lower]
    if _NUMBER.fullmatch(words) is not None:
        return _number(words)
    if _GROUPED.fullmatch(words) is not None:
        cursor.tell("numbers completed")
        return _number(words.replace("_", ""))
    completed = _completed(words, at_end=at_end)
    if completed is not None:
        cursor.tell("numbers completed")
        cursor.invented |= not any(letter.isdigit() for letter in words)
        return _number(completed)
    cursor.tell("quotes added to values")
    cursor.loose |= not cursor.open
    return words


def _completed(words: str, *, at_end: bool) -> str | None:
    """A number that lacks a digit: `.5`, `2.`, and at the end of the text `2e`, `-`."""
    if not words or _STUMP.fullmatch(words) is None:
        return None
    mantissa, exponent, power = words.lower().partition("e")
    if exponent and (not any(letter.isdigit() for letter in mantissa) or (not power.strip("+-") and not at_end)):
        return None
    sign = "-" if mantissa.startswith("-") else ""
    whole, dot, part = mantissa.lstrip("+-").partition(".")
    if len(whole) > 1 and whole.startswith("0"):
        return None
    if not (whole or part or dot or at_end):
        return None
    if not (whole or part):
        sign = ""
    number = f"{sign}{whole or '0'}" + (f".{part or '0'}" if dot else "")
    return number + (f"e{power if power.strip('+-') else '0'}" if exponent else "")
