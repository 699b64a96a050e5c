"""Our reply as a chat completion of the OpenAI API. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from pipeline.contracts import Alternative, Reply, Request, TokenLogprob
from pipeline.gateway.tools import as_functions

__all__ = [
    "choice_object",
    "completion_object",
    "content_of",
    "finish_reason",
    "lacks_logprobs",
    "logprobs_object",
    "older_reason",
    "to_completion",
    "usage_object",
]

_FINISH: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


def to_completion(reply: Reply, created: int) -> bytes:
    """The bytes of a `chat.completion`. `created` in Unix seconds. The model is the one that really answered."""
    return orjson.dumps(completion_object(reply, created))


def completion_object(reply: Reply, created: int) -> dict[str, Any]:
    """A `chat.completion` as an object, for those who put it inside something else."""
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": created,
        "model": reply.served.model if reply.served else "",
        "choices": [choice_object(reply)],
        "usage": usage_object(reply),
        "system_fingerprint": reply.policy_revision,
    }


def choice_object(reply: Reply, index: int = 0, *, functions: bool = False) -> dict[str, Any]:
    """One answer. `functions`: its call has the deprecated form."""
    message: dict[str, Any] = {"role": "assistant", "content": content_of(reply), "refusal": None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [call.model_dump() for call in reply.tool_calls]
    scores = None if reply.logprobs is None else logprobs_object(reply.logprobs)
    choice = {"index": index, "message": message, "logprobs": scores, "finish_reason": finish_reason(reply)}
    if functions and reply.tool_calls:
        choice["message"] = as_functions(message)
        choice["finish_reason"] = older_reason(finish_reason(reply))
    return choice


def older_reason(reason: str) -> str:
    """The finish reason of a call in the deprecated form."""
    return "function_call" if reason == "tool_calls" else reason


def lacks_logprobs(request: Request, reply: Reply) -> bool:
    """Whether log-probabilities were asked for and this answer has none, though it has a text."""
    return request.logprobs is not None and reply.logprobs is None and bool(content_of(reply))


def logprobs_object(scored: Sequence[TokenLogprob]) -> dict[str, Any]:
    """The log-probabilities of tokens, in the words of the API."""
    content = [{**_scored(token), "top_logprobs": [_scored(each) for each in token.alternatives]} for token in scored]
    return {"content": content, "refusal": None}


def _scored(token: TokenLogprob | Alternative) -> dict[str, Any]:
    raw = token.token.encode("utf-8", "surrogatepass") if token.raw is None else token.raw
    return {"token": token.token, "logprob": token.logprob, "bytes": list(raw)}


def content_of(reply: Reply) -> str | None:
    """The text of the answer; a parsed object without text is written out."""
    if reply.content is None and reply.parsed is not None:
        return orjson.dumps(reply.parsed).decode()
    return reply.content


def finish_reason(reply: Reply) -> str:
    """Why the model stopped, in the words of the API. A provider's own words count as `stop`."""
    if reply.finish_reason in _FINISH:
        return str(reply.finish_reason)
    return "tool_calls" if reply.tool_calls else "stop"


def usage_object(reply: Reply) -> dict[str, Any]:
    """Tokens of all attempts; cached ones are a part of the prompt's, reasoning a part of the completion's."""
    usage = reply.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }
