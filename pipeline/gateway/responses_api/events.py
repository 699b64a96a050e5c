"""A streamed response, event by event. Pure: chunks and the reply in, bytes out.

What all events of a kind share is prepared when their item begins; a piece costs one JSON string and one join.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from pipeline.contracts import JsonObject, Reply, ToolCall
from pipeline.gateway.block_events import BlockEvents, Kind, event
from pipeline.gateway.completion import content_of
from pipeline.gateway.problems import Problem
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
from pipeline.gateway.sse import padding

__all__ = ["ResponseEvents"]

_DELTAS: Final = {"reasoning": "response.reasoning_text", "text": "response.output_text"}


class ResponseEvents(BlockEvents):
    """The events of one stream: `response.created` first, `response.completed`, `incomplete` or `failed` last.

    After `response.failed` comes an `error`, which the official clients raise.
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
        super().__init__(request_id)
        self._obfuscate = obfuscate
        self._logprobs = logprobs
        self._scores: list[dict[str, Any]] = []
        self._skeleton = response_skeleton(request_id, created, model, asked)
        self._sequence = 0
        self._items: list[dict[str, Any]] = []
        self._open: Kind | None = None
        self._texts: list[str] = []
        self._delta = b""

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last events of a stream that did not come to its end."""
        error = orjson.loads(problem.body)["error"]
        told = self._summary(reply)
        begun, closed = self._first(), self._close("incomplete")
        response = failed_object(self._skeleton, self._items, _code(problem.status), error["message"], told)
        failed = self._event("response.failed", response=response)
        words = {name: error.get(name) for name in ("code", "message", "param")}
        return begun + closed + failed + self._event("error", **words, error=error)

    # ------------------------------------------------------------ how

    def _last(self, reply: Reply) -> Iterator[bytes]:
        self._scores = scores_of(reply)
        status, _ = outcome_of(reply)
        if not self._has_text and not reply.tool_calls:
            yield self._begin("text")
        yield self._close(status)
        if self._late:
            yield self._say("reasoning", "".join(self._late))
            yield self._close("completed")
        for place, call in enumerate(reply.tool_calls or ()):
            yield self._call(place, call)
        response = ended_object(self._skeleton, reply, self._items)
        if self._logprobs and reply.logprobs is None and content_of(reply):
            response["stepwell"]["lossy"] = [f"include.{LOGPROBS}"]
        yield self._event(f"response.{status}", response=response)

    def _say(self, kind: Kind, text: str) -> bytes:
        begin = b"" if self._open == kind else self._begin(kind)
        self._texts.append(text)
        self._sequence += 1
        said = orjson.dumps(text)
        end = b',"obfuscation":"%b"}\n\n' % padding(said) if self._obfuscate else b"}\n\n"
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
        numbered = {"type": name, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return event(name, numbered)


def _code(status: int) -> str:
    """The word of the API for what went wrong; ours stands in the `error` that follows."""
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status < 500 else "server_error"
