"""What a target is shown, as the body of an OpenAI chat completion. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from pipeline.contracts import ImagePart, JsonObject, Message, Parameters
from pipeline.disclosure.view import View
from pipeline.policy.models import Target

__all__ = ["Template", "call_body"]

_APART: Final = frozenset({"max_tokens", "extra", "parallel_tool_calls"})
_SAMPLING: Final = tuple(name for name in Parameters.model_fields if name not in _APART)
_INSTRUCTION: Final = "Answer with one JSON document and nothing else. It must satisfy this JSON Schema: "


class Template:
    """What is the same in every body for one target.

    Log-probabilities are asked for with one alternative: some servers send twenty when none is named. `top`: how many
    are asked for in any case, and decide.
    """

    __slots__ = ("fixed", "most_tokens", "passes", "schema_native", "top")

    def __init__(self, spec: Target) -> None:
        self.fixed: dict[str, Any] = {}
        if "logprobs" in spec.capabilities:
            self.fixed |= {"logprobs": True, "top_logprobs": 1}
        self.fixed |= spec.extra
        self.fixed["model"] = spec.model
        self.most_tokens = spec.max_output_tokens
        asked = self.fixed.get("top_logprobs")
        self.top = asked if isinstance(asked, int) else 0
        self.passes = spec.passes
        self.schema_native = "json_schema" in spec.capabilities


def call_body(view: View, template: Template, *, stream: bool) -> bytes:
    """The JSON body for `view`. The model, the messages and the form of the answer are never taken from `extra`.

    Of the fields that a caller gave for the model's own API, those go out that the target passes.
    """
    body: dict[str, Any] = {**template.fixed}
    if view.parameters.extra:
        body.update((name, value) for name, value in view.parameters.extra.items() if name in template.passes)
    if view.logprobs is not None:
        body.update(logprobs=True, top_logprobs=max(1, template.top, view.logprobs))
    body["messages"] = [_message(message) for message in view.messages]
    body.update(_sampling(view.parameters, template.most_tokens))
    if view.tools:
        body["tools"] = view.tools
        if view.tool_choice is not None:
            body["tool_choice"] = view.tool_choice
        if view.parameters.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = view.parameters.parallel_tool_calls
    if view.response_schema is not None:
        _ask_for_schema(body, view.response_schema, native=template.schema_native)
    body.update(_asker(view))
    body["stream"] = stream
    if stream:
        body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


def _asker(view: View) -> Iterator[tuple[str, Any]]:
    """Who asks, in the words of the API, as far as the view shows it."""
    for name, value in (("user", view.user), ("prompt_cache_key", view.session), ("metadata", view.metadata)):
        if value:
            yield name, value


def _ask_for_schema(body: dict[str, Any], schema: JsonObject, *, native: bool) -> None:
    """Let the endpoint enforce the schema, or tell the model about it where the endpoint cannot.

    `strict` is not sent: endpoints that know it refuse every schema outside of a dialect of their own.
    """
    if native:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    else:
        text = _INSTRUCTION + orjson.dumps(schema).decode()
        body["messages"] = _with_instruction(body["messages"], text)


def _with_instruction(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Add `text` to the leading system message, since many chat templates take only one; make one if there is none."""
    first = messages[0] if messages else None
    if first is not None and first["role"] == "system" and isinstance(first["content"], str):
        return [{**first, "content": f"{first['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _sampling(parameters: Parameters, most_tokens: int) -> Iterator[tuple[str, Any]]:
    for name in _SAMPLING:
        value = getattr(parameters, name)
        if value is not None:
            yield name, value
    asked = parameters.max_tokens
    yield "max_tokens", most_tokens if asked is None else min(asked, most_tokens)


def _message(message: Message) -> Mapping[str, Any]:
    content = message.content
    shaped: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role}
    shaped["content"] = [_part(part) for part in content] if isinstance(content, tuple) else content
    if message.name is not None:
        shaped["name"] = message.name
    if message.tool_calls:
        shaped["tool_calls"] = [
            {"id": call.id, "type": call.type, "function": call.function} for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        shaped["tool_call_id"] = message.tool_call_id
    return shaped


def _part(part: Any) -> Mapping[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": part.type, "image_url": part.image_url}
    return {"type": part.type, "text": part.text}
