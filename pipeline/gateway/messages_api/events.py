"""A streamed message of Anthropic's API, event by event. Pure: chunks and the reply in, bytes out.

What all events of a kind share is prepared when their block begins; a piece costs one JSON string and one join.
"""

from typing import Any, Literal

import orjson

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, Reply, ToolCall
from pipeline.gateway.completion import content_of
from pipeline.gateway.messages_api.answer import (
    message_skeleton,
    stop_reason,
    text_block,
    thinking_block,
    use_block,
    used,
)
from pipeline.gateway.messages_api.problems import as_anthropic
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.sse import UNTOLD, summary

__all__ = ["MessageEvents"]

Kind = Literal["thinking", "text"]


class MessageEvents:
    """The events of one stream: `message_start` first, `message_stop` last, or an `error`, which clients raise.

    The text of the events adds up to the content of the reply; see `sse.Events`. What is reasoned after the text has
    begun waits until the text has ended, so that there is one block of text. Who did not ask for it sees none of it.
    """

    def __init__(self, request_id: str, model: str, *, thinking: bool) -> None:
        self._id = request_id
        self._model = model
        self._thinking = thinking
        self._begun = Begun()
        self._started = False
        self._index = -1
        self._open: Kind | None = None
        self._late: list[str] = []
        self._has_text = False
        self._delta = b""

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
        pieces = [self._piece(piece) for piece in rest]
        if not self._has_text and not reply.tool_calls:
            pieces.append(self._begin("text"))
        if self._late:
            pieces.append(self._say("thinking", "".join(self._late)))
        pieces.append(self._close())
        pieces += [self._call(call) for call in reply.tool_calls or ()]
        pieces.append(self._ended(reply))
        return b"".join(pieces)

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last event of a stream that did not come to its end.

        Without a reply nobody knows what the request came to; its id says where to look.
        """
        told = summary(reply) if reply is not None else {**UNTOLD, "request_id": self._id}
        body = orjson.loads(as_anthropic(problem, self._id).body)
        return _event("error", {**body, "stepwell": {**told, **body["stepwell"]}})

    # ------------------------------------------------------------ how

    def _piece(self, chunk: Chunk) -> bytes:
        if chunk.reasoning is None:
            return self._say("text", chunk.text) if chunk.text else b""
        if not self._thinking:
            return b""
        if self._has_text:
            self._late.append(chunk.reasoning)
            return b""
        return self._say("thinking", chunk.reasoning)

    def _say(self, kind: Kind, text: str) -> bytes:
        begin = b"" if self._open == kind else self._begin(kind)
        return b"".join((begin, self._delta, orjson.dumps(text), b"}}\n\n"))

    def _first(self) -> bytes:
        """What every stream begins with."""
        if self._started:
            return b""
        self._started = True
        start = {"type": "message_start", "message": message_skeleton(self._id, self._model)}
        return _event("message_start", start) + _event("ping", {"type": "ping"})

    def _begin(self, kind: Kind) -> bytes:
        """Close what is open and begin a block of this kind."""
        before = self._first() + self._close()
        self._open = kind
        self._has_text = self._has_text or kind == "text"
        head = {"type": "content_block_delta", "index": self._index + 1, "delta": {"type": f"{kind}_delta"}}
        self._delta = b"event: content_block_delta\ndata: " + orjson.dumps(head)[:-2] + b',"%s":' % kind.encode()
        return before + self._start(text_block("") if kind == "text" else thinking_block(""))

    def _start(self, block: dict[str, Any]) -> bytes:
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return _event("content_block_start", start)

    def _close(self) -> bytes:
        """End the block that is open."""
        if self._open is None:
            return b""
        self._open = None
        return self._stop()

    def _stop(self) -> bytes:
        return _event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _call(self, call: ToolCall) -> bytes:
        """A call of a tool, whole: it is known when the answer was accepted."""
        block = use_block(call)
        begun = self._first() + self._start({**block, "input": {}})
        delta = {"type": "input_json_delta", "partial_json": orjson.dumps(block["input"]).decode()}
        piece = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return begun + _event("content_block_delta", piece) + self._stop()

    def _ended(self, reply: Reply) -> bytes:
        """Why it ended, what it used and who answered."""
        delta = {"stop_reason": stop_reason(reply), "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": used(reply), "stepwell": summary(reply)}
        return _event("message_delta", last) + _event("message_stop", {"type": "message_stop"})


def _event(name: str, value: dict[str, Any]) -> bytes:
    return b"".join((b"event: ", name.encode(), b"\ndata: ", orjson.dumps(value), b"\n\n"))
