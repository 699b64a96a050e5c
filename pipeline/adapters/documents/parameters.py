"""The `parameters` of a tool as a JSON Schema: also where its types have the names of Python."""

from typing import Any, Final

from pipeline.contracts import Json

__all__ = ["as_schema"]

_NAMES: Final = {
    "dict": "object", "float": "number", "double": "number", "int": "integer", "long": "integer", "str": "string",
    "bool": "boolean", "list": "array", "tuple": "array", "set": "array", "none": "null", "nonetype": "null",
    "char": "string", "hashmap": "object", "arraylist": "array",
}  # fmt: skip
_KNOWN: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def as_schema(parameters: Json) -> dict[str, Json] | bool:
    """`parameters` with the type names of JSON Schema. What is none is true: every argument is taken."""
    made = _made(parameters)
    return made if isinstance(made, dict) else True


def _made(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_made(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _under(name, value) for name, value in schema.items()}
    types = made.get("type")
    if isinstance(types, str) and types not in _KNOWN:
        lower = types.lower()
        plain = lower if lower in _KNOWN else _NAMES.get(lower)
        if plain is None:
            del made["type"]
        else:
            made["type"] = plain
    return made


def _under(name: str, value: Any) -> Any:
    if name in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
        return {each: _made(inner) for each, inner in value.items()} if isinstance(value, dict) else value
    return value if name in ("enum", "const", "default", "examples", "required", "type") else _made(value)
