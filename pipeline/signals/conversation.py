"""A request read once: how long it is, who speaks, what it brings along. Everything is counted when it is asked for."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Final, Generic, TypeVar

import orjson

from pipeline.contracts import ImagePart, Message, Request

__all__ = ["BYTES_PER_TOKEN", "TOKENS_PER_MESSAGE", "Once", "Said", "Survey", "bytes_of", "survey"]

BYTES_PER_TOKEN: Final = 3
TOKENS_PER_MESSAGE: Final = 4
TOKENS_PER_IMAGE: Final = 1024
_SYSTEM: Final = frozenset({"system", "developer"})

Said = tuple[str, str]
"""Who speaks (the role), and the text."""


V = TypeVar("V")


class Once(Generic[V]):
    """An attribute that is worked out at the first look. The lock of `functools.cached_property` costs more."""

    def __init__(self, work: Callable[..., V]) -> None:
        self._work = work
        self._name = work.__name__
        self.__doc__ = work.__doc__

    def __get__(self, of: object, kind: type | None = None) -> V:
        """Work it out; from then on it stands in the object itself, and nobody comes here."""
        found = of.__dict__[self._name] = self._work(of)
        return found


def survey(request: Request) -> "Survey":
    """Look at a request; nothing is counted before it is asked for."""
    return Survey(request)


class Survey:
    """What can be told of the form of a conversation, over all of its messages.

    Attributes:
        request: the request itself.
        embeds: vectors are asked for; each text counts as a message, and nobody says anything.
        message_count: messages; the short form is one.
        has_schema: the answer has to have a form.
        has_system: the caller brings a prompt of its own.
        has_tool_results: a tool has answered.
        has_tools: tools are offered or were called.
        images: images in all messages.
        has_images: there is one.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.embeds = request.embed is not None
        self._texts = request.embed.texts if request.embed is not None else ()
        messages = request.messages
        roles, called, mixed, images = set(), False, False, 0
        for message in messages:
            roles.add(message.role)
            if message.tool_calls:
                called = True
            if type(message.content) is tuple:
                mixed, images = True, images + _images(message)
        self.message_count = len(messages) or len(self._texts) or 1
        self.has_schema = request.response_schema is not None
        self.has_system = not roles.isdisjoint(_SYSTEM)
        self.has_tool_results = "tool" in roles
        self.has_tools = called or bool(request.tools)
        self.images = images
        self.has_images = images > 0
        self._plain = not called and not mixed

    @Once
    def said(self) -> tuple[Said, ...]:
        """Every message as its role and its text; parts of a message are joined by a line's end. No text to embed."""
        request = self.request
        if request.input is not None:
            return (("user", request.input),)
        return tuple(
            [
                (message.role, message.content if type(message.content) is str else _text(message))
                for message in request.messages
            ]
        )

    @Once
    def turns(self) -> int:
        """Messages of the user."""
        return [role for role, _ in self.said].count("user")

    @property
    def modalities(self) -> tuple[str, ...]:
        """What else than text there is."""
        return ("image",) if self.images else ()

    @Once
    def characters(self) -> int:
        """Characters of all texts, arguments of tool calls included."""
        if self._plain:
            return sum([len(text) for _, text in self.said]) + sum(map(len, self._texts))
        messages = self.request.messages
        return sum([_characters(message) + _arguments(message) for message in messages])

    @Once
    def schema_bytes(self) -> int:
        """Size of the schema of the answer, as JSON."""
        return len(orjson.dumps(self.request.response_schema)) if self.request.response_schema else 0

    @Once
    def tools_bytes(self) -> int:
        """Size of the tools that are offered, as JSON."""
        return len(orjson.dumps(self.request.tools)) if self.request.tools else 0

    @Once
    def tokens(self) -> int:
        """Tokens of the whole question, estimated from above: three bytes of UTF-8 make one."""
        size = (self.tools_bytes if self.request.tools else 0) + (self.schema_bytes if self.has_schema else 0)
        if self._plain:
            size += sum([bytes_of(text) for _, text in self.said]) + sum(map(bytes_of, self._texts))
        else:
            size += sum([_bytes(message) for message in self.request.messages])
        return ceil(size / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * self.message_count + TOKENS_PER_IMAGE * self.images

    @property
    def dimensions(self) -> int | None:
        """Numbers of a vector that are asked for."""
        return self.request.embed.dimensions if self.request.embed is not None else None

    @Once
    def longest(self) -> int:
        """Tokens of the longest text to embed, estimated as `tokens` is; 0 where none is."""
        longest = max(map(bytes_of, self._texts), default=0)
        return ceil(longest / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE if longest else 0


def bytes_of(text: str) -> int:
    """Bytes of a text in UTF-8; half a surrogate pair counts three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _text(message: Message) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    return "\n".join([part.text for part in content or () if not isinstance(part, ImagePart)])


def _characters(message: Message) -> int:
    content = message.content
    if isinstance(content, str):
        return len(content)
    return sum(len(part.text) for part in content or () if not isinstance(part, ImagePart))


def _bytes(message: Message) -> int:
    content = message.content
    if isinstance(content, str):
        size = bytes_of(content)
    else:
        size = sum(bytes_of(part.text) for part in content or () if not isinstance(part, ImagePart))
    for call in message.tool_calls or ():
        size += len(orjson.dumps(call.function))
    return size


def _arguments(message: Message) -> int:
    functions: list[Mapping[str, object]] = [call.function for call in message.tool_calls or ()]
    return sum(len(str(function.get("arguments", ""))) for function in functions)


def _images(message: Message) -> int:
    return sum(isinstance(part, ImagePart) for part in message.content or ())
