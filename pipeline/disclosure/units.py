"""The texts of a request in which somebody's data may stand, and where each of them stands.

Everything that a model or a provider may see is a text. Values inside JSON become lines `key: value`, so that a key
such as `ssn` announces its value to the scanner. Each message is a unit of its own: the next turn of the conversation
sends the same units again, and they are remembered. Marks speak of units; `fingerprint` says whether they speak of
these.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeAlias

from pipeline.contracts import Embed, ImagePart, Json, Message, Parameters, Request, ToolCall

__all__ = ["MAX_DEPTH", "MAX_VALUES", "PARSED", "Link", "Place", "Spot", "Units", "fingerprint", "parsed", "units_of"]

MAX_VALUES: Final = 20_000
"""JSON values that are looked at in one request. Beyond them the scan counts as failed."""
MAX_DEPTH: Final = 128
"""Levels of JSON that are looked into."""
_FORMAT: Final = "u1"
_CHOICES: Final = frozenset({"auto", "none", "required"})
PARSED: Final = None
"""The step from a text that holds JSON to the value that it means."""

Link: TypeAlias = tuple[Any, str | int | None]
"""A way from the request to a value: the link to what holds it (None: the request itself), and the last step."""


class Place(NamedTuple):
    """Where data of a type stands in a text: characters `start` to `end`."""

    type: str
    start: int
    end: int


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
                function["arguments"] = _Parsed(parsed(arguments))
            except RecursionError:
                raise _Excessive from None
            except ValueError:
                pass  # no JSON: a text like any other
        self.lines(function, link)


def _inside(opened: _Open) -> Iterator[_Open]:
    """What a value holds."""
    key, key_link, value, link, depth = opened
    if isinstance(value, _Parsed):
        inner: Link = (link, PARSED)
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


def parsed(text: str) -> Json:
    """The value that a text with JSON means. A key that stands twice makes it excessive."""
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
