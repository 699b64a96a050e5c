"""A streamed message of Anthropic's API, event by event. Pure: chunks and the reply in, bytes out.

What all events of a kind share is prepared when their block begins; a piece costs one JSON string and one join.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from pipeline.contracts import Reply, ToolCall
from pipeline.gateway.block_events import BlockEvents, Kind, event
from pipeline.gateway.messages_api.answer import (
    message_skeleton,
    stop_reason,
    text_block,
    thinking_block,
    use_block,
    used,
)
from pipeline.gateway.messages_api.problems import as_anthropic
from pipeline.gateway.problems import Problem
from pipeline.gateway.sse import summary

__all__ = ["MessageEvents"]

_WORDS: Final = {"reasoning": "thinking", "text": "text"}
"""What a block is called here."""


class MessageEvents(BlockEvents):
    """The events of one stream: `message_start` first, `message_stop` last, or an `error`, which clients raise.

    Who did not ask for what is reasoned sees none of it.
    """

    def __init__(self, request_id: str, model: str, *, thinking: bool) -> None:
        super().__init__(request_id, reasoning=thinking)
        self._model = model
        self._started = False
        self._index = -1
        self._open: Kind | None = None
        self._delta = b""

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last event of a stream that did not come to its end."""
        body = orjson.loads(as_anthropic(problem, self._id).body)
        return event("error", {**body, "stepwell": {**self._summary(reply), **body["stepwell"]}})

    # ------------------------------------------------------------ how

    def _last(self, reply: Reply) -> Iterator[bytes]:
        if not self._has_text and not reply.tool_calls:
            yield self._begin("text")
        if self._late:
            yield self._say("reasoning", "".join(self._late))
        yield self._close()
        yield from map(self._call, reply.tool_calls or ())
        yield self._ended(reply)

    def _say(self, kind: Kind, text: str) -> bytes:
        begin = b"" if self._open == kind else self._begin(kind)
        return b"".join((begin, self._delta, orjson.dumps(text), b"}}\n\n"))

    def _first(self) -> bytes:
        """What every stream begins with."""
        if self._started:
            return b""
        self._started = True
        start = {"type": "message_start", "message": message_skeleton(self._id, self._model)}
        return event("message_start", start) + event("ping", {"type": "ping"})

    def _begin(self, kind: Kind) -> bytes:
        """Close what is open and begin a block of this kind."""
        before = self._first() + self._close()
        self._open = kind
        word = _WORDS[kind]
        head = {"type": "content_block_delta", "index": self._index + 1, "delta": {"type": f"{word}_delta"}}
        self._delta = b"event: content_block_delta\ndata: " + orjson.dumps(head)[:-2] + b',"%s":' % word.encode()
        return before + self._start(text_block("") if kind == "text" else thinking_block(""))

    def _start(self, block: dict[str, Any]) -> bytes:
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return event("content_block_start", start)

    def _close(self) -> bytes:
        """End the block that is open."""
        if self._open is None:
            return b""
        self._open = None
        return self._stop()

    def _stop(self) -> bytes:
        return event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _call(self, call: ToolCall) -> bytes:
        """A call of a tool, whole: it is known when the answer was accepted."""
        block = use_block(call)
        begun = self._first() + self._start({**block, "input": {}})
        delta = {"type": "input_json_delta", "partial_json": orjson.dumps(block["input"]).decode()}
        piece = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return begun + event("content_block_delta", piece) + self._stop()

    def _ended(self, reply: Reply) -> bytes:
        """Why it ended, what it used and who answered."""
        delta = {"stop_reason": stop_reason(reply), "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": used(reply), "stepwell": summary(reply)}
        return event("message_delta", last) + event("message_stop", {"type": "message_stop"})
