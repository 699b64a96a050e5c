"""Tools, their choice, and response formats of the OpenAI shape, as our contracts hold them.

The deprecated `functions` and `function_call` become tools on the way in, and calls of tools become theirs on the way
out. There a call has no id and there is one at a time, so ids follow from the place in the conversation.
"""

from typing import Any, Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.messages import check_types
from pipeline.gateway.parameters import refuse

__all__ = ["add_tools", "as_functions", "schema_of", "with_functions"]

_CHOICES: Final = frozenset({"none", "auto", "required"})


def add_tools(wanted: dict[str, Any], said: JsonObject) -> None:
    """Add the tools and their choice to the fields of a request.

    Of `allowed_tools` those that are allowed are offered, so that no other one can be called.

    Raises:
        InvalidRequest: the choice allows what is not offered.
        UnsupportedParameter: a tool is no function, or the choice is none that the API knows.
    """
    tools = said.get("tools")
    if tools is not None:
        check_types(tools, "tools")
        wanted["tools"] = tools or None
    if "tool_choice" not in said:
        return
    choice = said["tool_choice"]
    if isinstance(choice, str) and choice not in _CHOICES:
        raise refuse("tool_choice", advice="give none, auto, required, a function or allowed_tools")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        wanted["tools"], wanted["tool_choice"] = _allowed(choice.get("allowed_tools"), tools)
        return
    if isinstance(choice, dict) and choice.get("type") != "function":
        raise refuse("tool_choice.type", advice="only `function` and `allowed_tools` are carried")
    wanted["tool_choice"] = choice


def _allowed(allowed: Json, tools: Json) -> tuple[list[Json], Json]:
    """The tools that are allowed, and whether one of them has to be called."""
    place = "tool_choice.allowed_tools"
    listed = allowed.get("tools") if isinstance(allowed, dict) else None
    if not isinstance(allowed, dict) or not isinstance(listed, list) or not listed:
        raise InvalidRequest(f"{place} must be an object of mode and tools", param=place)
    mode = allowed.get("mode")
    if mode not in ("auto", "required"):
        raise InvalidRequest(f"{place}.mode must be auto or required", param=f"{place}.mode")
    check_types(listed, f"{place}.tools")
    names = [_name(tool) for tool in listed]
    offered = {_name(tool): tool for tool in tools} if isinstance(tools, list) else {}
    if not all(name is not None and name in offered for name in names):
        raise InvalidRequest(f"{place} names a tool that is not among tools: add it there", param=f"{place}.tools")
    return [offered[name] for name in dict.fromkeys(names)], mode


def _name(tool: Json) -> str | None:
    inner = tool.get("function") if isinstance(tool, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


# ---------------------------------------------------------------- response formats


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


_FIELDS: Final = {"name": str, "description": str, "strict": bool, "schema": dict}


def _described(wanted: Json) -> JsonObject:
    place = "response_format.json_schema"
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or not isinstance(schema, dict):
        raise InvalidRequest(f"{place}.schema must be a JSON Schema", param=f"{place}.schema")
    for name, value in wanted.items():
        if name not in _FIELDS:
            raise refuse(f"{place}.{name}")
        if value is not None and not isinstance(value, _FIELDS[name]):
            raise InvalidRequest(f"{place}.{name} has the wrong type", param=f"{place}.{name}")
    titles = {"title": wanted.get("name"), "description": wanted.get("description")}
    return {name: value for name, value in titles.items() if value is not None} | schema


# ---------------------------------------------------------------- deprecated functions


def with_functions(said: JsonObject) -> JsonObject:
    """The fields with `functions`, `function_call` and the messages of that form as tools and their calls.

    Raises:
        InvalidRequest: they cannot be read, or stand beside tools.
    """
    if "tools" in said or "tool_choice" in said:
        raise InvalidRequest("functions is the older form of tools: give one of them", param="functions")
    functions = said.get("functions", [])
    if not isinstance(functions, list) or not all(isinstance(item, dict) for item in functions):
        raise InvalidRequest("functions must be a list of objects", param="functions")
    translated = {name: value for name, value in said.items() if name not in ("functions", "function_call")}
    translated["tools"] = [{"type": "function", "function": item} for item in functions]
    if functions:
        translated["parallel_tool_calls"] = False
    if "function_call" in said:
        translated["tool_choice"] = _choice(said["function_call"])
    if isinstance(said.get("messages"), list):
        translated["messages"] = _history(said["messages"])
    return translated


def _choice(call: Json) -> Json:
    if call in ("none", "auto"):
        return call
    if isinstance(call, dict) and isinstance(call.get("name"), str):
        return {"type": "function", "function": {"name": call["name"]}}
    raise InvalidRequest("function_call must be none, auto or an object with a name", param="function_call")


def _history(messages: Json) -> list[Json]:
    """A call and the result that follows it have the same id."""
    made: list[Json] = []
    last = "call_none"
    for place, item in enumerate(messages if isinstance(messages, list) else ()):
        call = item.get("function_call") if isinstance(item, dict) else None
        if isinstance(item, dict) and isinstance(call, dict):
            last = f"call_{place}"
            calls: Json = [{"id": last, "type": "function", "function": call}]
            made.append({**item, "function_call": None, "tool_calls": calls})
        elif isinstance(item, dict) and item.get("role") == "function":
            result = {name: value for name, value in item.items() if name != "name"}
            made.append({**result, "role": "tool", "tool_call_id": last})
        else:
            made.append(item)
    return made


def as_functions(message: dict[str, Any]) -> dict[str, Any]:
    """A message, or a piece of one, with its call in the older form. There is one at most: one at a time was wanted."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    older = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**older, "function_call": calls[0]["function"]}
