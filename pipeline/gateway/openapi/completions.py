"""Chat completions. The question's schema says what its reader takes; what is known and refused stands as `not`."""

from typing import Any, Final

from pipeline.gateway.openapi.parts import (
    Schema,
    array,
    body,
    closed,
    either,
    errors,
    json_answer,
    nullable,
    one_of,
    opened,
    ref,
    text,
    whole,
)

__all__ = ["COMPONENTS", "FAILS", "OPERATIONS"]

FAILS: Final = (404, 408, 409, 413, 422, 429, 500, 502, 503, 504)
"""Statuses that a request to the cascade may end with, beside those that every path has."""

_NAME: Final[Schema] = text(pattern="^[A-Za-z0-9_-]{1,64}$")
_NUMBER: Final[Schema] = {"type": "number"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY: Final[Schema] = {"type": "object"}


def _between(low: float, high: float, **more: Any) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high, **more}


_STEPWELL: Final = closed(
    {
        "route": _NAME,
        "pin": _NAME,
        "provider": _ANY,
        "disable_fallbacks": _FLAG,
        "origin": text(),
        "session": text(maxLength=256),
        "quality_floor": _between(0, 1),
        "cache": one_of("use", "refresh", "off"),
        "cache_max_age_s": {"type": "number", "minimum": 0},
        "cache_similarity": _between(0, 1),
        "deadline_ms": whole(minimum=1, maximum=86_400_000),
        "max_escalations": whole(minimum=0, maximum=16),
        "max_cost_usd": {"type": "number", "minimum": 0},
    },
    description="What only Stepwell knows.",
)

COMPONENTS: Final[dict[str, Schema]] = {
    "Stepwell": _STEPWELL,
    "Message": opened(
        {
            "role": one_of("system", "developer", "user", "assistant", "tool"),
            "content": nullable(either(text(), array(opened({"type": text()}, ("type",))))),
            "name": text(maxLength=256),
            "tool_calls": array(ref("ToolCall")),
            "tool_call_id": text(maxLength=256),
        },
        ("role",),
    ),
    "ToolCall": opened(
        {
            "id": text(maxLength=256),
            "type": one_of("function"),
            "function": opened({"name": text(), "arguments": text()}, ("name", "arguments")),
        },
        ("id", "function"),
    ),
    "Tool": opened({"type": one_of("function"), "function": opened({"name": text()}, ("name",))}, ("type", "function")),
    "ChatQuestion": opened(
        {
            "model": text(description="`auto`, a route or a variant."),
            "messages": array(ref("Message"), minItems=1, maxItems=4096),
            "stream": nullable(_FLAG),
            "stream_options": nullable(closed({"include_usage": _FLAG, "include_obfuscation": _FLAG})),
            "temperature": nullable(_between(0, 2)),
            "top_p": nullable({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
            "max_tokens": nullable(whole(minimum=1)),
            "max_completion_tokens": nullable(whole(minimum=1)),
            "stop": nullable(either(text(), array(text(), maxItems=4))),
            "seed": nullable(whole()),
            "presence_penalty": nullable(_between(-2, 2)),
            "frequency_penalty": nullable(_between(-2, 2)),
            "n": nullable(whole(minimum=1, maximum=8)),
            "logprobs": nullable(_FLAG),
            "top_logprobs": nullable(whole(minimum=0, maximum=20)),
            "tools": nullable(array(ref("Tool"))),
            "tool_choice": nullable(either(one_of("none", "auto", "required"), _ANY)),
            "parallel_tool_calls": nullable(_FLAG),
            "response_format": nullable(opened({"type": one_of("text", "json_object", "json_schema")}, ("type",))),
            "metadata": nullable({"type": "object", "maxProperties": 16, "additionalProperties": text()}),
            "user": nullable(text(maxLength=256)),
            "safety_identifier": nullable(text(maxLength=256)),
            "prompt_cache_key": nullable(text(maxLength=256)),
            "provider": nullable(_ANY),
            "stepwell": ref("Stepwell"),
        },
        ("messages",),
        description="Other fields of the API go to the model where its target declares them, and are refused by name "
        "where it does not.",
    ),
    "Usage": opened({name: whole(minimum=0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}),
    "ChatChoice": opened(
        {
            "index": whole(minimum=0),
            "message": opened(
                {
                    "role": one_of("assistant"),
                    "content": nullable(text()),
                    "refusal": nullable(text()),
                    "reasoning_content": text(),
                    "tool_calls": array(ref("ToolCall")),
                },
                ("role", "content"),
            ),
            "logprobs": nullable(_ANY),
            "finish_reason": one_of("stop", "length", "tool_calls", "content_filter", "function_call"),
        },
        ("index", "message", "finish_reason"),
    ),
    "ChatAnswer": opened(
        {
            "id": text(),
            "object": {"const": "chat.completion"},
            "created": whole(),
            "model": text(),
            "choices": array(ref("ChatChoice"), minItems=1),
            "usage": ref("Usage"),
            "system_fingerprint": text(),
        },
        ("id", "object", "created", "model", "choices", "usage"),
    ),
}

OPERATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("post", "/v1/chat/completions"): {
        "operationId": "create_chat_completion",
        "summary": "A chat completion, in one piece or as a stream.",
        "requestBody": body(ref("ChatQuestion")),
        "responses": {
            "200": json_answer(
                ref("ChatAnswer"),
                "The answer. Headers beginning with x-stepwell- say who gave it and why.",
                stream=text(description="Events `data: {chat.completion.chunk}`, and last `data: [DONE]`."),
            ),
            **errors(*FAILS),
        },
    },
}
