"""Where a text that was found once stands again: in other units of its request, and in what was added or answered."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.contracts import Mark
from pipeline.disclosure.units import Place, Units

__all__ = ["SHORTEST", "everywhere", "standing_in"]

SHORTEST: Final = 4
"""Characters of a value that is hidden wherever it stands."""
_MOST_LOOKED_AT: Final = 200_000_000
"""Characters that are looked at for values that stand once more: a tenth of a second."""


def everywhere(units: Units, marks: Sequence[Mark]) -> list[Mark]:
    """The marks, and more of them where the same text stands once more as words of its own.

    A name that was found in one turn may have been missed in another. What is shorter than `SHORTEST` may be a word.
    """
    kinds = {units.texts[mark.unit][mark.start : mark.end]: mark for mark in reversed(marks)}
    known = {value: mark for value, mark in kinds.items() if len(value) >= SHORTEST}
    if len(known) * sum(map(len, units.texts)) > _MOST_LOOKED_AT:
        return list(marks)
    taken: dict[int, list[tuple[int, int]]] = {}
    for mark in marks:
        taken.setdefault(mark.unit, []).append((mark.start, mark.end))
    more = [
        mark._replace(unit=number, start=start, end=start + len(value))
        for value, mark in sorted(known.items(), key=lambda item: -len(item[0]))
        for number, text in enumerate(units.texts)
        for start in _free(text, value, taken.setdefault(number, []))
    ]
    return [*marks, *more]


def standing_in(text: str, units: Units, marks: Sequence[Mark], places: Sequence[Place] = ()) -> list[Place]:
    """Where what was marked in a request stands in another text, besides the places in it that are known.

    However short it is, and also as it is written in JSON or with other capitals: an answer says it again in its way.
    """
    values = {units.texts[mark.unit][mark.start : mark.end]: mark.type for mark in reversed(marks)}
    taken = [(place.start, place.end) for place in places]
    found = list(places)
    folds = len(text.lower()) == len(text)
    looked_at = text.lower() if folds else text
    for value, kind in sorted(values.items(), key=lambda item: -len(item[0])):
        forms = dict.fromkeys((value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]))
        for form in filter(None, forms):
            wanted = form.lower() if folds else form
            found += [Place(kind, start, start + len(wanted)) for start in _free(looked_at, wanted, taken)]
    return sorted(found, key=lambda place: place.start)


def _free(text: str, value: str, taken: list[tuple[int, int]]) -> Iterator[int]:
    """Where `value` stands alone and outside of what is taken; that is taken from then on."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        alone = not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum())
        if alone and all(end <= start or at >= stop for start, stop in taken):
            taken.append((at, end))
            yield at
        at = text.find(value, end)
