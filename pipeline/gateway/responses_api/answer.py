"""Our reply as a response of the OpenAI API. Pure."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pipeline.contracts import JsonObject, Reply, ToolCall
from pipeline.gateway.completion import content_of, finish_reason, logprobs_object
from pipeline.gateway.sse import summary

__all__ = [
    "PREFIX",
    "call_item",
    "ended_object",
    "failed_object",
    "message_item",
    "outcome_of",
    "reasoning_item",
    "response_object",
    "response_skeleton",
    "scores_of",
    "text_part",
]

PREFIX: Final = "resp_"
"""What the id of a response has before that of its request."""

Status = Literal["in_progress", "completed", "incomplete"]
_REASONS: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why an answer is not whole: our word -> that of the API."""
_UNSAID: Final[dict[str, Any]] = {
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "output": [],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "usage": None,
    "user": None,
}
_NO_TEXT: Final = {"format": {"type": "text"}}
_NO_TOOL: Final = {"description": None, "parameters": None, "strict": None}


def response_skeleton(request_id: str, created: int, model: str, asked: JsonObject) -> dict[str, Any]:
    """A response that has begun. `asked` are the fields of the question that it repeats."""
    told: dict[str, Any] = {**asked}
    if "text" in told:
        told["text"] = {**_NO_TEXT, **told["text"]}
    if "tools" in told:
        told["tools"] = [{**_NO_TOOL, **tool} for tool in told["tools"]]
    head = {"id": f"{PREFIX}{request_id}", "object": "response", "created_at": created, "status": "in_progress"}
    return {**head, "completed_at": None, **_UNSAID, **told, "model": model}


def response_object(reply: Reply, created: int, asked: JsonObject) -> dict[str, Any]:
    """The response of a reply that answers. `created` in Unix seconds. The model is the one that really answered."""
    status, _ = outcome_of(reply)
    items: list[dict[str, Any]] = []
    if reply.reasoning:
        items.append(reasoning_item(reply.id, 0, reply.reasoning))
    text = content_of(reply)
    if text or not reply.tool_calls:
        items.append(message_item(reply.id, text or "", status, scores_of(reply)))
    items += [call_item(reply.id, place, call) for place, call in enumerate(reply.tool_calls or ())]
    return ended_object(response_skeleton(reply.id, created, "", asked), reply, items)


def ended_object(begun: dict[str, Any], reply: Reply, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A response that had begun, with its end."""
    status, reason = outcome_of(reply)
    return {
        **begun,
        "status": status,
        "completed_at": int(reply.completed_at) or begun["created_at"],
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": reply.served.model if reply.served else "",
        "output": list(items),
        "usage": _usage(reply),
        "stepwell": summary(reply),
    }


def failed_object(
    begun: dict[str, Any], items: Sequence[dict[str, Any]], code: str, message: str, told: dict[str, Any]
) -> dict[str, Any]:
    """A response that had begun and did not come to its end."""
    error = {"code": code, "message": message}
    return {**begun, "status": "failed", "error": error, "output": list(items), "stepwell": told}


def outcome_of(reply: Reply) -> tuple[Status, str | None]:
    """How an answer ended, and why it is not whole."""
    reason = _REASONS.get(finish_reason(reply))
    return ("completed" if reason is None else "incomplete"), reason


def reasoning_item(request_id: str, place: int, text: str | None, status: Status = "completed") -> dict[str, Any]:
    """What a model reasoned beside its answer; None: it has only begun."""
    content = [] if text is None else [{"type": "reasoning_text", "text": text}]
    own = f"rs_{request_id}_{place}" if place else f"rs_{request_id}"
    return {"type": "reasoning", "id": own, "summary": [], "content": content, "status": status}


def message_item(
    request_id: str, text: str | None, status: Status, scores: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The text of an answer; None: it has only begun."""
    content = [] if text is None else [text_part(text, scores)]
    return {"type": "message", "id": f"msg_{request_id}", "role": "assistant", "status": status, "content": content}


def text_part(text: str, scores: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A text with the log-probabilities of its tokens."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(scores)}


def scores_of(reply: Reply) -> list[dict[str, Any]]:
    """The log-probabilities of the text, where they were asked for and the model gave them."""
    return [] if reply.logprobs is None else list(logprobs_object(reply.logprobs)["content"])


def call_item(request_id: str, place: int, call: ToolCall, *, begun: bool = False) -> dict[str, Any]:
    """A call of a function; one that has only begun has no arguments yet."""
    return {
        "type": "function_call",
        "id": f"fc_{request_id}_{place}",
        "call_id": call.id,
        "name": call.function.get("name", ""),
        "arguments": "" if begun else call.function.get("arguments", ""),
        "status": "in_progress" if begun else "completed",
    }


def _usage(reply: Reply) -> dict[str, Any]:
    """Tokens of all attempts; cached ones are a part of the input's, reasoning a part of the output's."""
    usage = reply.usage
    cached = {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens}
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": cached,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
