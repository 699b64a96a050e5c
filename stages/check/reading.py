"""The JSON document in a model's answer, with as little change as possible and every change told. Pure.

In this order, and the first that reads wins: the text as it is; without the code fence around it; without the words
around it; with its syntax repaired. Syntax is not repaired in an answer that was cut off: closing its brackets would
make a document out of half an answer. And a repair whose values do not stand in the text is none: the library behind it
would rather invent an empty string than give up.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import json_repair
import orjson

from pipeline.contracts import Json

__all__ = ["FENCE", "LARGEST_REPAIR", "Reading", "read"]

LARGEST_REPAIR: Final = 4096
"""Characters of a text whose syntax is repaired. The time grows with the square of it in the worst case (0.4 s for this
much), during which the worker does nothing else; a longer broken answer goes to the next tier."""
MOST_OPEN: Final = 32
"""Brackets that may be missing at the end of a text whose syntax is repaired."""

FENCE: Final = re.compile(r"\s*```[\w+-]*[ \t]*\n?(.*?)\s*```\s*", re.DOTALL)
"""A code fence that is the whole text; the group is what stands in it."""

_OPENING: Final = re.compile(r"[{\[]")
_TRIES: Final = 4
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_OTHER: Final = re.compile(r"[\W_]")
_EMPTY: Final = re.compile(r"\"\s*\"|'\s*'|“\s*”|‘\s*’")
_NULLS: Final = ("null", "none", "undefined", "nil", "nan")


@dataclass(frozen=True, slots=True)
class Reading:
    """A document, the text that says it, and what was done to get there. `found` is False where there is none."""

    found: bool
    document: Json = None
    content: str | None = None
    repairs: tuple[str, ...] = ()


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
_NOTHING: Final = Reading(found=False)


def read(text: str, *, cut_off: bool = False) -> Reading:
    """Find the document in `text`. `cut_off`: the model was stopped before its end."""
    whole = _parsed(text)
    if whole.found:
        return whole
    inner, repairs = _unfenced(text)
    for reading in (_fenced(inner, repairs), _embedded(inner, repairs)):
        if reading.found:
            return reading
    return _NOTHING if cut_off else _repaired(inner, repairs)


def _parsed(text: str) -> Reading:
    try:
        return Reading(True, orjson.loads(text))
    except orjson.JSONDecodeError:
        return _NOTHING


def _unfenced(text: str) -> tuple[str, tuple[str, ...]]:
    match = FENCE.fullmatch(text)
    return (text, ()) if match is None else (match.group(1), ("code fence removed",))


def _fenced(inner: str, repairs: tuple[str, ...]) -> Reading:
    reading = _parsed(inner) if repairs else _NOTHING
    return Reading(True, reading.document, inner, repairs) if reading.found else _NOTHING


def _embedded(text: str, repairs: tuple[str, ...]) -> Reading:
    """An object or array that stands whole between other words. Of several the longest."""
    longest = max(_documents(text), key=len, default=None)
    if longest is None:
        return _NOTHING
    reading = _parsed(longest)
    if not reading.found:
        return _NOTHING
    return Reading(True, reading.document, longest, (*repairs, "text around the document removed"))


def _documents(text: str) -> Iterator[str]:
    position = 0
    for _ in range(_TRIES):
        opening = _OPENING.search(text, position)
        if opening is None:
            return
        try:
            _, end = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            return  # broken from here on: what follows may be a part of it
        yield text[opening.start() : end]
        position = end


def _repaired(text: str, repairs: tuple[str, ...]) -> Reading:
    if len(text) > LARGEST_REPAIR or _OPENING.search(text) is None or _left_open(text) > MOST_OPEN:
        return _NOTHING
    try:
        document: Any = json_repair.loads(text, skip_json_loads=True)
        content = orjson.dumps(document).decode()
    except (ValueError, TypeError, RecursionError):
        return _NOTHING
    if not isinstance(document, dict | list) or _invents(document, text):
        return _NOTHING
    return Reading(True, orjson.loads(content), content, (*repairs, "syntax repaired"))


def _left_open(text: str) -> int:
    return text.count("{") + text.count("[") - text.count("}") - text.count("]")


def _invents(document: Json, text: str) -> bool:
    """Whether a value of `document` does not stand in `text`."""
    plain = _ESCAPE.sub(_unescaped, text)
    letters = _OTHER.sub("", plain).lower()
    return not all(_stands_in(value, plain, letters) for value in _scalars(document))


def _stands_in(value: Json, plain: str, letters: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in letters
    if isinstance(value, str):
        wanted = _OTHER.sub("", value).lower()
        return wanted in letters if wanted else _blank_stands_in(value, plain)
    if isinstance(value, int | float):
        return _OTHER.sub("", repr(abs(value)).removesuffix(".0")).lstrip("0") in letters
    return any(word in letters for word in _NULLS)


def _blank_stands_in(value: str, plain: str) -> bool:
    """A string without a letter or digit: as it is, and an empty one as a pair of quotes."""
    if value.strip():
        return value.strip() in plain
    return _EMPTY.search(plain) is not None


def _scalars(document: Json) -> Iterator[Json]:
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        yield document
        return
    for value in document:
        yield from _scalars(value)


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group(1)
    if escape[0] == "u" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return " " if escape in "nrtbf" else escape
