"""Calls of tools held against what the request offers: known by name, arguments that satisfy its parameters. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.adapters.documents import TOO_LARGE, as_schema, check_schema
from pipeline.contracts import AMISS, Json, JsonObject, ToolCall
from pipeline.errors import InvalidRequest
from stages.check.held import hold

__all__ = ["HeldCalls", "hold_calls"]

State = Literal["none", "valid", "repaired", "invalid"]


@dataclass(frozen=True, slots=True)
class HeldCalls:
    """How the calls of an attempt stand to the tools of its request.

    Attributes:
        state: `none`: there is no call, and none had to be.
        calls: with the repaired arguments; None: as they came.
        repairs: what was changed in arguments, in words.
        problems: places in the schemas of the tools, never text of a call.
    """

    state: State = "none"
    calls: tuple[ToolCall, ...] | None = None
    repairs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def hold_calls(
    calls: Sequence[ToolCall],
    tools: Sequence[JsonObject] | None,
    choice: str | JsonObject | None = None,
    *,
    cut_off: bool = False,
    alone: bool = False,
) -> HeldCalls:
    """Hold `calls` against `tools`; `choice` says whether there must be one, may not be, or which.

    `alone`: there may be one at a time.
    """
    offered = {name: function for tool in tools or () if (name := _name(function := _function(tool)))}
    wanted = AMISS["several"] if alone and len(calls) > 1 else _wanted(calls, offered, choice)
    if wanted is not None:
        return HeldCalls("invalid", problems=(wanted,))
    if not calls:
        return HeldCalls()
    made: list[ToolCall] = []
    repairs: dict[str, None] = {}
    found: dict[str, None] = {}
    for call in calls:
        one, told, problems = _held(call, offered, cut_off=cut_off)
        made.append(one)
        repairs |= dict.fromkeys(told)
        found |= dict.fromkeys(problems)
        if any(each.endswith(TOO_LARGE) for each in problems):
            break  # the others would take as long, and one of them is enough
    if found:
        return HeldCalls("invalid", repairs=tuple(repairs), problems=tuple(found)[:5])
    return HeldCalls("repaired", tuple(made), tuple(repairs)) if repairs else HeldCalls("valid")


def _wanted(
    calls: Sequence[ToolCall], offered: Mapping[str, JsonObject], choice: str | JsonObject | None
) -> str | None:
    """What `tool_choice` has against these calls, in words."""
    if not calls:
        return AMISS["missing"] if choice == "required" or isinstance(choice, dict) else None
    if choice == "none":
        return AMISS["unwanted"]
    asked = _name(_function(choice)) if isinstance(choice, dict) else None
    if asked is not None and any(call.function.get("name") != asked for call in calls):
        return AMISS["other"]
    return None if all(call.function.get("name") in offered for call in calls) else AMISS["unknown"]


def _held(
    call: ToolCall, offered: Mapping[str, JsonObject], *, cut_off: bool
) -> tuple[ToolCall, tuple[str, ...], tuple[str, ...]]:
    """The call with its arguments repaired, what was changed, and the places that it breaks."""
    name = str(call.function.get("name"))
    said = call.function.get("arguments")
    text = said if isinstance(said, str) else "{}"
    held = hold(text if text.strip() else "{}", _parameters(offered[name]), cut_off=cut_off)
    if held.state == "invalid":
        return call, held.repairs, tuple(f"tools/{name}/{each}" for each in held.problems)
    if not isinstance(held.parsed, dict):
        return call, held.repairs, (f"tools/{name}/type",)
    if held.state == "valid":
        return call, (), ()
    function: JsonObject = {**call.function, "arguments": held.content}
    return call.model_copy(update={"function": function}), held.repairs, ()


def _parameters(function: JsonObject) -> JsonObject | bool:
    """The schema of the arguments; a schema that cannot be used takes every object, since the caller's tool decides."""
    schema = as_schema(function.get("parameters"))
    try:
        check_schema(schema)
    except InvalidRequest:
        return {"type": "object"}
    return schema


def _function(tool: Json) -> JsonObject:
    inner = tool.get("function") if isinstance(tool, dict) else None
    return inner if isinstance(inner, dict) else tool if isinstance(tool, dict) else {}


def _name(function: JsonObject) -> str | None:
    name = function.get("name")
    return name if isinstance(name, str) else None
