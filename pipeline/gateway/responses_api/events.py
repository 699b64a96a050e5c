"""A streamed response, event by event. Pure: chunks and the reply in, bytes out.

What all events of a kind share is prepared when their item begins; a piece costs one JSON string and one join.
"""

from typing import Any, Final, Literal

import orjson

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, JsonObject, Reply, ToolCall
from pipeline.gateway.completion import content_of
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.responses_api.answer import (
    Status,
    call_item,
    ended_object,
    failed_object,
    message_item,
    outcome_of,
    reasoning_item,
    response_skeleton,
    scores_of,
    text_part,
)
from pipeline.gateway.responses_api.fields import LOGPROBS
from pipeline.gateway.sse import UNTOLD, summary

__all__ = ["ResponseEvents"]

Kind = Literal["reasoning", "text"]
_BLOCK: Final = 64
"""Bytes to a multiple of which a piece is filled up that shall tell nothing by its size."""
_DELTAS: Final = {"reasoning": "response.reasoning_text", "text": "response.output_text"}


class ResponseEvents:
    """The events of one stream: `response.created` first, `response.completed`, `incomplete` or `failed` last.

    The text of the events adds up to the content of the reply; see `sse.Events`. What is reasoned after the text has
    begun waits until the text has ended, so that there is one message. After `response.failed` comes an `error`, which
    the official clients raise.
    """

    def __init__(
        self,
        request_id: str,
        created: int,
        model: str,
        asked: JsonObject,
        *,
        obfuscate: bool = False,
        logprobs: bool = False,
    ) -> None:
        """Begin a stream.

        Args:
            request_id: the id of the request.
            created: Unix seconds.
            model: the name that the caller used.
            asked: the fields of the question that a response repeats.
            obfuscate: pieces of text are filled up to like sizes, so that who sees the traffic learns less of them.
            logprobs: log-probabilities were asked for.
        """
        self._id = request_id
        self._obfuscate = obfuscate
        self._logprobs = logprobs
        self._scores: list[dict[str, Any]] = []
        self._skeleton = response_skeleton(request_id, created, model, asked)
        self._begun = Begun()
        self._sequence = 0
        self._items: list[dict[str, Any]] = []
        self._open: Kind | None = None
        self._texts: list[str] = []
        self._late: list[str] = []
        self._has_message = False
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
        self._scores = scores_of(reply)
        status, _ = outcome_of(reply)
        if not self._has_message and not reply.tool_calls:
            pieces.append(self._begin("text"))
        pieces.append(self._close(status))
        if self._late:
            pieces += [self._say("reasoning", "".join(self._late)), self._close("completed")]
        pieces += [self._call(place, call) for place, call in enumerate(reply.tool_calls or ())]
        response = ended_object(self._skeleton, reply, self._items)
        if self._logprobs and reply.logprobs is None and content_of(reply):
            response["stepwell"]["lossy"] = [f"include.{LOGPROBS}"]
        pieces.append(self._event(f"response.{status}", response=response))
        return b"".join(pieces)

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last events of a stream that did not come to its end.

        Without a reply nobody knows what the request came to; its id says where to look.
        """
        error = orjson.loads(problem.body)["error"]
        told = summary(reply) if reply is not None else {**UNTOLD, "request_id": self._id}
        begun, closed = self._first(), self._close("incomplete")
        response = failed_object(self._skeleton, self._items, _code(problem.status), error["message"], told)
        failed = self._event("response.failed", response=response)
        words = {name: error.get(name) for name in ("code", "message", "param")}
        return begun + closed + failed + self._event("error", **words, error=error)

    # ------------------------------------------------------------ how

    def _piece(self, chunk: Chunk) -> bytes:
        if chunk.reasoning is None:
            return self._say("text", chunk.text) if chunk.text else b""
        if self._has_message:
            self._late.append(chunk.reasoning)
            return b""
        return self._say("reasoning", chunk.reasoning)

    def _say(self, kind: Kind, text: str) -> bytes:
        begin = b"" if self._open == kind else self._begin(kind)
        self._texts.append(text)
        self._sequence += 1
        said = orjson.dumps(text)
        end = b',"obfuscation":"%b"}\n\n' % (b"x" * (-len(said) % _BLOCK)) if self._obfuscate else b"}\n\n"
        return b"".join((begin, self._delta, b"%d" % (self._sequence - 1), b',"delta":', said, end))

    def _first(self) -> bytes:
        """What every stream begins with."""
        if self._sequence:
            return b""
        created = self._event("response.created", response=self._skeleton)
        return created + self._event("response.in_progress", response=self._skeleton)

    def _begin(self, kind: Kind) -> bytes:
        """Close what is open and begin an item of this kind."""
        closed = self._first() + self._close("completed")
        self._open = kind
        self._has_message = self._has_message or kind == "text"
        item = self._item(None, "in_progress")
        where = {"item_id": item["id"], "output_index": len(self._items), "content_index": 0}
        added = self._event("response.output_item.added", output_index=len(self._items), item=item)
        part = self._event("response.content_part.added", **where, part=self._part(kind, ""))
        name = f"{_DELTAS[kind]}.delta"
        head = {"type": name, **where} | ({"logprobs": []} if kind == "text" else {})
        self._delta = f"event: {name}\ndata: ".encode() + orjson.dumps(head)[:-1] + b',"sequence_number":'
        return closed + added + part

    def _close(self, status: Status) -> bytes:
        """End the item that is open."""
        if self._open is None:
            return b""
        kind, text = self._open, "".join(self._texts)
        item = self._item(text, status)
        where = {"item_id": item["id"], "output_index": len(self._items), "content_index": 0}
        logprobs: dict[str, Any] = {"logprobs": self._scores} if kind == "text" else {}
        events = (
            self._event(f"{_DELTAS[kind]}.done", **where, text=text, **logprobs),
            self._event("response.content_part.done", **where, part=self._part(kind, text)),
            self._event("response.output_item.done", output_index=len(self._items), item=item),
        )
        self._items.append(item)
        self._open, self._texts = None, []
        return b"".join(events)

    def _item(self, text: str | None, status: Status) -> dict[str, Any]:
        if self._open == "reasoning":
            return reasoning_item(self._id, len(self._items), text, status)
        return message_item(self._id, text, status, self._scores)

    def _part(self, kind: Kind, text: str) -> dict[str, Any]:
        return {"type": "reasoning_text", "text": text} if kind == "reasoning" else text_part(text, self._scores)

    def _call(self, place: int, call: ToolCall) -> bytes:
        """A call of a function, whole: it is known when the answer was accepted."""
        first = self._first()
        index, item = len(self._items), call_item(self._id, place, call)
        where = {"item_id": item["id"], "output_index": index}
        begun = call_item(self._id, place, call, begun=True)
        name = "response.function_call_arguments"
        events = (
            self._event("response.output_item.added", output_index=index, item=begun),
            self._event(f"{name}.delta", **where, delta=item["arguments"]),
            self._event(f"{name}.done", **where, name=item["name"], arguments=item["arguments"]),
            self._event("response.output_item.done", output_index=index, item=item),
        )
        self._items.append(item)
        return first + b"".join(events)

    def _event(self, name: str, /, **fields: Any) -> bytes:
        body = orjson.dumps({"type": name, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"".join((b"event: ", name.encode(), b"\ndata: ", body, b"\n\n"))


def _code(status: int) -> str:
    """The word of the API for what went wrong; ours stands in the `error` that follows."""
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status < 500 else "server_error"
