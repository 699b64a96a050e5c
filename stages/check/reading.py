"""The JSON document in a model's answer, with as little change as possible and every change told. Pure.

In this order, and the first that reads wins: the text as it is; without the code fence around it; without the words
around it; with its syntax repaired. Syntax is not repaired in an answer that was cut off: closing its brackets would
make a document out of half an answer. And a repair is none that had to supply a value which does not stand in the text,
or leaves out what does.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

import orjson

from pipeline.confidence.certainty import fenced
from pipeline.contracts import Json
from stages.check.repair import Mended, mend

__all__ = ["LARGEST_REPAIR", "Reading", "made", "others", "read", "scalar"]

LARGEST_REPAIR: Final = 131_072
"""Characters of a text whose syntax is repaired. The time grows with the length, at a second for a million characters,
during which the worker does nothing else; a longer broken answer goes to the next tier."""

_OPENING: Final = re.compile(r"[{\[]")
_TRIES: Final = 16
_AROUND: Final = "text around the document removed"


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
    inner = fenced(text)
    return (text, ()) if inner is None else (text[slice(*inner)], ("code fence removed",))


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
    return Reading(True, reading.document, longest, (*repairs, _AROUND))


def others(text: str, taken: Reading) -> Iterator[Reading]:
    """Where `taken` was one of several documents between words: all of them, the last one first."""
    if _AROUND not in taken.repairs:
        return
    inner, repairs = _unfenced(text)
    several = list(_documents(inner))
    for each in reversed(several if len(several) > 1 else []):
        reading = _parsed(each)
        if reading.found:
            yield Reading(True, reading.document, each, (*repairs, _AROUND, "one of several documents taken"))


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
    """An object or array with its syntax repaired. Whether bare words are a document is for a schema to say."""
    if len(text) > LARGEST_REPAIR or _OPENING.search(text) is None:
        return _NOTHING
    mended = mend(text)
    if (
        mended is None
        or mended.invented
        or mended.incomplete
        or mended.loose
        or not isinstance(mended.document, dict | list)
    ):
        return _NOTHING
    return made(mended, repairs)


def made(mended: Mended, repairs: tuple[str, ...] = ()) -> Reading:
    """The reading of what was mended."""
    try:
        content = orjson.dumps(mended.document).decode()
    except orjson.JSONEncodeError:
        return _NOTHING
    return Reading(
        True,
        orjson.loads(content),
        content,
        tuple(dict.fromkeys((*repairs, *(mended.changes or ("syntax repaired",))))),
    )


def scalar(text: str) -> Reading:
    """A string, number or constant whose spelling is repaired; for schemas that ask for no more than that."""
    if len(text) > LARGEST_REPAIR:
        return _NOTHING
    mended = mend(text)
    if mended is None or mended.invented or mended.incomplete or isinstance(mended.document, dict | list):
        return _NOTHING
    return made(mended)
