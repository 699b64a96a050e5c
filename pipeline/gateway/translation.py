"""What translators of other dialects share: which fields they carry, what they leave out, and where a fault stands.

A dialect is translated to the body of a chat completion, which has one reader. What cannot be carried is refused by
name; what can be left out without harm is named in the header `x-stepwell-lossy`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.contracts import Json, JsonObject, Reply
from pipeline.errors import InvalidRequest, StepwellError
from pipeline.gateway.headers import lossy
from pipeline.gateway.parameters import refuse

__all__ = ["FieldTable", "Lossy", "Places", "Transcript", "Translated", "flat", "list_at", "object_at", "text_at"]

_INDEX: Final = re.compile(r"\[\d+\]")
_MESSAGE: Final = re.compile(r"messages\[(\d+)\]")
_EMPTY: Final[tuple[Json, ...]] = (None, [], {}, "")


class Lossy:
    """The names of what a translation leaves out, each once."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def leave_out(self, place: str) -> None:
        """Say that what stands at `place` goes no further."""
        self._names[_INDEX.sub("", place)] = None

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were met."""
        return tuple(self._names)

    def header(self) -> dict[str, str]:
        """`x-stepwell-lossy`; none where everything was carried."""
        return lossy(self._names)


@dataclass(frozen=True, slots=True)
class FieldTable:
    """What becomes of the fields of one object of a dialect. A field that is in no list is refused as well.

    Attributes:
        carried: go on.
        dropped: are left out, which is said; hints whose loss changes no answer.
        echoed: come back with the history of a program and ask for nothing.
        neutral: ask for what happens anyway where they have one of these values; others are refused, or left out.
        refused: are known, and not carried.
        advice: what to do instead.
    """

    carried: frozenset[str]
    dropped: frozenset[str] = frozenset()
    echoed: frozenset[str] = frozenset()
    neutral: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    advice: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """All fields that somebody decided about."""
        return self.carried | self.dropped | self.echoed | self.neutral.keys() | self.refused

    def given(self, fields: JsonObject, left_out: Lossy, place: str = "") -> JsonObject:
        """The fields that say something and are carried.

        Raises:
            UnsupportedParameter: one that is not, with the place where it stands.
        """
        said: JsonObject = {}
        for name, value in fields.items():
            here = f"{place}.{name}" if place else name
            if name in self.carried:
                if value is not None:
                    said[name] = value
            elif name in self.dropped:
                if value not in _EMPTY and not self._says_nothing(name, value):
                    left_out.leave_out(here)
            elif not self._says_nothing(name, value):
                raise refuse(here, advice=self.advice.get(name, "leave it out"))
        return said

    def _says_nothing(self, name: str, value: Json) -> bool:
        if name in self.echoed:
            return True
        if value is None:
            return name in self.known
        return any(value == neutral and type(value) is type(neutral) for neutral in self.neutral.get(name, ()))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the caller wrote what stands in the chat completion.

    Attributes:
        names: field of the chat completion -> field of the dialect, where they differ; the longest that fits counts.
        messages: for every message of the chat completion the place it was made of.
    """

    names: Mapping[str, str]
    messages: Sequence[str] = ()

    def of(self, param: str) -> str:
        """The caller's place for a place in the chat completion."""
        message = _MESSAGE.match(param)
        if message is not None and int(message[1]) < len(self.messages):
            return self.messages[int(message[1])]
        longest = max((name for name in self.names if _within(param, name)), key=len, default="")
        return self.names[longest] + param[len(longest) :] if longest else param

    def restate(self, error: StepwellError) -> None:
        """Let an error of the reader speak of the caller's own field."""
        if error.param is not None:
            here = self.of(error.param)
            error.message = error.message.replace(error.param, here)
            error.param = here

    def restated(self, reply: Reply) -> Reply:
        """The reply, with the caller's own field in its error."""
        error = reply.error
        if error is None or error.param is None:
            return reply
        return reply.model_copy(update={"error": error.model_copy(update={"param": self.of(error.param)})})


@dataclass(frozen=True, slots=True)
class Translated:
    """A question as a chat completion: what that leaves out, and where the caller wrote what it holds."""

    chat: JsonObject
    lossy: Lossy
    places: Places


class Transcript:
    """Messages of a chat completion, and for each the place in the caller's body of which it was made."""

    def __init__(self, lossy: Lossy) -> None:
        self.messages: list[Json] = []
        self.places: list[str] = []
        self._lossy = lossy

    def _add(self, message: JsonObject, place: str) -> None:
        self.messages.append(message)
        self.places.append(place)


def flat(parts: Sequence[JsonObject]) -> Json:
    """The content of a message: its parts; one text alone is a text."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return list[Json](parts)


def _within(param: str, name: str) -> bool:
    return param.startswith(name) and param[len(name) : len(name) + 1] in ("", ".", "[")


def object_at(value: Json, place: str) -> JsonObject:
    """An object.

    Raises:
        InvalidRequest: it is none.
    """
    if not isinstance(value, dict):
        raise InvalidRequest(f"{place} must be an object", param=place)
    return value


def list_at(value: Json, place: str) -> list[Json]:
    """A list.

    Raises:
        InvalidRequest: it is none.
    """
    if not isinstance(value, list):
        raise InvalidRequest(f"{place} must be a list", param=place)
    return value


def text_at(fields: JsonObject, name: str, place: str) -> str:
    """A text that has to be there.

    Raises:
        InvalidRequest: it is not.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{place}.{name} must be a string", param=f"{place}.{name}")
    return value
