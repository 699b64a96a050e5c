"""Bytes from strangers to one JSON object, or a clean refusal."""

from typing import Final

import orjson

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest

__all__ = ["MAX_DEPTH", "read_object"]

MAX_DEPTH: Final = 100
"""Levels of nesting. Deeper bodies would pass here and break the parsers of the stages behind."""


def read_object(body: bytes) -> JsonObject:
    """Parse a JSON object (RFC 8259: UTF-8, no NaN, no lone surrogates).

    Raises:
        InvalidRequest: it is no JSON, no object, or nested too deeply.
    """
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is no JSON that can be read: {_reason(error)}") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise InvalidRequest(f"the body is nested more than {MAX_DEPTH} levels deep")
    return value


def _reason(error: orjson.JSONDecodeError) -> str:
    return f"{error.msg} (line {error.lineno}, column {error.colno})"


def _deeper_than(value: Json, limit: int) -> bool:
    """Level by level and without recursion, so that depth costs no stack."""
    level: list[Json] = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(value: Json) -> "list[Json]":
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
