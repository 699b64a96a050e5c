"""The texts of a request in which somebody's data may stand, where each of them stands, and how to replace a part.

Everything that a model or a provider may see is a text. Values inside JSON become lines `key: value`, so that a key
such as `ssn` announces its value to the scanner. Each message is a unit of its own: the next turn of the conversation
sends the same units again, and they are remembered. Marks speak of units; `fingerprint` says whether they speak of
these, and `rewritten` puts something else where they stand.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import BaseModel

from pipeline.contracts import Embed, ImagePart, Json, JsonObject, Mark, Message, Parameters, Request, ToolCall

__all__ = [
    "MAX_DEPTH",
    "MAX_VALUES",
    "SHORTEST",
    "Place",
    "Replace",
    "Units",
    "everywhere",
    "fingerprint",
    "rewritten",
    "standing_in",
    "units_of",
]

MAX_VALUES: Final = 20_000
"""JSON values that are looked at in one request. Beyond them the scan counts as failed."""
MAX_DEPTH: Final = 128
"""Levels of JSON that are looked into."""

SHORTEST: Final = 4
"""Characters of a value that is hidden wherever it stands."""
_MOST_LOOKED_AT: Final = 200_000_000
"""Characters that are looked at for values that stand once more: a tenth of a second."""
_FORMAT: Final = "u1"
_CHOICES: Final = frozenset({"auto", "none", "required"})
_PARSED: Final = None
"""The step from a text that holds JSON to the value that it means."""

Link: TypeAlias = tuple[Any, str | int | None]
"""A way from the request to a value: the link to what holds it (None: the request itself), and the last step."""


class Place(NamedTuple):
    """Where data of a type stands in a text: characters `start` to `end`."""

    type: str
    start: int
    end: int


Replace = Callable[[str, Sequence[Place]], str]
"""Gives a text with something else at the places named. It is asked about every text, also those without a place."""


class Spot(NamedTuple):
    """Characters `start` to `end` of a unit: the value at the end of `link`, or with `key` the last key on the way."""

    start: int
    end: int
    link: Link
    key: bool = False


@dataclass(frozen=True, slots=True)
class Units:
    """What there is to scan.

    Attributes:
        texts: what can be scanned.
        opaque: how many parts cannot be scanned: images.
        excessive: the request holds more JSON values than are looked at, deeper ones, or arguments in which a key
            stands twice, so that not every reader sees the same.
        spots: for each text, where its pieces stand in the request.
    """

    texts: tuple[str, ...]
    opaque: int = 0
    excessive: bool = False
    spots: tuple[tuple[Spot, ...], ...] = field(default=(), compare=False, repr=False)


class _Excessive(Exception):
    """There is more than is looked at, or JSON of which readers see different values."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The value that a text with JSON means."""

    value: Json


class _Open(NamedTuple):
    """A value that is still to be read, with the key that announces it."""

    key: str
    key_link: Link | None
    value: Any
    link: Link | None
    depth: int


