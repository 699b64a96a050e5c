"""A document brought to the types that its schema asks for, where nothing is lost by it and every change is told. Pure.

`"5"` where an integer is asked, `"true"` where a truth value is, 5 where a string is, `Red ` where `red` is in the
list, one value where a list of such is asked, JSON text where an object or array is. What already has a type that the
schema permits is left alone, and nothing is rounded, cut or guessed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from pipeline.contracts import Json

__all__ = ["coerced"]

DEEPEST: Final = 64
MOST_STEPS: Final = 200_000
"""Values, and members of lists that they are compared with, that are gone over in one document."""
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.0{1,6})?")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_TRUTHS: Final = {"true": True, "false": False}


def coerced(schema: Any, document: Json) -> tuple[Json, tuple[str, ...]]:
    """`document` with converted values, and what was converted, in words. Call it only where the schema is broken."""
    work = _Coercion(schema)
    made = work.value(schema, document, 0)
    return made, tuple(work.told)


class _Coercion:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.told: dict[str, None] = {}
        self.left = MOST_STEPS

    def value(self, schema: Any, value: Json, depth: int) -> Json:
        """`value` as `schema` asks for it, as far as it can be brought there."""
        self.left -= 1
        schema = self._meant(schema, 0)
        if self.left < 0 or not isinstance(schema, dict) or depth > DEEPEST:
            return value
        value = self._listed(schema, value)
        value = self._typed(schema, value)
        if isinstance(value, dict):
            return {name: self.value(_of(schema, name), inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            items = schema.get("items")
            first = schema.get("prefixItems", items if isinstance(items, list) else [])
            return [
                self.value(first[at] if at < len(first) else items, inner, depth + 1) for at, inner in enumerate(value)
            ]
        return value

    def _meant(self, schema: Any, depth: int) -> Any:
        """The schema itself, behind references and behind a choice between it and null."""
        if not isinstance(schema, dict) or depth > DEEPEST:
            return None
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._meant(_target(self.root, reference), depth + 1)
        for name in ("anyOf", "oneOf"):
            choices = schema.get(name)
            if isinstance(choices, list) and "type" not in schema:
                real = [each for each in choices if not (isinstance(each, dict) and each.get("type") == "null")]
                if len(real) == 1 and len(choices) == 2:
                    inner = self._meant(real[0], depth + 1)
                    return _or_null(inner) if isinstance(inner, dict) else None
        return schema

    def _listed(self, schema: Mapping[str, Any], value: Json) -> Json:
        """The member of a list of permitted values that `value` is up to case and blanks around it."""
        members = schema["enum"] if isinstance(schema.get("enum"), list) else None
        if members is None:
            members = [schema["const"]] if "const" in schema else []
        self.left -= len(members)
        if not members or self.left < 0 or value in members:
            return value
        plain = _plain(value)
        alike = [each for each in members if _plain(each) == plain] if plain is not None else []
        if len(alike) != 1 or isinstance(alike[0], dict | list):
            return value
        self.told["values brought to the spelling of the schema"] = None
        found: Json = alike[0]
        return found

    def _typed(self, schema: Mapping[str, Any], value: Json) -> Json:
        types = schema.get("type")
        wanted = [types] if isinstance(types, str) else types if isinstance(types, list) else []
        if not wanted or any(_is(value, each) for each in wanted):
            return value
        for each in wanted:
            for made in _CONVERSIONS.get(each, _none)(value):
                self.told[f"{_KIND[type(value)]} converted to {each}"] = None
                return made
        if "array" in wanted and value is not None and self._item_fits(schema, value):
            self.told["one value made a list"] = None
            return [value]
        return value

    def _item_fits(self, schema: Mapping[str, Any], value: Json) -> bool:
        items = self._meant(schema.get("items"), 0)
        if not isinstance(items, dict) or "type" not in items:
            return False
        types = items["type"]
        made = self._typed(items, self._listed(items, value)) if not isinstance(value, dict | list) else value
        return any(_is(made, each) for each in ([types] if isinstance(types, str) else types))


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema.get("type")
    return {**schema, "type": [*([types] if isinstance(types, str) else types), "null"]} if types else schema


def _of(schema: Mapping[str, Any], name: str) -> Any:
    named = schema.get("properties")
    if isinstance(named, dict) and name in named:
        return named[name]
    return schema.get("additionalProperties")


def _target(root: Any, reference: str) -> Any:
    if reference == "#":
        return root
    for step in reference.removeprefix("#/").split("/"):
        root = root.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(root, dict) else None
    return root


def _plain(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip().casefold()
    return str(value) if isinstance(value, int) else None


def _is(value: Json, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, _TYPES.get(kind, object))


def _none(_value: Json) -> Iterator[Json]:
    return iter(())


def _to_integer(value: Json) -> Iterator[Json]:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) is not None:
        yield int(value.strip().partition(".")[0])


def _to_number(value: Json) -> Iterator[Json]:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is not None:
        yield json.loads(value.strip())


def _to_boolean(value: Json) -> Iterator[Json]:
    if isinstance(value, str) and value.strip().lower() in _TRUTHS:
        yield _TRUTHS[value.strip().lower()]


def _to_null(value: Json) -> Iterator[Json]:
    if isinstance(value, str) and value.strip().lower() in ("null", "none"):
        yield None


def _to_string(value: Json) -> Iterator[Json]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _to_container(kind: type) -> Callable[[Json], Iterator[Json]]:
    def convert(value: Json) -> Iterator[Json]:
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
            return
        try:
            inner: Any = orjson.loads(value)
        except orjson.JSONDecodeError:
            return
        fits = isinstance(inner, kind)
        if fits:
            yield inner

    return convert


_TYPES: Final[dict[str, Any]] = {"string": str, "boolean": bool, "null": type(None), "object": dict, "array": list}
_KIND: Final[dict[type, str]] = {
    str: "text", int: "integer", float: "number", bool: "truth value", dict: "object", list: "array", type(None): "null"
}  # fmt: skip
_CONVERSIONS: Final[dict[str, Callable[[Json], Iterator[Json]]]] = {
    "integer": _to_integer,
    "number": _to_number,
    "boolean": _to_boolean,
    "null": _to_null,
    "string": _to_string,
    "object": _to_container(dict),
    "array": _to_container(list),
}
