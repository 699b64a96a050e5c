"""A second reading of a short broken text, by the library `json_repair`, where the schema refuses the first one. Pure.

The library would rather invent a value than give up, so that a reading whose values do not stand in the text is none.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import json_repair

from pipeline.contracts import Json

__all__ = ["LONGEST", "second_reading"]

LONGEST: Final = 4096
"""Characters; the library's time grows with the square of them in the worst case."""
MOST_OPEN: Final = 32
"""Brackets that may be missing."""

_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CHANGED: Final = re.compile(r"\\(?![\"\\/bfnrtu'])|\.\.\.|…|[0-9]:[0-9]")
"""What the library leaves out or takes apart: backslashes that begin no escape, ellipses, a colon between digits."""
_OTHER: Final = re.compile(r"[\W_]")
_EMPTY: Final = re.compile(r"\"\s*\"|'\s*'|“\s*”|‘\s*’")
_NULLS: Final = ("null", "none", "undefined", "nil", "nan")


def second_reading(text: str) -> dict[str, Json] | list[Json] | None:
    """The object or array that the library finds in `text`; None: none that is safe."""
    if (
        len(text) > LONGEST
        or _CHANGED.search(text) is not None
        or text.count("{") + text.count("[") - text.count("}") - text.count("]") > MOST_OPEN
    ):
        return None
    try:
        document: Any = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, TypeError, RecursionError):
        return None
    return document if isinstance(document, dict | list) and not _invents(document, text) else None


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
