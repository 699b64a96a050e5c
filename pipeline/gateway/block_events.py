"""A streamed answer for an API whose answers come in blocks: what was reasoned, one text, calls of tools. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import orjson

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, Reply
from pipeline.gateway.completion import content_of
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.sse import UNTOLD, summary

__all__ = ["BlockEvents", "Kind", "event"]

Kind = Literal["reasoning", "text"]


class BlockEvents(ABC):
    """Which block each piece belongs to; an API says how a block is written.

    The text of the events adds up to the content of the reply; see `sse.Events`. What is reasoned after the text has
    begun waits until the text has ended, so that there is one block of text.
    """

    def __init__(self, request_id: str, *, reasoning: bool = True) -> None:
        """Begin a stream.

        Args:
            request_id: the id of the request.
            reasoning: what is reasoned is shown.
        """
        self._id = request_id
        self._reasoning = reasoning
        self._begun = Begun()
        self._has_text = False
        self._late: list[str] = []

    def chunk(self, chunk: Chunk) -> bytes:
        """The events of a piece; nothing after a gap, because the text would no longer be the answer's."""
        return self._piece(chunk) if self._begun.takes(chunk) else b""

    def end(self, reply: Reply) -> bytes:
        """The last events of the stream."""
        if reply.status != "answered":
            return self.broke_off(problem_of_reply(reply), reply)
        rest = self._begun.rest(content_of(reply) or "", reply.reasoning or "")
        if rest is None:
            told = lost(reply)
            return self.broke_off(problem_of_reply(told), told)
        return b"".join((*map(self._piece, rest), *self._last(reply)))

    @abstractmethod
    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last events of a stream that did not come to its end."""

    @abstractmethod
    def _say(self, kind: Kind, text: str) -> bytes:
        """A piece of a block, with the block's beginning where another one is open."""

    @abstractmethod
    def _last(self, reply: Reply) -> Iterator[bytes]:
        """What follows the last piece: the text that is empty, what was reasoned late, calls of tools, and the end."""

    def _piece(self, chunk: Chunk) -> bytes:
        if chunk.reasoning is None:
            return self._text(chunk.text)
        if not self._reasoning:
            return b""
        if self._has_text:
            self._late.append(chunk.reasoning)
            return b""
        return self._say("reasoning", chunk.reasoning)

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._has_text = True
        return self._say("text", text)

    def _summary(self, reply: Reply | None) -> dict[str, Any]:
        """What the request came to. Without a reply nobody knows; its id says where to look."""
        return summary(reply) if reply is not None else {**UNTOLD, "request_id": self._id}


def event(name: str, value: dict[str, Any]) -> bytes:
    """An event with a name."""
    return b"".join((b"event: ", name.encode(), b"\ndata: ", orjson.dumps(value), b"\n\n"))
