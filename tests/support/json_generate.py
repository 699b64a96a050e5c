"""Values that follow a schema, for the part of JSON Schema that our rendered schemas use. Anything else raises."""

from typing import Any

from hypothesis import strategies as st

__all__ = ["JSON", "values_of"]

Schema = dict[str, Any]

_NOTES = {"$schema", "$id", "$defs", "title", "description", "default", "discriminator"}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def values_of(schema: Schema, root: Schema | None = None) -> st.SearchStrategy[Any]:
    """A strategy for what `schema` accepts. `oneOf` beside other keywords is only filtered by whoever validates."""
    root = schema if root is None else root
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return st.deferred(lambda: values_of(root["$defs"][name], root))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        choices = schema.get("anyOf") or schema.get("oneOf")
        return st.one_of([values_of(choice, root) for choice in choices]) if choices else _anything(schema)
    return _OF_TYPE[schema["type"]](schema, root)


def _anything(schema: Schema) -> st.SearchStrategy[Any]:
    assert set(schema) <= _NOTES, schema
    return JSON


def _object(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    known = {name: values_of(inner, root) for name, inner in schema.get("properties", {}).items()}
    required = {name: known[name] for name in schema.get("required", ())}
    optional = {name: value for name, value in known.items() if name not in required}
    fixed = st.fixed_dictionaries(required, optional=optional)
    rest = schema.get("additionalProperties", False)
    if rest is False:
        return fixed
    most = schema.get("maxProperties", 3)
    names = st.text(max_size=6).filter(lambda name: name not in known)
    more = st.dictionaries(names, values_of({} if rest is True else rest, root), max_size=min(most, 3))
    return st.builds(lambda a, b: a | b, fixed, more)


def _array(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(values_of(item, root) for item in schema["prefixItems"])).map(list)
    most = min(schema.get("maxItems", 3), 3)
    return st.lists(values_of(schema["items"], root), min_size=schema.get("minItems", 0), max_size=most)


def _string(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"]).filter(lambda text: "\n" not in text)
    return st.text(max_size=min(schema.get("maxLength", 20), 20))


def _integer(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    whole = st.integers(schema["minimum"], schema["maximum"])
    return whole | whole.filter(lambda number: float(number) == number).map(float)


def _number(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    above = schema.get("exclusiveMinimum")
    low = schema.get("minimum", above)
    return st.floats(low, schema.get("maximum"), exclude_min=above is not None, allow_nan=False, allow_infinity=False)


_OF_TYPE = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda schema, root: st.booleans(),
    "null": lambda schema, root: st.none(),
}
