"""The rest of a name of which a model saw only a part: capitalised words beside it that are no English words."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from spacy.lang.en.stop_words import STOP_WORDS

from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.ordinary import ordinary

__all__ = ["completed"]

_PERSON: Final = "PERSON"
_NAME: Final = r"[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*"
_RIGHT: Final = re.compile(
    r"(?: [\"“'(][^\W\d_]{1,15}[\"”')])?"  # a nickname
    r"(?: (?:van|von|de|der|den|la|al|bin|da|di|du|del|dos))*"
    rf" (?:([^\W\d_])\.|({_NAME})(?![\w@/\\=:_-]))"
)
_LEFT: Final = re.compile(rf"(?<=[\w,;] )({_NAME}) $")
_OTHERS: Final = (
    "january february march april june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs "
    "fri sat sun mr mrs ms miss mx dr prof sir madam dear hi hello hey thanks regards cheers best sincerely phd md "
    "street road avenue lane drive square court inc ltd llc corp gmbh co university college hospital bank english "
    "american british french german european ok yes no im ive is was are ai id today tomorrow yesterday sent re fw "
    "fwd cc bcc phone tel email mobile fax dob ssn name address visa mastercard christmas easter monsieur madame"
)
_NOBODY: Final = frozenset(_OTHERS.split())
_MOST: Final = 3
"""Words by which a name grows."""


def completed(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """The entities of `text`, in order, each person with the rest of the name; never into what is something else."""
    kept: list[Entity] = []
    for place, entity in enumerate(entities):
        if kept and entity.start_char < kept[-1].end_char:  # the rest of the name before
            continue
        last = kept[-1].end_char if kept else 0
        kept.append(_whole(text, entity, last, entities[place + 1 :][:_MOST]) if entity.label_ == _PERSON else entity)
    return kept


def _whole(text: str, person: Entity, free: int, later: Sequence[Entity]) -> Entity:
    start = _start(text, person, free)
    stop = next((other.start_char for other in later if other.label_ != _PERSON), len(text))
    end = _end(text, person, stop)
    end = max([end, *(other.end_char for other in later if other.start_char < end)])
    return replace(person, start_char=start, end_char=end, text=text[start:end])


def _end(text: str, person: Entity, stop: int) -> int:
    end = person.end_char
    for _ in range(_MOST):
        found = _RIGHT.match(text, end)
        if found is None or found.end() > stop or not _goes_on(found, person):
            return end
        end = found.end()
    return end


def _goes_on(found: re.Match[str], person: Entity) -> bool:
    initial, word = found.groups()
    return initial.isupper() if initial else _name_like(word, person)


def _start(text: str, person: Entity, free: int) -> int:
    found = _LEFT.search(text, max(free, person.start_char - 32), person.start_char)
    return found.start(1) if found and _name_like(found.group(1), person) else person.start_char


def _name_like(word: str, person: Entity) -> bool:
    """Whether `word` may be the part of a name beside `person`: no English word, and capitalised as the person is."""
    if not word[0].isupper() or len(word) < 2 or (word.isupper() and not person.text.isupper()):
        return False
    small = word.lower()
    return not (small in _NOBODY or re.split("['’]", small)[0] in STOP_WORDS or ordinary(word))
