"""The shapes of the OpenAI API, as bytes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from pipeline.embedded.scripted.answers import Answer

__all__ = ["DONE", "event", "pieces", "plain", "problem"]

DONE = b"data: [DONE]\n\n"
_ID = "chatcmpl-scripted"


def problem(message: str, code: str) -> bytes:
    """An error object."""
    return orjson.dumps({"error": {"message": message, "type": code, "code": code}})


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _scores(pairs: Sequence[tuple[str, float]], top: int) -> dict[str, Any]:
    """The scores of tokens; with so many alternatives to each, where more than the token itself is asked for."""
    content = [{**_score(token, score), "top_logprobs": _alternatives(token, score, top)} for token, score in pairs]
    return {"content": content}


def _score(token: str, score: float) -> dict[str, Any]:
    return {"token": token, "logprob": score, "bytes": None}


def _alternatives(token: str, score: float, top: int) -> list[dict[str, Any]]:
    if top < 2:
        return []
    return [_score(token, score), *(_score(f"{token}{place}", score - 3 * place) for place in range(1, top))]


def _usage(given: Answer) -> dict[str, Any]:
    made = given.generated
    return {
        "prompt_tokens": given.input_tokens,
        "completion_tokens": made,
        "total_tokens": given.input_tokens + made,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(given.reasoning)},
    }


def plain(model: str, given: Answer, *, logprobs: bool, top: int = 0) -> bytes:
    """A whole completion."""
    message: dict[str, Any] = {"role": "assistant", "content": given.text if not given.tool_calls else None}
    if given.tool_calls:
        message["tool_calls"] = given.tool_calls
    if given.reasoning:
        message["reasoning_content"] = given.thought
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": given.finish_reason,
        "logprobs": _scores((*given.reasoning, *given.logprobs), top) if logprobs else None,
    }
    return orjson.dumps(
        {
            "id": _ID,
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [choice],
            "usage": _usage(given),
        }
    )


def pieces(model: str, given: Answer, *, logprobs: bool, usage: bool, top: int = 0) -> Iterator[bytes]:
    """The events of a streamed completion: role, one for each token (of the reasoning first), finish reason, usage."""
    frame: dict[str, Any] = {"id": _ID, "object": "chat.completion.chunk", "created": 0, "model": model}

    def chunk(delta: Mapping[str, Any], reason: str | None = None, scores: Any = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": scores}
        return event({**frame, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    for pair in given.reasoning:
        yield chunk({"reasoning_content": pair[0]}, None, _scores([pair], top) if logprobs else None)
    ahead = given.logprobs[: _offset(given)]
    for i, token in enumerate(given.tokens):
        scores = (*(ahead if i == 0 else ()), given.logprobs[_offset(given) + i])
        yield chunk({"content": token}, None, _scores(scores, top) if logprobs else None)
    for i, call in enumerate(given.tool_calls):
        yield from (chunk({"tool_calls": [part]}) for part in _call_pieces(i, call))
    yield chunk({}, given.finish_reason)
    if usage:
        yield event({**frame, "choices": [], "usage": _usage(given)})


def _offset(given: Answer) -> int:
    """How many scored tokens stand before the text: those of a fence."""
    return 3 if len(given.logprobs) > len(given.tokens) else 0


def _call_pieces(index: int, call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    function = call["function"]
    half = len(function["arguments"]) // 2
    head = {"name": function["name"], "arguments": function["arguments"][:half]}
    yield {"index": index, "id": call["id"], "type": "function", "function": head}
    yield {"index": index, "function": {"arguments": function["arguments"][half:]}}
