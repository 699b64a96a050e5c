"""Messages, tools and response formats of the OpenAI shape, as our contracts hold them."""

from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse

__all__ = ["messages_of", "schema_of", "tool_choice_of", "tools_of"]

_PLAIN: Final = frozenset({"role", "content"})
_ECHOED: Final = frozenset({"annotations", "audio", "function_call", "refusal"})
"""What an answer of ours or of OpenAI's has, and comes back empty when a program sends its history."""
_REASONING: Final = frozenset({"reasoning_content", "reasoning"})
"""What a model wrote beside its answer. Programs send it back; no model is shown what another one reasoned."""
_FOREIGN_PARTS: Final = frozenset({"input_audio", "file", "refusal"})
_CHOICES: Final = frozenset({"none", "auto", "required"})


def messages_of(value: Json) -> list[Json]:
    """The conversation, without the empty fields and the reasoning that programs send back with an answer.

    Raises:
        InvalidRequest: it is no list of objects, or empty.
        UnsupportedParameter: a message holds audio, files or other things that the contract does not carry.
    """
    if not isinstance(value, list) or not value:
        raise InvalidRequest("messages must be a list with at least one message", param="messages")
    return [_message(index, item) for index, item in enumerate(value)]


def _message(index: int, item: Json) -> Json:
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{index}] must be an object", param=f"messages[{index}]")
    _check_parts(index, item.get("content"))
    if item.keys() <= _PLAIN:
        return item
    for name in item.keys() & _ECHOED:
        if item[name]:
            raise refuse(f"messages[{index}].{name}")
    _check_types(item.get("tool_calls"), f"messages[{index}].tool_calls")
    return {name: value for name, value in item.items() if value is not None and name not in _left_out(item)}


def _left_out(item: JsonObject) -> frozenset[str]:
    return _ECHOED | _REASONING if item.get("role") == "assistant" else _ECHOED


def _check_parts(index: int, content: Json) -> None:
    if not isinstance(content, list):
        return
    for place, part in enumerate(content):
        if isinstance(part, dict) and part.get("type") in _FOREIGN_PARTS:
            raise refuse(f"messages[{index}].content[{place}]", f"of type {part['type']}", "send text or image_url")


def _check_types(items: Json, param: str) -> None:
    """Only functions are carried, neither as tools nor as calls anything else."""
    if not isinstance(items, list):
        return
    for place, item in enumerate(items):
        if isinstance(item, dict) and item.get("type", "function") != "function":
            raise refuse(f"{param}[{place}].type", advice="only `function` is carried")


def tools_of(value: Json) -> Json:
    """The list of function tools; None for an empty one.

    Raises:
        UnsupportedParameter: a tool is no function.
    """
    _check_types(value, "tools")
    return value or None


def tool_choice_of(value: Json) -> Json:
    """The choice as it stands, when the API knows it.

    Raises:
        UnsupportedParameter: it is neither none, auto or required, nor the name of a function.
    """
    if isinstance(value, str) and value not in _CHOICES:
        raise refuse("tool_choice", advice="give none, auto, required or a function")
    if isinstance(value, dict) and value.get("type") != "function":
        raise refuse("tool_choice.type", advice="only `function` is carried")
    return value


def schema_of(value: Json) -> JsonObject | None:
    """The JSON Schema that the answer must satisfy; None for text.

    Name and description of the schema become its title and description, so that the model still sees them. `strict`
    needs no place: every answer is validated.

    Raises:
        InvalidRequest: the format is no object, or has no schema where it must.
        UnsupportedParameter: its type is unknown.
    """
    if not isinstance(value, dict):
        raise InvalidRequest("response_format must be an object", param="response_format")
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    if kind != "json_schema":
        raise refuse("response_format.type", advice="give text, json_object or json_schema")
    return _described(value.get("json_schema"))


def _described(wanted: Json) -> JsonObject:
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or not isinstance(schema, dict):
        raise InvalidRequest(
            "response_format.json_schema.schema must be a JSON Schema", param="response_format.json_schema.schema"
        )
    titles = {"title": wanted.get("name"), "description": wanted.get("description")}
    return {name: value for name, value in titles.items() if value is not None} | schema
