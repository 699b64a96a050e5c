"""The texts of a request in which somebody's data may stand: everything that a model or a provider would see.

Values inside JSON become lines `key: value`, so that a key such as `ssn` announces its value to the scanner. Each
message is a unit of its own: the next turn of the conversation sends the same units again, and they are remembered.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from pipeline.contracts import ImagePart, Json, JsonObject, Message, Request, ToolCall

__all__ = ["MAX_VALUES", "Units", "units_of"]

MAX_VALUES: Final = 20_000
"""JSON values that are looked at in one request. Beyond them the scan counts as failed."""


@dataclass(frozen=True, slots=True)
class Units:
    """What there is to scan.

    Attributes:
        texts: what can be scanned.
        opaque: how many parts cannot be scanned: images.
        excessive: the request holds more JSON values than are looked at.
    """

    texts: tuple[str, ...]
    opaque: int = 0
    excessive: bool = False


class _Excessive(Exception):
    """There are more values than are looked at."""


class _Reader:
    """Counts the values it hands out, over all parts of one request."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def lines(self, value: Json) -> str:
        """All keys and values inside `value`, one to a line. No recursion: depth costs nothing but memory."""
        found: list[str] = []
        waiting: list[tuple[str, Json]] = [("", value)]
        while waiting:
            key, part = waiting.pop()
            self.left -= 1
            if self.left < 0:
                raise _Excessive
            if isinstance(part, dict):
                found.append(key)
                waiting.extend(reversed(list(part.items())))
            elif isinstance(part, list):
                found.append(key)
                waiting.extend((key, item) for item in reversed(part))
            elif part is None or isinstance(part, bool):
                found.append(key)
            else:
                text = _text(part)
                found.append(f"{key}: {text}" if key else text)
        return "\n".join(filter(None, found))


def _text(value: str | float) -> str:
    """A value as it reads; a whole number without a fraction, whether it is an integer or not."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def units_of(request: Request) -> Units:
    """Collect the units of a request."""
    if request.input is not None and _plain(request):
        return Units((request.input,))
    try:
        texts = tuple(text for text in _texts(request, _Reader()) if text)
    except _Excessive:
        return Units((), excessive=True)
    return Units(texts, sum(map(_images, request.messages)))


def _plain(request: Request) -> bool:
    return not (request.tools or request.response_schema or request.metadata or request.parameters.stop)


def _texts(request: Request, reader: _Reader) -> Iterator[str]:
    if request.input is not None:
        yield request.input
    for message in request.messages:
        yield from _of_message(message, reader)
    for tool in request.tools or ():
        yield reader.lines(tool)
    if request.response_schema:
        yield reader.lines(request.response_schema)
    if request.metadata:
        yield reader.lines(dict[str, Json](request.metadata))
    yield from request.parameters.stop or ()


def _of_message(message: Message, reader: _Reader) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    else:
        for part in message.content or ():
            if not isinstance(part, ImagePart):
                yield part.text
    if message.name:
        yield message.name
    for call in message.tool_calls or ():
        yield _of_call(call, reader)


def _of_call(call: ToolCall, reader: _Reader) -> str:
    """The values of a tool call. Arguments that are no JSON are a text like any other."""
    function: JsonObject = call.function
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        with contextlib.suppress(orjson.JSONDecodeError):
            function = {**function, "arguments": orjson.loads(arguments)}
    return reader.lines(function)


def _images(message: Message) -> int:
    if message.content is None or isinstance(message.content, str):
        return 0
    return sum(isinstance(part, ImagePart) for part in message.content)
