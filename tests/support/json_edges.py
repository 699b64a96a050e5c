"""The two validators as two functions, and the edges where they may differ (docs/adr/0005-json-at-the-edges.md)."""

from functools import cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from pipeline.schemas import MESSAGES, schema_of

DEEPEST = 150
"""Levels of nesting that every reader takes. Pydantic's parser ends near 200, a schema knows no such limit."""


@cache
def validator(message: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema_of(message))
    return Draft202012Validator(schema_of(message))


def accepted_by_pydantic(message: str, body: bytes) -> bool:
    try:
        MESSAGES[message].model_validate_json(body)
    except ValidationError:
        return False
    return True


def accepted_by_schema(message: str, body: bytes) -> bool:
    """A strict reader of JSON (no NaN, no lone surrogates), then the schema."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return bool(validator(message).is_valid(document))


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0
