"""The body of `/v1/messages` as that of a chat completion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.messages_api.blocks import Conversation
from pipeline.gateway.messages_api.fields import CHOICE, FORMAT, METADATA, OUTPUT, REQUEST, TOOL
from pipeline.gateway.parameters import refuse
from pipeline.gateway.translation import Lossy, Places, Translated, list_at, object_at, text_at

__all__ = ["VERSIONS", "Question", "to_chat"]

VERSIONS: Final = ("2023-06-01", "2026-10-21")
"""Versions of Anthropic's API. What differs is what it refuses: the later one knows no `temperature`, `top_p` and
`top_k`, which are carried here all the same, since there are models behind this door that heed them."""
_SAME: Final[tuple[str, ...]] = (
    "max_tokens", "model", "provider", "stepwell", "stream", "temperature", "top_k", "top_p",
)  # fmt: skip
"""Fields that a chat completion has under the same name, with the same meaning."""
_NAMES: Final = {
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "reasoning_effort": "output_config.effort",
    "response_format": "output_config.format",
    "response_format.json_schema": "output_config.format",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
}
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}


@dataclass(frozen=True, slots=True)
class Question(Translated):
    """What was asked.

    Attributes:
        thinking: thoughts are shown.
    """

    thinking: bool


def to_chat(fields: JsonObject, headers: Mapping[str, str], *, counted: bool = False) -> Question:
    """Translate a body; the reader of chat completions looks at the values.

    Args:
        fields: the body.
        headers: those of the request; the version and betas of the API stand there.
        counted: only its size is asked for, so that it needs no `max_tokens`.

    Raises:
        InvalidRequest: the body is not as the API has it; names the field.
        UnsupportedParameter: it asks for something that is not carried.
    """
    lossy = Lossy()
    _check_headers(headers, lossy)
    said = REQUEST.given(fields, lossy)
    for name in ("messages",) if counted else ("messages", "max_tokens"):
        if name not in said:
            raise InvalidRequest(f"{name} is missing", param=name)
    conversation = Conversation(lossy)
    if "system" in said:
        conversation.instruct(said["system"])
    conversation.read(said["messages"])
    chat: JsonObject = {name: said[name] for name in _SAME if name in said}
    chat["messages"] = conversation.messages
    if "stop_sequences" in said:
        _add_stop(chat, said["stop_sequences"], lossy)
    if "metadata" in said:
        metadata = METADATA.given(object_at(said["metadata"], "metadata"), lossy, "metadata")
        chat.update({"user": metadata["user_id"]} if "user_id" in metadata else {})
    _add_output(chat, said, lossy)
    _add_tools(chat, said, lossy)
    thinking = _add_thinking(chat, said)
    return Question(chat, lossy, Places(_NAMES, conversation.places), thinking)


def _check_headers(headers: Mapping[str, str], lossy: Lossy) -> None:
    if headers.get("anthropic-version", VERSIONS[0]) not in VERSIONS:
        known = " or ".join(VERSIONS)
        raise InvalidRequest(f"the header anthropic-version must be {known}", param="anthropic-version")
    if headers.get("anthropic-beta"):
        lossy.leave_out("anthropic-beta")


def _add_stop(chat: JsonObject, value: Json, lossy: Lossy) -> None:
    """Where to stop. At which of the texts it was is not known afterwards, which is said."""
    if list_at(value, "stop_sequences"):
        chat["stop"] = value
        lossy.leave_out("stop_sequence")


def _add_output(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    if "output_config" not in said:
        return
    output = OUTPUT.given(object_at(said["output_config"], "output_config"), lossy, "output_config")
    if "effort" in output:
        chat["reasoning_effort"] = output["effort"]
    if "format" not in output:
        return
    wanted = FORMAT.given(object_at(output["format"], "output_config.format"), lossy, "output_config.format")
    if wanted.get("type") != "json_schema":
        raise refuse("output_config.format.type", advice="give json_schema")
    schema = object_at(wanted.get("schema"), "output_config.format.schema")
    chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}


def _add_tools(chat: JsonObject, said: JsonObject, lossy: Lossy) -> None:
    tools = [_tool(tool, index, lossy) for index, tool in enumerate(list_at(said.get("tools", []), "tools"))]
    if tools:
        chat["tools"] = tools
    if "tool_choice" not in said:
        return
    choice = CHOICE.given(object_at(said["tool_choice"], "tool_choice"), lossy, "tool_choice")
    kind = choice.get("type")
    if kind == "tool":
        chat["tool_choice"] = {"type": "function", "function": {"name": text_at(choice, "name", "tool_choice")}}
    elif isinstance(kind, str) and kind in _CHOICES:
        chat["tool_choice"] = _CHOICES[kind]
    else:
        raise refuse("tool_choice.type", advice="give auto, any, tool or none")
    alone = choice.get("disable_parallel_tool_use", False)
    if not isinstance(alone, bool):
        here = "tool_choice.disable_parallel_tool_use"
        raise InvalidRequest(f"{here} must be true or false", param=here)
    if alone:
        chat["parallel_tool_calls"] = False


def _tool(value: Json, index: int, lossy: Lossy) -> Json:
    place = f"tools[{index}]"
    tool = object_at(value, place)
    if tool.get("type", "custom") not in (None, "custom"):
        raise refuse(f"{place}.type", advice="only tools of your own are carried; others run at Anthropic alone")
    said = TOOL.given(tool, lossy, place)
    function: JsonObject = {"name": text_at(said, "name", place)}
    function.update({name: said[name] for name in ("description", "strict") if name in said})
    function["parameters"] = object_at(said.get("input_schema"), f"{place}.input_schema")
    return {"type": "function", "function": function}


def _add_thinking(chat: JsonObject, said: JsonObject) -> bool:
    """Whether thoughts are shown. What is asked of thinking goes to targets that take it, as it stands."""
    if "thinking" not in said:
        return False
    thinking = object_at(said["thinking"], "thinking")
    if thinking.get("type") == "disabled":
        return False
    chat["thinking"] = thinking
    return thinking.get("display") != "omitted"
