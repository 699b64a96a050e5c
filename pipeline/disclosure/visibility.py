"""Which fields of a request a provider sees. What it may not see is left out, or the target is not called at all.

Whether a field can be left out is decided in `policy.models`: without its messages, tools or schema a request would be
another one, and then the residency decision denies the target (`visibility:<provider>`). Who asked can be left out.
"""

from collections.abc import Callable, Collection
from typing import Final

from pipeline.contracts import Message, Request, Shielded

__all__ = ["neutral_ids", "trimmed"]

_WHO: Final = ("user", "session", "metadata")


def trimmed(request: Request, seen: Collection[str]) -> tuple[Request, tuple[Shielded, ...]]:
    """The request without the optional fields that are not in `seen`, and what was left out, by field and count."""
    left_out = {name: 1 for name in _WHO if name not in seen and getattr(request, name)}
    changes: dict[str, object] = {name: {} if name == "metadata" else None for name in left_out}
    named = 0 if "names" in seen else sum(message.name is not None for message in request.messages)
    if named:
        left_out["names"] = named
        changes["messages"] = tuple(message.model_copy(update={"name": None}) for message in request.messages)
    if not left_out:
        return request, ()
    shielded = tuple(Shielded(action="omit", what=name, count=left_out[name]) for name in sorted(left_out))
    return request.model_copy(update=changes), shielded


def neutral_ids(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with the ids of tool calls numbered anew: what a caller wrote into them is nobody's business."""
    numbers: dict[str, str] = {}

    def neutral(old: str) -> str:
        return numbers.setdefault(old, f"call_{len(numbers) + 1}")

    return tuple(_with_ids(message, neutral) for message in messages) if any(map(_has_ids, messages)) else messages


def _has_ids(message: Message) -> bool:
    return bool(message.tool_calls) or message.tool_call_id is not None


def _with_ids(message: Message, neutral: Callable[[str], str]) -> Message:
    if not _has_ids(message):
        return message
    calls = message.tool_calls
    return message.model_copy(
        update={
            "tool_calls": calls and tuple(call.model_copy(update={"id": neutral(call.id)}) for call in calls),
            "tool_call_id": None if message.tool_call_id is None else neutral(message.tool_call_id),
        }
    )
