"""What the form of an answer tells: its schema, its required fields, and how it ended. Pure."""

from collections.abc import Iterator
from typing import Final

from pipeline.confidence.signals.seen import Seen
from pipeline.contracts import Json

__all__ = ["NAMES", "signals"]

NAMES: Final = ("schema_ok", "unrepaired", "coverage", "answered", "finished", "cut_off")

_STATES: Final = {"none": None, "valid": 1.0, "repaired": 0.5, "invalid": 0.0}
_ENDS: Final = {
    "stop": 1.0,
    "tool_calls": 1.0,
    "function_call": 1.0,
    "end_turn": 1.0,
    "length": 0.0,
    "max_tokens": 0.0,
    "content_filter": 0.0,
}
_HOLDS: Final = (dict, list)
_DEEPEST: Final = 4
_MOST: Final = 256


def signals(seen: Seen) -> dict[str, float | None]:
    """How the answer stands to its schema and how it ended."""
    held = seen.has_document and seen.schema is not None
    return {
        "schema_ok": _STATES[seen.schema_state],
        "unrepaired": 1.0 / (1 + len(seen.repairs)) if seen.has_document else None,
        "coverage": _coverage(seen) if held else None,
        "answered": float(bool(seen.tool_calls) or bool(seen.text.strip())),
        "finished": _ENDS.get(seen.finish_reason) if seen.finish_reason is not None else None,
        "cut_off": float(seen.finish_reason == "length"),
    }


def _coverage(seen: Seen) -> float | None:
    """The share of required fields that are there and not blank; None: none is required."""
    found = list(_required(seen.schema, seen.document, _DEEPEST))
    return sum(found) / len(found) if found else None


def _required(schema: Json, document: Json, depth: int) -> Iterator[bool]:
    if depth == 0 or not isinstance(schema, dict):
        return
    if isinstance(document, list):
        for item in document[:_MOST]:
            yield from _required(schema.get("items"), item, depth - 1)
        return
    if not isinstance(document, dict):
        return
    names = schema.get("required")
    for name in names[:_MOST] if isinstance(names, list) else ():
        yield isinstance(name, str) and not _blank(document.get(name))
    parts = schema.get("properties")
    for name, part in list(parts.items())[:_MOST] if isinstance(parts, dict) else ():
        inner = document.get(name)
        if isinstance(inner, _HOLDS):
            yield from _required(part, inner, depth - 1)


def _blank(value: Json) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or value in ([], {})
