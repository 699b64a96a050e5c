"""A request with something else where data stands in its texts; all else in it stays as it is."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from pipeline.contracts import Json, JsonObject, Mark, Request
from pipeline.disclosure.units import PARSED, Link, Place, Spot, Units, parsed

__all__ = ["Replace", "rewritten"]

Replace = Callable[[str, Sequence[Place]], str]
"""Gives a text with something else at the places named. It is asked about every text, also those without a place."""


@dataclass(slots=True)
class _Leaf:
    """A text of the request, and what stands in it."""

    text: str
    places: set[Place] = field(default_factory=set)


@dataclass(slots=True)
class _Edit:
    """What becomes of a value: another text, another key, or changes inside it."""

    text: str | None = None
    key: str | None = None
    inside: "dict[str | int | None, _Edit]" = field(default_factory=dict)


def rewritten(request: Request, units: Units, marks: Iterable[Mark], replace: Replace) -> Request:
    """The request with `replace` applied to each of its texts, in their order; `units` and `marks` are its own.

    What a replacement leaves as it is stays the same object, byte for byte. A number becomes a text. A mark that
    reaches over several texts is split between them.
    """
    root = _Edit()
    for (steps, key), leaf in _leaves(units, marks).items():
        new = replace(leaf.text, tuple(_apart(leaf.places)))
        if new != leaf.text:
            _note(root, steps, new, key=key)
    if not root.inside:
        return request
    changed: Request = _applied(request, root)
    return changed


def _leaves(units: Units, marks: Iterable[Mark]) -> dict[tuple[tuple[str | int | None, ...], bool], _Leaf]:
    """Every text of the request with the marks in it, in the order of the units."""
    by_unit: dict[int, list[Mark]] = {}
    for mark in marks:
        by_unit.setdefault(mark.unit, []).append(mark)
    leaves: dict[tuple[tuple[str | int | None, ...], bool], _Leaf] = {}
    for number, (text, spots) in enumerate(zip(units.texts, units.spots, strict=True)):
        own = [leaves.setdefault((_steps(spot.link), spot.key), _Leaf(text[spot.start : spot.end])) for spot in spots]
        starts = [spot.start for spot in spots]
        for mark in by_unit.get(number, ()):
            _place(mark, spots, starts, own)
    return leaves


def _place(mark: Mark, spots: Sequence[Spot], starts: Sequence[int], own: Sequence[_Leaf]) -> None:
    at = max(0, bisect_right(starts, mark.start) - 1)
    while at < len(spots) and spots[at].start < mark.end:
        spot, leaf = spots[at], own[at]
        start, end = max(mark.start, spot.start) - spot.start, min(mark.end, spot.end) - spot.start
        if start < end:
            leaf.places.add(Place(mark.type, start, end))
        at += 1


def _apart(places: Iterable[Place]) -> list[Place]:
    """In the order of the text, and joined where they overlap: a key that announces several values is marked often."""
    apart: list[Place] = []
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if apart and place.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(apart[-1].end, place.end))
        else:
            apart.append(place)
    return apart


def _steps(link: Link) -> tuple[str | int | None, ...]:
    steps: list[str | int | None] = []
    rest: Any = link
    while rest is not None:
        rest, step = rest
        steps.append(step)
    return tuple(reversed(steps))


def _note(root: _Edit, steps: Iterable[str | int | None], new: str, *, key: bool) -> None:
    edit = root
    for step in steps:
        edit = edit.inside.setdefault(step, _Edit())
    if key:
        edit.key = new
    else:
        edit.text = new


def _applied(value: Any, edit: _Edit) -> Any:
    """The value with its changes. Recursion is bounded by `MAX_DEPTH`."""
    if edit.text is not None:
        return edit.text
    if PARSED in edit.inside:
        return _encoded(_applied(parsed(value), edit.inside[PARSED]))
    if isinstance(value, BaseModel):
        changed = {str(name): _applied(getattr(value, str(name)), inner) for name, inner in edit.inside.items()}
        return value.model_copy(update=changed)
    if isinstance(value, dict):
        return _renamed(value, edit.inside)
    if not edit.inside:
        return value
    items = [_applied(item, edit.inside[at]) if at in edit.inside else item for at, item in enumerate(value)]
    return tuple(items) if isinstance(value, tuple) else items


def _renamed(value: JsonObject, edits: Mapping[str | int | None, _Edit]) -> dict[str, Any]:
    """A mapping with its changes, in the same order. Two keys that became equal are told apart by a line at the end."""
    changed: dict[str, Any] = {}
    for name, part in value.items():
        edit = edits.get(name)
        new = name if edit is None or edit.key is None else edit.key
        while new in changed:
            new += "_"
        changed[new] = part if edit is None else _applied(part, edit)
    return changed


def _encoded(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return json.dumps(value, separators=(",", ":"))
    return text
