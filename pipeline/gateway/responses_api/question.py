"""The body of `/v1/responses` as that of a chat completion. Pure."""

from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse
from pipeline.gateway.responses_api.fields import FORMAT, INCLUDES, LOGPROBS, REASONING, REQUEST, TEXT, TOOL
from pipeline.gateway.responses_api.items import Conversation
from pipeline.gateway.translation import FieldTable, Lossy, Places, Translated, list_at, object_at, text_at

__all__ = ["Question", "to_chat"]

_SAME: Final[tuple[str, ...]] = (
    "metadata", "model", "parallel_tool_calls", "prompt_cache_key", "provider", "safety_identifier",
    "service_tier", "stepwell", "stream", "temperature", "top_p", "user",
)  # fmt: skip
"""Fields that a chat completion has under the same name, with the same meaning."""
_NAMES: Final = {
    "logprobs": "include",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "response_format.json_schema": "text.format",
    "tool_choice.allowed_tools": "tool_choice",
    "verbosity": "text.verbosity",
}
_TOLD: Final[tuple[str, ...]] = (
    "instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "prompt_cache_key", "reasoning",
    "safety_identifier", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "user",
)  # fmt: skip
"""Fields that a response repeats."""


@dataclass(frozen=True, slots=True)
class Question(Translated):
    """What was asked.

    Attributes:
        asked: the fields that the answer repeats.
    """

    asked: JsonObject


def to_chat(fields: JsonObject, table: FieldTable = REQUEST) -> Question:
    """Translate a body; the reader of chat completions looks at the values.

    Args:
        fields: the body.
        table: which fields it may have; `COUNTED` where only its size is asked for.

    Raises:
        InvalidRequest: the body is not as the API has it; names the field.
        UnsupportedParameter: it asks for something that is not carried.
    """
    lossy = Lossy()
    said = table.given(fields, lossy)
    if "input" not in said:
        raise InvalidRequest("input is missing", param="input")
    conversation = Conversation(lossy)
    if "instructions" in said:
        conversation.instruct(said["instructions"])
    conversation.read(said["input"])
    if not conversation.messages:
        raise InvalidRequest("input must hold at least one message", param="input")
    chat: JsonObject = {name: said[name] for name in _SAME if name in said}
    chat["messages"] = conversation.messages
    if "max_output_tokens" in said:
        chat["max_completion_tokens"] = said["max_output_tokens"]
    _add_text(chat, said, lossy)
    _add_reasoning(chat, said, lossy)
    _add_tools(chat, said, lossy)
    _add_included(chat, said, lossy)
    _add_stream_options(chat, said)
    if table is REQUEST:
        _check_store(said, lossy)
    asked = {name: said[name] for name in _TOLD if name in said}
    return Question(chat, lossy, Places(_NAMES, conversation.places), asked)


def _add_text(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    if "text" not in said:
        return
    text = TEXT.given(object_at(said["text"], "text"), lossy, "text")
    if "verbosity" in text:
        chat["verbosity"] = text["verbosity"]
    if "format" not in text:
        return
    wanted = FORMAT.given(object_at(text["format"], "text.format"), lossy, "text.format")
    kind = wanted.pop("type", None)
    if kind == "json_schema":
        if not isinstance(wanted.get("schema"), dict):
            raise InvalidRequest("text.format.schema must be a JSON Schema", param="text.format.schema")
        chat["response_format"] = {"type": kind, "json_schema": wanted}
    else:
        chat["response_format"] = {"type": kind}


def _add_reasoning(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    if "reasoning" not in said:
        return
    reasoning = REASONING.given(object_at(said["reasoning"], "reasoning"), lossy, "reasoning")
    if "effort" in reasoning:
        chat["reasoning_effort"] = reasoning["effort"]


def _add_tools(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    tools = [_tool(tool, index, lossy) for index, tool in enumerate(list_at(said.get("tools", []), "tools"))]
    if tools:
        chat["tools"] = tools
    if "tool_choice" in said:
        choice = said["tool_choice"]
        chat["tool_choice"] = _choice(choice) if isinstance(choice, dict) else choice


def _tool(value: Json, index: int, lossy: Lossy) -> Json:
    place = f"tools[{index}]"
    tool = object_at(value, place)
    if tool.get("type") != "function":
        raise refuse(f"{place}.type", advice="only `function` is carried; built-in tools run at OpenAI alone")
    said = TOOL.given(tool, lossy, place)
    text_at(said, "name", place)
    return {"type": "function", "function": {name: item for name, item in said.items() if name != "type"}}


def _choice(choice: JsonObject) -> JsonObject:
    """A function, or some of them: the chat completion has what is chosen in an object of its own."""
    match choice.get("type"):
        case "function":
            return _named(choice, "tool_choice")
        case "allowed_tools":
            listed = enumerate(list_at(choice.get("tools"), "tool_choice.tools"))
            tools = [_named(tool, f"tool_choice.tools[{index}]") for index, tool in listed]
            return {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode"), "tools": list[Json](tools)}}
        case _:
            raise refuse("tool_choice.type", advice="give none, auto, required, a function or allowed_tools")


def _named(value: Json, place: str) -> JsonObject:
    tool = object_at(value, place)
    if tool.get("type") != "function":
        raise refuse(f"{place}.type", advice="only `function` is carried")
    return {"type": "function", "function": {"name": text_at(tool, "name", place)}}


def _add_included(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    for index, name in enumerate(list_at(said.get("include", []), "include")):
        if name == LOGPROBS:
            chat["logprobs"] = True
        elif isinstance(name, str) and name in INCLUDES:
            lossy.leave_out(f"include.{name}")
        else:
            raise refuse(f"include[{index}]", advice=f"of what can be included only {LOGPROBS} is carried")
    if said.get("top_logprobs", 0) != 0:
        chat["logprobs"] = True
        chat["top_logprobs"] = said["top_logprobs"]


def _add_stream_options(chat: JsonObject, said: JsonObject) -> None:
    if "stream_options" not in said:
        return
    options = object_at(said["stream_options"], "stream_options")
    for name in options:
        if name != "include_obfuscation":
            raise refuse(f"stream_options.{name}")
    if options:
        chat["stream_options"] = options


def _check_store(said: JsonObject, lossy: Lossy) -> None:
    """Stored is a result, for a day, and not what was asked. Who says nothing is told; who insists is refused."""
    if said.get("store", False) is not False:
        raise refuse("store", advice="send false: a response can be fetched for a day, and what was asked is not kept")
    if "store" not in said:
        lossy.leave_out("store")