class _Lines:
    """The lines of one unit, and where their pieces stand."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.spots: list[Spot] = []
        self._at = 0

    def add(self, opened: _Open, text: str | None) -> None:
        """A line `key: text`, or what there is of it."""
        line = opened.key if text is None else f"{opened.key}: {text}" if opened.key else text
        if not line:
            return
        if opened.key and opened.key_link is not None:
            self.spots.append(Spot(self._at, self._at + len(opened.key), opened.key_link, key=True))
        if text and opened.link is not None:
            end = self._at + len(line)
            self.spots.append(Spot(end - len(text), end, opened.link))
        self.texts.append(line)
        self._at += len(line) + 1


class _Reader:
    """Collects the units of one request, and counts the values and what cannot be looked into."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.spots: list[tuple[Spot, ...]] = []
        self.opaque = 0
        self._left = MAX_VALUES

    def text(self, text: str | None, link: Link) -> None:
        """A unit of its own."""
        if text:
            self.texts.append(text)
            self.spots.append((Spot(0, len(text), link),))

    def lines(self, value: Any, link: Link) -> None:
        """A unit of all keys and values inside `value`, one to a line. No recursion."""
        lines = _Lines()
        waiting = [_Open("", None, value, link, 0)]
        while waiting:
            opened = waiting.pop()
            self._left -= 1
            if self._left < 0 or opened.depth > MAX_DEPTH:
                raise _Excessive
            waiting.extend(reversed(list(_inside(opened))))
            lines.add(opened, _scalar(opened.value))
        if lines.texts:
            self.texts.append("\n".join(lines.texts))
            self.spots.append(tuple(lines.spots))

    # ------------------------------------------------------------ parts of a request

    def message(self, message: Message, link: Link) -> None:
        """Content, name and tool calls."""
        if isinstance(message.content, str):
            self.text(message.content, (link, "content"))
        else:
            for at, part in enumerate(message.content or ()):
                if isinstance(part, ImagePart):
                    self.opaque += 1
                else:
                    self.text(part.text, (((link, "content"), at), "text"))
        if message.name:
            self.text(message.name, (link, "name"))
        for at, call in enumerate(message.tool_calls or ()):
            self._call(call, (((link, "tool_calls"), at), "function"))

    def embed(self, embed: Embed) -> None:
        """Each text."""
        for at, text in enumerate(embed.texts):
            self.text(text, (((None, "embed"), "texts"), at))

    def parameters(self, parameters: Parameters, link: Link) -> None:
        """Where an answer is to stop, and fields of the model's own."""
        for at, stop in enumerate(parameters.stop or ()):
            self.text(stop, ((link, "stop"), at))
        if parameters.extra:
            self.lines(parameters.extra, (link, "extra"))

    def _call(self, call: ToolCall, link: Link) -> None:
        function: dict[str, Any] = {**call.function}
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            try:
                function["arguments"] = _Parsed(_parsed(arguments))
            except RecursionError:
                raise _Excessive from None
            except ValueError:
                pass  # no JSON: a text like any other
        self.lines(function, link)


def _inside(opened: _Open) -> Iterator[_Open]:
    """What a value holds."""
    key, key_link, value, link, depth = opened
    if isinstance(value, _Parsed):
        inner: Link = (link, _PARSED)
        value, link = value.value, inner
        if not isinstance(value, dict | list):
            yield _Open(key, key_link, value, inner, depth)
    if isinstance(value, dict):
        for name, part in value.items():
            yield _Open(name, (link, name), part, (link, name), depth + 1)
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield _Open(key, key_link, item, (link, at), depth + 1)


def _scalar(value: Any) -> str | None:
    """A value as it reads; None for what has no text of its own. A whole number reads without a fraction."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _parsed(text: str) -> Json:
    value: Json = json.loads(text, object_pairs_hook=_once)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Excessive
    return found


def units_of(request: Request, seen: Collection[str] = ()) -> Units:
    """Collect the units of a request; `user` and `session` only when a provider may see them (`seen`)."""
    reader = _Reader()
    try:
        _read(request, reader, seen)
    except _Excessive:
        return Units((), excessive=True)
    return Units(tuple(reader.texts), reader.opaque, spots=tuple(reader.spots))


def _read(request: Request, reader: _Reader, seen: Collection[str]) -> None:
    reader.text(request.input, (None, "input"))
    for at, message in enumerate(request.messages):
        reader.message(message, ((None, "messages"), at))
    if request.embed is not None:
        reader.embed(request.embed)
    for at, tool in enumerate(request.tools or ()):
        reader.lines(tool, ((None, "tools"), at))
    if isinstance(request.tool_choice, dict):
        reader.lines(request.tool_choice, (None, "tool_choice"))
    elif request.tool_choice not in _CHOICES:
        reader.text(request.tool_choice, (None, "tool_choice"))
    if request.response_schema:
        reader.lines(request.response_schema, (None, "response_schema"))
    if request.metadata:
        reader.lines(request.metadata, (None, "metadata"))
    reader.parameters(request.parameters, (None, "parameters"))
    for name in ("user", "session"):
        if name in seen:
            reader.text(getattr(request, name), (None, name))


def fingerprint(units: Units) -> str | None:
    """What only these units have: their number, lengths and contents. None when they are not all that there is."""
    if units.excessive:
        return None
    digest = blake2b(digest_size=12)
    for text in units.texts:
        body = text.encode("utf-8", "surrogatepass")
        digest.update(len(body).to_bytes(8, "big"))
        digest.update(body)
    return f"{_FORMAT}.{len(units.texts)}.{units.opaque}.{digest.hexdigest()}"


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


# ------------------------------------------------------------ writing


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
    if _PARSED in edit.inside:
        return _encoded(_applied(_parsed(value), edit.inside[_PARSED]))
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
