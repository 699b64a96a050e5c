"""The answer held against its schema: read, repaired, converted where nothing is lost, or invalid. Pure."""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

import orjson

from pipeline.adapters.documents import TOO_LARGE, problems
from pipeline.contracts import Json, JsonObject
from stages.check.coerce import coerced
from stages.check.reading import Reading, others, read, scalar
from stages.check.repair.library import second_reading
from stages.check.thinking import REMOVED, parted

__all__ = ["LARGEST_DOCUMENT", "Held", "hold"]

_QUOTED: Final = re.compile(
    r""" "(?:[^"\\]|\\.)*+" | '(?:[^'\\]|\\.)*+' | “[^“”]*+” | ‘[^‘’]*+’ | `[^`´]*+[`´] """, re.VERBOSE | re.DOTALL
)
"""One string in its quotes, whatever is wrong inside it: no caller who asks for a string wants the quotes as well."""
LARGEST_DOCUMENT: Final = 1_048_576
"""Characters of a document that is held against a schema."""


@dataclass(frozen=True, slots=True)
class Held:
    """How an answer stands to its schema.

    Attributes:
        state: as it came (`valid`), with changes (`repaired`), or not at all (`invalid`).
        content: the text of the repaired document; None: the answer's own text.
        parsed: the document, unless it is invalid.
        repairs: what was changed, in words.
        problems: places in the schema, never text of the answer.
    """

    state: Literal["valid", "repaired", "invalid"]
    content: str | None = None
    parsed: Json = None
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def hold(text: str, schema: JsonObject | bool, *, cut_off: bool = False) -> Held:
    """Hold the document in `text` against `schema`. `cut_off`: the model was stopped before its end.

    Of several documents between words the last one that satisfies the schema is the answer: models correct themselves.

    Raises:
        InvalidRequest: the schema cannot be used.
    """
    thought, answer = parted(text)
    held = _hold(answer, schema, cut_off=cut_off)
    if not thought:
        return held
    repairs = (REMOVED, *held.repairs)
    if held.state == "invalid":
        return replace(held, repairs=repairs)
    return replace(
        held, state="repaired", content=answer.strip() if held.content is None else held.content, repairs=repairs
    )


def _hold(text: str, schema: JsonObject | bool, *, cut_off: bool) -> Held:
    if len(text) > LARGEST_DOCUMENT:
        return Held("invalid", problems=("too large",))
    reading = read(text, cut_off=cut_off)
    if not reading.found:
        return _without_brackets(text, schema, cut_off=cut_off)
    for other in others(text, reading):
        if not problems(schema, other.document):
            return _taken(other)
    found = problems(schema, reading.document)
    if not found:
        return _taken(reading)
    if TOO_LARGE in found:
        return Held("invalid", repairs=reading.repairs, problems=found)
    converted = _converted(reading, schema)
    if converted is None and reading.repairs and not cut_off:
        converted = _read_again(text, schema)
    return converted or Held("invalid", repairs=reading.repairs, problems=found)


def _taken(reading: Reading) -> Held:
    state: Literal["valid", "repaired"] = "repaired" if reading.repairs else "valid"
    return Held(state, reading.content, reading.document, reading.repairs)


def _converted(reading: Reading, schema: JsonObject | bool) -> Held | None:
    """The document with types that convert without loss, if it satisfies the schema then."""
    made, told = coerced(schema, reading.document)
    if not told or problems(schema, made):
        return None
    return Held("repaired", orjson.dumps(made).decode(), made, (*reading.repairs, *told))


def _read_again(text: str, schema: JsonObject | bool) -> Held | None:
    """Another reading of a broken text, if that one satisfies the schema."""
    document = second_reading(text)
    if document is None:
        return None
    reading = Reading(True, document, orjson.dumps(document).decode(), ("syntax repaired",))
    return _taken(reading) if not problems(schema, document) else _converted(reading, schema)


def _without_brackets(text: str, schema: JsonObject | bool, *, cut_off: bool) -> Held:
    """A schema for a string (a label, for instance) may be answered by the bare word, one for a number by that."""
    word = text.strip()
    quoted = scalar(word) if not cut_off and _QUOTED.fullmatch(word) else None
    if quoted is not None and quoted.found and not problems(schema, quoted.document):
        return _taken(quoted)
    if word and not problems(schema, word):
        return Held("repaired", word, word, ("bare text taken as a string",))
    readings = (Reading(True, word, None, ("bare text taken as a string",)), *(() if cut_off else (scalar(text),)))
    for reading in readings if word else ():
        if reading.found and not problems(schema, reading.document):
            return _taken(reading)
        converted = _converted(reading, schema) if reading.found else None
        if converted is not None:
            return converted
    return Held("invalid", problems=("cut off" if cut_off else "no JSON",))
