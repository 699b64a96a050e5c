"""A streamed chat completion, event by event. Pure: chunks and the reply in, bytes out.

What all events of a stream share is prepared once; an event costs one JSON string and one join.
"""

from typing import Any, Final

import orjson

from pipeline.begun import Begun, lost
from pipeline.contracts import Chunk, Reply
from pipeline.gateway.openai import content_of, finish_reason, usage_object
from pipeline.gateway.problems import Problem, problem_of_reply

__all__ = ["DONE", "UNTOLD", "Events", "summary"]

DONE: Final = b"data: [DONE]\n\n"


class Events:
    """The events of one stream.

    The text of the events adds up to the content of the reply: what was not streamed (an answer from the cache, chunks
    that were lost on the way) comes with the reply. Where that cannot be, since the reply holds another answer than was
    begun, the stream ends with an error.
    """

    def __init__(self, request_id: str, created: int, model: str, *, include_usage: bool) -> None:
        self._request_id = request_id
        self._base = {"id": f"chatcmpl-{request_id}", "object": "chat.completion.chunk", "created": created}
        self._include_usage = include_usage
        self._head = b"data: " + orjson.dumps({**self._base, "model": model})[:-1] + b',"choices":[{"index":0,"delta":'
        self._tail = b',"logprobs":null,"finish_reason":null}]' + (b',"usage":null}' if include_usage else b"}")
        self._tail += b"\n\n"
        self._text_head = self._head + b'{"content":'
        self._text_tail = b"}" + self._tail
        self._begun = Begun()
        self._told_role = False

    def chunk(self, chunk: Chunk) -> bytes:
        """The event of a piece of text; nothing after a gap, because the text would no longer be the answer's."""
        return self._piece(chunk) if self._begun.takes(chunk) else b""

    def end(self, reply: Reply) -> bytes:
        """The last events of the stream."""
        if reply.status != "answered":
            return self.broke_off(problem_of_reply(reply), reply)
        rest = self._begun.rest(content_of(reply) or "", reply.reasoning or "")
        if rest is None:
            told = lost(reply)
            return self.broke_off(problem_of_reply(told), told)
        return b"".join((*map(self._piece, rest), self._calls(reply), self._finish(reply), DONE))

    def broke_off(self, problem: Problem, reply: Reply | None = None) -> bytes:
        """The last event of a stream that did not come to its end. No `[DONE]` follows: it was not.

        Without a reply nobody knows what the request came to; its id says where to look.
        """
        told = summary(reply) if reply is not None else {**UNTOLD, "request_id": self._request_id}
        return _event({**orjson.loads(problem.body), "stepwell": told})

    def _piece(self, chunk: Chunk) -> bytes:
        return self._text(chunk.text) if chunk.reasoning is None else self._reasoning(chunk.reasoning)

    def _text(self, text: str) -> bytes:
        if self._told_role:
            return self._text_head + orjson.dumps(text) + self._text_tail
        self._told_role = True
        return self._head + b'{"role":"assistant","content":' + orjson.dumps(text) + self._text_tail

    def _reasoning(self, text: str) -> bytes:
        role = {} if self._told_role else {"role": "assistant"}
        self._told_role = True
        return self._head + orjson.dumps({**role, "reasoning_content": text}) + self._tail

    def _calls(self, reply: Reply) -> bytes:
        if not reply.tool_calls:
            return b""
        calls = [{"index": place, **call.model_dump()} for place, call in enumerate(reply.tool_calls)]
        return self._head + orjson.dumps({"role": "assistant", "tool_calls": calls}) + self._tail

    def _finish(self, reply: Reply) -> bytes:
        """Why it ended and who answered; then the usage, where the caller asked for it."""
        model = reply.served.model if reply.served else ""
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish_reason(reply)}
        last: dict[str, Any] = {**self._base, "model": model, "choices": [choice], "stepwell": summary(reply)}
        if not self._include_usage:
            return _event(last)
        usage = {**self._base, "model": model, "choices": [], "usage": usage_object(reply)}
        return _event({**last, "usage": None}) + _event(usage)


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


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
