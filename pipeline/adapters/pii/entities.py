"""What is mended in named things before they are findings.

A model labels tokens one after the other; a reader sees more: that a line between a street and a country is a town,
that "Mr." belongs to the name behind it, that a word which was a name above is one below.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline.adapters.pii.detectors.address_words import COUNTRIES
from pipeline.adapters.pii.echoes import echoes
from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.ordinary import ordinary
from pipeline.adapters.pii.wholes import completed

__all__ = ["STREET", "believable", "joined", "mended", "readable", "trimmed"]

STREET: Final = "ADDRESS"
"""The label that a trained model gives to street, flat, postbox and postal code."""
_PERSON: Final = "PERSON"
_PLACES: Final = frozenset({"GPE", "LOC", "FAC"})
_LONGEST: Final = 80

_COUNTRIES: Final = frozenset(COUNTRIES.split())
_CODE: Final = re.compile(r"[\d_{}()\[\]<>=/\\|@#$%^*~;+`\"]|::|\.\w+\.")
_EDGE: Final = re.compile(r"^[\W\d_]+|[\s\d][\W\d_]*$|[^\w.]+$")
_TITLE: Final = re.compile(
    r"\b(?:m(?:r|rs|s|x|iss)|dr|prof(?:essor)?|sir|madam|dame|lord|lady|rev|hon|capt|sgt|lt|col|gen|herr|frau|señora?|"
    r"sra?|monsieur|mme|mlle|signora?|sig)\.?[ \t]+$",
    re.IGNORECASE,
)
_DEGREE: Final = re.compile(r",?[ \t]+(?:ph\.?d|m\.?d|dds|dvm|mba|esq|jr|sr|i{2,3}|iv)\b\.?", re.IGNORECASE)
_WORK: Final = re.compile(r"[\"”»],? by ")
"""What follows the title of a song or book: who made it comes after, and the words in quotes are nobody."""
_BETWEEN: Final = re.compile(r"[\s,;]*")
_CORNER: Final = re.compile(r"[\s,;]*(?:\b(?:and|und|et|y|e|i)\b|[&/])?[\s,;]*")
_NAMED: Final = re.compile(r"[^\W\d_]{4}")
_BELOW: Final = re.compile(r"[ \t,]*\n[^\w\n]{0,8}")
_REST: Final = re.compile(r"[ \t]*(?:[,\n]|\Z)")
_MARKED: Final = re.compile(r"[ \t]*[\n,][^\w\n]{0,8}")


_ESCAPE: Final = re.compile(r"\\[nrt]|\\")


def readable(text: str) -> str:
    """`text` for a model, of the same length: the signs that escape others inside a JSON string are spaces."""
    return _ESCAPE.sub(lambda found: " " * len(found.group()), text) if "\\" in text else text


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
    kept = completed(text, list(_believed(text, entities)))
    kept = _towns(text, kept)
    kept = _repeated(text, kept)
    kept = [_dressed(text, entity) if entity.label_ == _PERSON else entity for entity in kept]
    return joined(text, kept)


def _believed(text: str, entities: Iterable[Entity]) -> Iterator[Entity]:
    mixed = not text.islower()
    for entity in entities:
        if entity.label_ == STREET:
            yield entity
            continue
        clean = trimmed(entity)
        if not believable(clean.text):
            continue
        if clean.label_ != _PERSON:
            yield clean
        elif clean.text.lower() in _COUNTRIES:
            yield replace(clean, label_="GPE")
        elif not _common(clean.text, mixed) and not _WORK.match(text, clean.end_char):
            yield clean


def _common(name: str, mixed: bool) -> bool:
    """Whether a name is but ordinary words; among capitals one such word in lower case is enough."""
    return ordinary(name) or (mixed and name.islower() and any(map(ordinary, name.split())))


def _repeated(text: str, entities: Sequence[Entity]) -> list[Entity]:
    people = [entity.text for entity in entities if entity.label_ == _PERSON]
    taken = [(entity.start_char, entity.end_char) for entity in entities]
    more = [Entity(_PERSON, start, end, text[start:end]) for start, end in echoes(text, people, taken)]
    return sorted([*entities, *more], key=lambda entity: entity.start_char) if more else list(entities)


def _towns(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """What its neighbours on the lines above and below make of a person or firm on a line of its own.

    Between a street and a place or postal code it is a town; a single word between a whole name and a street, a firm.
    """
    kept = list(entities)
    for place in range(1, len(kept) - 1):
        before, it, after = kept[place - 1 : place + 2]
        label = _between(before, it, after)
        gaps = (text[before.end_char : it.start_char], text[it.end_char : after.start_char])
        if label != it.label_ and all(_MARKED.fullmatch(gap) for gap in gaps):
            kept[place] = replace(it, label_=label)
    return list(_below_streets(text, kept))


def _below_streets(text: str, entities: Sequence[Entity]) -> Iterator[Entity]:
    """Who is alone on the line below a street is a town, unless a street of its own comes next."""
    for place, it in enumerate(entities):
        before = entities[place - 1] if place else None
        after = entities[place + 1] if place + 1 < len(entities) else None
        own = after is not None and after.label_ == STREET and not _is_code(after)
        alone = before is not None and _BELOW.fullmatch(text, before.end_char, it.start_char)
        if it.label_ == _PERSON and before and before.label_ == STREET and alone and not own:
            yield replace(it, label_="GPE") if _REST.match(text, it.end_char) else it
        else:
            yield it


def _between(before: Entity, it: Entity, after: Entity) -> str:
    if it.label_ not in (_PERSON, "ORG"):
        return it.label_
    if before.label_ == STREET and (after.label_ in _PLACES or _is_code(after)):
        return "GPE"
    if before.label_ == _PERSON and " " in before.text and " " not in it.text and after.label_ == STREET:
        return "ORG"
    return it.label_


def _is_code(entity: Entity) -> bool:
    """Whether it is a postal code: no street, which has a name."""
    return entity.label_ == STREET and any(map(str.isdigit, entity.text)) and _NAMED.search(entity.text) is None


def _dressed(text: str, person: Entity) -> Entity:
    """With the title before and the degree behind."""
    start, end = person.start_char, person.end_char
    title = _TITLE.search(text, max(0, start - 16), start)
    degree = _DEGREE.match(text, end)
    start, end = title.start() if title else start, degree.end() if degree else end
    return Entity(_PERSON, start, end, text[start:end])


def joined(text: str, entities: Sequence[Entity]) -> list[Entity]:
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
