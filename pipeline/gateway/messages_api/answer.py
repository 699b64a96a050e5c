"""Our reply as a message of Anthropic's API. Pure."""

from typing import Any, Final

import orjson

from pipeline.contracts import Reply, ToolCall
from pipeline.gateway.completion import content_of, finish_reason
from pipeline.gateway.sse import summary

__all__ = ["message_object", "message_skeleton", "stop_reason", "text_block", "thinking_block", "use_block", "used"]

_STOPS: Final = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def message_skeleton(request_id: str, model: str) -> dict[str, Any]:
    """A message that has begun."""
    return {
        "id": f"msg_{request_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def message_object(reply: Reply, *, thinking: bool = False) -> dict[str, Any]:
    """The message of a reply that answers. The model is the one that really answered.

    Args:
        reply: the reply.
        thinking: whether what the model reasoned is shown; who did not ask for it expects the text to come first.
    """
    content: list[dict[str, Any]] = []
    if thinking and reply.reasoning:
        content.append(thinking_block(reply.reasoning))
    text = content_of(reply)
    if text or not reply.tool_calls:
        content.append(text_block(text or ""))
    content += [use_block(call) for call in reply.tool_calls or ()]
    return {
        **message_skeleton(reply.id, reply.served.model if reply.served else ""),
        "content": content,
        "stop_reason": stop_reason(reply),
        "usage": used(reply),
        "stepwell": summary(reply),
    }


def stop_reason(reply: Reply) -> str:
    """Why the model stopped, in the words of the API."""
    return _STOPS.get(finish_reason(reply), "end_turn")


def used(reply: Reply) -> dict[str, Any]:
    """Tokens of all attempts. Here what was read from a cache, or written to one, stands beside the input."""
    usage = reply.usage
    beside = usage.cached_tokens + usage.cache_write_tokens
    return {
        "input_tokens": max(0, usage.input_tokens - beside),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def text_block(text: str) -> dict[str, Any]:
    """The text of an answer."""
    return {"type": "text", "text": text, "citations": None}


def thinking_block(text: str) -> dict[str, Any]:
    """What a model reasoned. Nobody signs it: it is left out when it comes back."""
    return {"type": "thinking", "thinking": text, "signature": ""}


def use_block(call: ToolCall) -> dict[str, Any]:
    """A call of a tool."""
    name = call.function.get("name", "")
    return {"type": "tool_use", "id": call.id, "name": name, "input": _input(call.function.get("arguments"))}


def _input(arguments: object) -> dict[str, Any]:
    """The arguments as an object, which the API wants; what is none stands in it as it was written."""
    try:
        found = orjson.loads(arguments) if isinstance(arguments, str) and arguments else {}
    except orjson.JSONDecodeError:
        found = arguments
    return found if isinstance(found, dict) else {"arguments": arguments}
