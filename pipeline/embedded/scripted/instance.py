"""A document that satisfies a JSON Schema, for the schemas that people write for language models.

It follows local references, takes the first branch of `anyOf` and `oneOf`, joins `allOf`, fills every property, and
knows bounds, lengths, formats, `enum` and `const`. It does not solve `pattern`, `not` or conditionals.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["instance_of"]

_DEPTH = 12
_FORMATS = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T09:26:53Z",
    "time": "09:26:53Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "6f2c1c2e-5b1d-4b43-9d2c-0f7a51a3c9de",
    "ipv4": "192.0.2.1",
}


class _Maker:
    def __init__(self, root: Mapping[str, Any], draw: int, words: Sequence[str]) -> None:
        self._root = root
        self._draw = draw
        self._words = words or ("something",)

    def _next(self, below: int) -> int:
        self._draw = (self._draw * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._draw >> 33) % below

    def make(self, schema: Any, depth: int = 0) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEPTH:
            return self._words[self._next(len(self._words))] if schema is True else None
        schema = self._plain(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._next(len(schema["enum"]))]
        kind = _kind(schema)
        makers: dict[str, Callable[[Mapping[str, Any], int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda _schema, _depth: self._next(2) == 0,
        }
        return makers[kind](schema, depth) if kind in makers else None

    def _plain(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Resolve a local reference and merge the combinators into one flat schema."""
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                break
            schema = {**self._resolve(reference), **{name: value for name, value in schema.items() if name != "$ref"}}
        for part in schema.get("allOf", ()):
            schema = _joined(schema, self._plain(part))
        branch = next(iter(schema.get("anyOf") or schema.get("oneOf") or ()), None)
        return _joined(schema, self._plain(branch)) if isinstance(branch, Mapping) else schema

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        place: Any = self._root
        for step in reference.lstrip("#/").split("/"):
            if step:
                place = place.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(place, Mapping) else {}
        return place if isinstance(place, Mapping) else {}

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        names = dict.fromkeys((*schema.get("properties", {}), *schema.get("required", ())))
        return {name: self.make(schema.get("properties", {}).get(name, True), depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = [self.make(item, depth + 1) for item in schema.get("prefixItems", ())]
        wanted = min(max(int(schema.get("minItems", 1)), len(first)), int(schema.get("maxItems", 64)))
        items = schema.get("items", True)
        return [*first, *(self.make(items, depth + 1) for _ in range(wanted - len(first)))]

    def _string(self, schema: Mapping[str, Any], _depth: int) -> str:
        text = _FORMATS.get(schema.get("format", "")) or self._words[self._next(len(self._words))]
        least = int(schema.get("minLength", 0))
        return (text + "x" * max(0, least - len(text)))[: int(schema.get("maxLength", 4096))]

    def _integer(self, schema: Mapping[str, Any], _depth: int) -> int:
        low, high = _bounds(schema, 1)
        step = max(1, int(schema.get("multipleOf", 1)))
        first = -(-int(low) // step) * step
        return first + self._next(max(1, (int(high) - first) // step + 1)) * step

    def _number(self, schema: Mapping[str, Any], depth: int) -> float:
        if "multipleOf" in schema and schema["multipleOf"] >= 1:
            return self._integer(schema, depth)
        low, high = _bounds(schema, 0.001)
        return min(max(round(low + (high - low) * self._next(997) / 997, 2), low), high)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        named = {"properties": "object", "required": "object", "items": "array", "minLength": "string"}
        kind = next((named[word] for word in schema if word in named), "string")
    return str(kind)


def _bounds(schema: Mapping[str, Any], above: float) -> tuple[float, float]:
    low = schema.get("minimum", schema["exclusiveMinimum"] + above if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema["exclusiveMaximum"] - above if "exclusiveMaximum" in schema else None)
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100
    return low, low + 100 if high is None else high


def _joined(schema: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    joined = {name: value for name, value in schema.items() if name not in ("allOf", "anyOf", "oneOf")}
    for name, value in other.items():
        if name == "properties":
            joined[name] = {**joined.get(name, {}), **value}
        elif name == "required":
            joined[name] = [*joined.get(name, ()), *value]
        else:
            joined.setdefault(name, value)
    return joined


def instance_of(schema: Mapping[str, Any], draw: int, words: Sequence[str]) -> Any:
    """Make a document for `schema`; choices depend on `draw`, free strings are taken from `words`."""
    return _Maker(schema, draw, words).make(schema)
