"""How many subschemas one and the same value is held against, every reference written out. Counted, never unfolded.

Definitions that use the next one twice double the work with each of them, and a few lines of schema are enough for
more work than there is time. What leads into a part of the value is not counted: that ends with the document.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["MOST_AT_ONCE", "at_once"]

MOST_AT_ONCE: Final = 2000
"""Subschemas for one value, above which a schema is refused."""
_DEEPEST: Final = 150
"""Steps from one to the next without going into the value."""

_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SINGLE: Final = ("not", "if", "then", "else")
_MAPS: Final = ("dependentSchemas", "dependencies")


def at_once(schemas: Sequence[Mapping[str, Any]], targets: Mapping[int, Sequence[Any]]) -> int:
    """The most subschemas that a value is held against at once; above `MOST_AT_ONCE` no further than that is counted.

    Args:
        schemas: all subschemas.
        targets: what the references in each of them lead to, by its `id`.
    """
    known: dict[int, int] = {}
    return max((_weight(each, targets, known, 0) for each in schemas), default=1)


def _weight(schema: Any, targets: Mapping[int, Sequence[Any]], known: dict[int, int], depth: int) -> int:
    if not isinstance(schema, dict):
        return 1
    if id(schema) in known:
        return known[id(schema)]
    too_many = MOST_AT_ONCE + 1
    known[id(schema)] = too_many  # whoever comes back here turns in a circle
    if depth > _DEEPEST:
        return too_many
    count = 1
    for inner in (*_in_place(schema), *targets.get(id(schema), ())):
        count = min(too_many, count + _weight(inner, targets, known, depth + 1))
    known[id(schema)] = count
    return count


def _in_place(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in _LISTS:
        inner = schema.get(name)
        yield from inner if isinstance(inner, list) else ()
    for name in _SINGLE:
        if name in schema:
            yield schema[name]
    for name in _MAPS:
        inner = schema.get(name)
        yield from inner.values() if isinstance(inner, dict) else ()
