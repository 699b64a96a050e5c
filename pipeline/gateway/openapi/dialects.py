"""OpenAI's responses and Anthropic's messages."""

from typing import Any, Final

from pipeline.gateway.openapi.completions import FAILS
from pipeline.gateway.openapi.parts import (
    Schema,
    array,
    body,
    either,
    errors,
    json_answer,
    nullable,
    one_of,
    opened,
    path_name,
    ref,
    text,
    whole,
)

__all__ = ["COMPONENTS", "OPERATIONS"]

_ANY: Final[Schema] = {"type": "object"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "number"}
_ID: Final = path_name("response_id", "The id of a response.")

COMPONENTS: Final[dict[str, Schema]] = {
    "ResponseQuestion": opened(
        {
            "model": text(),
            "input": either(text(), array(_ANY, minItems=1)),
            "instructions": nullable(text()),
            "max_output_tokens": nullable(whole(minimum=1)),
            "metadata": nullable({"type": "object", "maxProperties": 16, "additionalProperties": text()}),
            "parallel_tool_calls": nullable(_FLAG),
            "stream": nullable(_FLAG),
            "temperature": nullable({"type": "number", "minimum": 0, "maximum": 2}),
            "top_p": nullable({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
            "text": nullable(_ANY),
            "reasoning": nullable(_ANY),
            "tools": nullable(array(opened({"type": text(), "name": text()}, ("type",)))),
            "tool_choice": nullable(either(one_of("none", "auto", "required"), _ANY)),
            "store": nullable(_FLAG),
            "stepwell": ref("Stepwell"),
        },
        ("input",),
    ),
    "ResponseAnswer": opened(
        {
            "id": text(pattern="^resp_"),
            "object": {"const": "response"},
            "created_at": whole(),
            "status": one_of("in_progress", "completed", "incomplete", "failed"),
            "model": text(),
            "output": array(opened({"type": text(), "id": text()}, ("type", "id"))),
            "usage": nullable(opened({name: whole(minimum=0) for name in ("input_tokens", "output_tokens")})),
            "store": {"const": False},
        },
        ("id", "object", "created_at", "status", "model", "output"),
    ),
    "InputTokens": opened({"object": text(), "input_tokens": whole(minimum=0)}, ("input_tokens",)),
    "MessageQuestion": opened(
        {
            "model": text(),
            "max_tokens": whole(minimum=1),
            "messages": array(
                opened(
                    {"role": one_of("user", "assistant", "system"), "content": either(text(), array(_ANY))},
                    ("role", "content"),
                ),
                minItems=1,
            ),
            "system": either(text(), array(_ANY)),
            "stop_sequences": array(text()),
            "stream": _FLAG,
            "temperature": _NUMBER,
            "top_p": _NUMBER,
            "tools": array(opened({"name": text(), "input_schema": _ANY}, ("name",))),
            "tool_choice": _ANY,
            "metadata": _ANY,
            "stepwell": ref("Stepwell"),
        },
        ("model", "max_tokens", "messages"),
    ),
    "MessageAnswer": opened(
        {
            "id": text(pattern="^msg_"),
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "model": text(),
            "content": array(opened({"type": one_of("text", "thinking", "tool_use")}, ("type",))),
            "stop_reason": one_of("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"),
            "usage": opened({name: whole(minimum=0) for name in ("input_tokens", "output_tokens")}),
        },
        ("id", "type", "role", "model", "content", "stop_reason", "usage"),
    ),
    "CountQuestion": opened({"model": text(), "messages": array(_ANY, minItems=1)}, ("model", "messages")),
    "MessageError": opened(
        {
            "type": {"const": "error"},
            "error": opened({"type": text(), "message": text()}, ("type", "message")),
            "request_id": text(),
        },
        ("type", "error"),
    ),
}

_STREAMED: Final = text(description="Events, each with its `event:` and a `data:` that names the same type.")

OPERATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("post", "/v1/responses"): {
        "operationId": "create_response",
        "summary": "OpenAI's response, in one piece or as a stream. Nothing of a conversation is kept.",
        "requestBody": body(ref("ResponseQuestion")),
        "responses": {"200": json_answer(ref("ResponseAnswer"), "The answer.", stream=_STREAMED), **errors(*FAILS)},
    },
    ("post", "/v1/responses/input_tokens"): {
        "operationId": "count_response_tokens",
        "summary": "How many tokens a question has, as estimated.",
        "requestBody": body(opened({"model": text(), "input": either(text(), array(_ANY))}, ("input",))),
        "responses": {"200": json_answer(ref("InputTokens"), "The estimate."), **errors(*FAILS)},
    },
    ("get", "/v1/responses/{response_id}"): {
        "operationId": "retrieve_response",
        "summary": "The answer to a request of the last day, by its id.",
        "parameters": [_ID],
        "responses": {"200": json_answer(ref("ResponseAnswer"), "It."), **errors(*FAILS)},
    },
    ("delete", "/v1/responses/{response_id}"): {
        "operationId": "delete_response",
        "summary": "Always refused: answers go by themselves after a day.",
        "parameters": [_ID],
        "responses": errors(*FAILS),
    },
    ("post", "/v1/messages"): {
        "operationId": "create_message",
        "summary": "Anthropic's message, in one piece or as a stream.",
        "requestBody": body(ref("MessageQuestion")),
        "responses": {
            "200": json_answer(ref("MessageAnswer"), "The answer.", stream=_STREAMED),
            **errors(*FAILS, shape="MessageError"),
        },
    },
    ("post", "/v1/messages/count_tokens"): {
        "operationId": "count_message_tokens",
        "summary": "How many tokens a question has, as estimated.",
        "requestBody": body(ref("CountQuestion")),
        "responses": {"200": json_answer(ref("InputTokens"), "It."), **errors(*FAILS, shape="MessageError")},
    },
}
