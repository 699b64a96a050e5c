"""Named things as a language pipeline sees them, and what is mended in them before they are findings.

A model labels tokens one after the other; a reader sees more: that a line between a street and a country is a town,
that "Mr." belongs to the name behind it, that a word which was a name above is one below.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.adapters.pii.ordinary import ordinary

__all__ = ["STREET", "Entity", "believable", "mended", "readable", "trimmed"]

STREET: Final = "ADDRESS"
"""The label that a trained model gives to street, flat, postbox and postal code."""
_PERSON: Final = "PERSON"
_PLACES: Final = frozenset({"GPE", "LOC", "FAC"})
_LONGEST: Final = 80

_CODE: Final = re.compile(r"[\d_{}()\[\]<>=/\\|@#$%^*~;+`\"]|::|\.\w+\.")
_EDGE: Final = re.compile(r"^[\W\d_]+|[\s\d][\W\d_]*$|[^\w.]+$")
_TITLE: Final = re.compile(
    r"\b(?:m(?:r|rs|s|x|iss)|dr|prof(?:essor)?|sir|madam|dame|lord|lady|rev|hon|capt|sgt|lt|col|gen|herr|frau|señora?|"
    r"sra?|monsieur|mme|mlle|signora?|sig)\.?[ \t]+$",
    re.IGNORECASE,
)
_DEGREE: Final = re.compile(r",?[ \t]+(?:ph\.?d|m\.?d|dds|dvm|mba|esq|jr|sr|i{2,3}|iv)\b\.?", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s,;]*")
_CORNER: Final = re.compile(r"[\s,;]*(?:\b(?:and|und|et|y|e|i)\b|[&/])?[\s,;]*")
_MARKED: Final = re.compile(r"[ \t]*[\n,][^\w\n]{0,8}")


_ESCAPE: Final = re.compile(r"\\[nrt]|\\")


def readable(text: str) -> str:
    """`text` for a model, of the same length: the signs that escape others inside a JSON string are spaces."""
    return _ESCAPE.sub(lambda found: " " * len(found.group()), text) if "\\" in text else text


@dataclass(frozen=True, slots=True)
class Entity:
    """One named thing, with offsets in the whole text. The attributes are those that Presidio reads from spaCy."""

    label_: str
    start_char: int
    end_char: int
    text: str


def trimmed(entity: Entity) -> Entity:
    """Without what stands on further lines, and without numbers and signs at its edges."""
    text = entity.text.split("\n", 1)[0]
    kept = _EDGE.sub("", text)
    start = entity.start_char + (text.find(kept) if kept else 0)
    return Entity(entity.label_, start, start + len(kept), kept)


def believable(text: str) -> bool:
    """Whether a named thing reads like one: no digits, no characters of code, at least two letters."""
    return _CODE.search(text) is None and sum(map(str.isalpha, text)) >= 2 and len(text) <= _LONGEST


def mended(text: str, entities: Iterable[Entity]) -> list[Entity]:
    """The entities of `text`, in order, after all repairs; those that cannot be names are gone."""
    kept = list(_believed(entities))
    kept = _towns(text, kept)
    kept = [_dressed(text, entity) if entity.label_ == _PERSON else entity for entity in kept]
    return _joined(text, kept)


def _believed(entities: Iterable[Entity]) -> Iterator[Entity]:
    for entity in entities:
        if entity.label_ == STREET:
            yield entity
        elif believable((clean := trimmed(entity)).text) and not (clean.label_ == _PERSON and ordinary(clean.text)):
            yield clean


def _towns(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """A person or firm on a line of its own between a street and a place or postal code is a town."""
    kept = list(entities)
    for place in range(1, len(kept) - 1):
        before, it, after = kept[place - 1 : place + 2]
        if it.label_ in (_PERSON, "ORG") and before.label_ == STREET and (after.label_ in _PLACES or _is_code(after)):
            gaps = (text[before.end_char : it.start_char], text[it.end_char : after.start_char])
            if all(_MARKED.fullmatch(gap) for gap in gaps):
                kept[place] = replace(it, label_="GPE")
    return kept


def _is_code(entity: Entity) -> bool:
    return entity.label_ == STREET and any(map(str.isdigit, entity.text))


def _dressed(text: str, person: Entity) -> Entity:
    """With the title before and the degree behind."""
    start, end = person.start_char, person.end_char
    title = _TITLE.search(text, max(0, start - 16), start)
    degree = _DEGREE.match(text, end)
    start, end = title.start() if title else start, degree.end() if degree else end
    return Entity(_PERSON, start, end, text[start:end])


def _joined(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """A street and the towns, codes and countries that follow it are one address."""
    kept: list[Entity] = []
    for entity in entities:
        last = kept[-1] if kept else None
        if last and last.label_ == STREET and _continues(text, last, entity):
            kept[-1] = Entity(STREET, last.start_char, entity.end_char, text[last.start_char : entity.end_char])
        else:
            kept.append(entity)
    return kept


def _continues(text: str, street: Entity, entity: Entity) -> bool:
    if entity.label_ != STREET and entity.label_ not in _PLACES:
        return False
    between = _CORNER if entity.label_ == STREET and any(map(str.isalpha, entity.text)) else _BETWEEN
    return between.fullmatch(text, street.end_char, entity.start_char) is not None
