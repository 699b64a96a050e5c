"""A streamed chat completion, event by event. Pure: chunks and the reply in, bytes out.

What all events of a stream share is prepared once; an event costs one JSON string and one join.
"""

from typing import Any, Final

import orjson

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, Reply
from pipeline.gateway.completion import content_of, finish_reason, logprobs_object, older_reason, usage_object
from pipeline.gateway.problems import Problem, problem_of_reply
from pipeline.gateway.tools import as_functions

__all__ = ["DONE", "UNTOLD", "Events", "padding", "summary"]

DONE: Final = b"data: [DONE]\n\n"
_BLOCK: Final = 64
"""Bytes to a multiple of which a piece is filled up that shall tell nothing by its size."""


class Events:
    """The events of one stream.

    The text of the events adds up to the content of the reply: what was not streamed (an answer from the cache, chunks
    that were lost on the way) comes with the reply. Where that cannot be, since the reply holds another answer than was
    begun, the stream ends with an error.
    """

    def __init__(
        self,
        request_id: str,
        created: int,
        model: str,
        *,
        include_usage: bool,
        index: int = 0,
        obfuscate: bool = False,
        functions: bool = False,
        logprobs: bool = False,
    ) -> None:
        """Begin a stream.

        Args:
            request_id: the id of the request.
            created: Unix seconds.
            model: the name that the caller used.
            include_usage: a last event tells what was used.
            index: which choice it is.
            obfuscate: pieces of text are filled up to like sizes, so that who sees the traffic learns less of them.
            functions: calls of tools have the deprecated form.
            logprobs: log-probabilities were asked for.
        """
        self._request_id = request_id
        self._index = index
        self._functions = functions
        self._logprobs = logprobs
        self._base = {"id": f"chatcmpl-{request_id}", "object": "chat.completion.chunk", "created": created}
        self._include_usage = include_usage
        frame = orjson.dumps({**self._base, "model": model})[:-1]
        self._head = b'data: %b,"choices":[{"index":%d,"delta":' % (frame, index)
        self._after = b',"usage":null' if include_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]%b}\n\n' % self._after
        self._text_head = self._head + b'{"content":'
        self._text_tail = b"}" + self._tail
        self._begun = Begun()
        self._rest: tuple[Chunk, ...] = ()
        self._told_role = False
        self._said = self._padded if obfuscate else self._text

    def chunk(self, chunk: Chunk) -> bytes:
        """The event of a piece of text; nothing after a gap, because the text would no longer be the answer's."""
        return self._piece(chunk) if self._begun.takes(chunk) else b""

    def end(self, reply: Reply) -> bytes:
        """The last events of the stream."""
        told = self.answered(reply)
        if told.status != "answered":
            return self.broke_off(problem_of_reply(told), told)
        return b"".join((self.close(told), self.usage(told) if self._include_usage else b"", DONE))

    def answered(self, reply: Reply) -> Reply:
        """The reply, as its caller is told it: a failure where another answer was begun than the one that counts."""
        if reply.status != "answered":
            return reply
        rest = self._begun.rest(content_of(reply) or "", reply.reasoning or "")
        if rest is None:
            return lost(reply)
        self._rest = rest
        return reply

    def close(self, reply: Reply) -> bytes:
        """What is missing of an answer, and why it ended."""
        return b"".join((*map(self._piece, self._rest), self._calls(reply), self._scores(reply), self._finish(reply)))

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last event of a stream that did not come to its end. No `[DONE]` follows: it was not.

        Without a reply nobody knows what the request came to; its id says where to look.
        """
        told = summary(reply) if reply is not None else {**UNTOLD, "request_id": self._request_id}
        return _event({**orjson.loads(problem.body), "stepwell": told})

    def _piece(self, chunk: Chunk) -> bytes:
        return self._said(chunk.text) if chunk.reasoning is None else self._reasoning(chunk.reasoning)

    def _text(self, text: str) -> bytes:
        if self._told_role:
            return self._text_head + orjson.dumps(text) + self._text_tail
        self._told_role = True
        return self._head + b'{"role":"assistant","content":' + orjson.dumps(text) + self._text_tail

    def _padded(self, text: str) -> bytes:
        """The event of a text with so much behind it that its size says little."""
        role = {} if self._told_role else {"role": "assistant"}
        self._told_role = True
        delta = orjson.dumps({**role, "content": text})
        tail = b',"logprobs":null,"finish_reason":null}],"obfuscation":"%b"%b}\n\n' % (padding(delta), self._after)
        return self._head + delta + tail

    def _reasoning(self, text: str) -> bytes:
        role = {} if self._told_role else {"role": "assistant"}
        self._told_role = True
        return self._head + orjson.dumps({**role, "reasoning_content": text}) + self._tail

    def _calls(self, reply: Reply) -> bytes:
        if not reply.tool_calls:
            return b""
        self._told_role = True
        calls = [{"index": place, **call.model_dump()} for place, call in enumerate(reply.tool_calls)]
        delta: dict[str, Any] = {"role": "assistant", "tool_calls": calls}
        return self._head + orjson.dumps(as_functions(delta) if self._functions else delta) + self._tail

    def _scores(self, reply: Reply) -> bytes:
        """The log-probabilities of the whole text: which tokens count is known when the answer is."""
        if reply.logprobs is None:
            return b""
        scores = orjson.dumps(logprobs_object(reply.logprobs))
        return self._head + b'{},"logprobs":%b,"finish_reason":null}]%b}\n\n' % (scores, self._after)

    def _finish(self, reply: Reply) -> bytes:
        """Why it ended and who answered."""
        reason = finish_reason(reply)
        choice = {
            "index": self._index,
            "delta": {} if self._told_role else {"role": "assistant"},
            "logprobs": None,
            "finish_reason": older_reason(reason) if self._functions else reason,
        }
        told = summary(reply)
        if self._logprobs and reply.logprobs is None and content_of(reply):
            told["lossy"] = ["logprobs"]
        last: dict[str, Any] = {**self._base, "model": _model(reply), "choices": [choice], "stepwell": told}
        return _event({**last, "usage": None} if self._include_usage else last)

    def usage(self, reply: Reply) -> bytes:
        """The event that tells what was used."""
        return _event({**self._base, "model": _model(reply), "choices": [], "usage": usage_object(reply)})


def _model(reply: Reply) -> str:
    return reply.served.model if reply.served else ""


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def padding(piece: bytes) -> bytes:
    """What a piece is filled up with, so that its size says little."""
    return b"x" * (-len(piece) % _BLOCK)


def summary(reply: Reply) -> dict[str, Any]:
    """What the headers of an unstreamed answer say; a stream's headers are gone before it is known."""
    return {
        "request_id": reply.id,
        "model": reply.served.model if reply.served else None,
        "variant": reply.served.variant if reply.served else None,
        "attempts": reply.attempts,
        "escalated": reply.escalated,
        "degraded": reply.degraded,
        "confidence": reply.confidence,
        "cache": reply.cache,
        "remembered": reply.remembered.model_dump(exclude_none=True) if reply.remembered else None,
        "cost_usd": reply.cost_usd,
        "policy_revision": reply.policy_revision,
        "audit_id": reply.audit_id,
        "rates": [state.model_dump() for state in reply.rates],
    }


UNTOLD: Final[dict[str, Any]] = dict.fromkeys(
    ("request_id", "model", "variant", "attempts", "escalated", "degraded", "confidence", "cache", "cost_usd")
)
"""A summary of a request whose end is not known."""
