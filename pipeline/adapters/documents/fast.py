"""The faster validator, for schemas on which it is known to come to the verdict of the reference.

`jsonschema` is the reference. `jsonschema-rs` agrees with it on every test of the public suite for the keywords that
are let through here; what a schema uses beside them stays with the reference. It has no limit of its own, so only
schemas come here whose references end, and lead to a bounded number of places; and only documents of a size that those
places can be held against in time.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema_rs
import orjson

from pipeline.adapters.documents.budget import nodes
from pipeline.contracts import Json

__all__ = ["faster"]

MOST_PLACES: Final = 2000
"""Subschemas that a document may meet when every reference is written out."""
MOST_WORK: Final = 5_000_000
"""Places times values of a document; a tenth of a second."""
MOST_PATTERN: Final = 200
"""Characters of a regular expression that is left to the other engine."""

_LEFT_TO_REFERENCE: Final = frozenset({
    "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$id", "id", "$anchor", "$vocabulary",
    "dependencies", "contentEncoding", "contentMediaType", "contentSchema",
})  # fmt: skip
_PLAIN: Final = re.compile(
    r"(?:[\w \-/@:,;=#%&~'\"<>!.^$+*?|()]|\\[dDwW.\-/+*?()\[\]{}|^$\\]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}"
    r"|\[\^?(?:[\w \-.@/:,+%#]|\\[dw.\-])+\])*",
    re.ASCII,
)
"""Regular expressions that mean the same to both engines."""
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_SINGLE: Final = frozenset({
    "items", "additionalItems", "prefixItems", "contains", "additionalProperties", "propertyNames", "if", "then",
    "else", "not", "allOf", "anyOf", "oneOf", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip


def faster(schema: Any, dialect: str) -> Callable[[Json], bool | None] | None:
    """Whether a document satisfies `schema`, as a function; None: only the reference may say.

    The function gives None for a document that is too large for it.
    """
    places = _may(schema) if isinstance(schema, dict) else None
    if places is None:
        return None
    try:
        validator = jsonschema_rs.validator_for(
            {"$schema": dialect, **schema},
            validate_formats=False,
            pattern_options=jsonschema_rs.RegexOptions(),
            offline=True,
        )
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return None
    most = MOST_WORK // places

    def satisfied(document: Json) -> bool | None:
        if not _within(document, most):
            return None
        try:
            return validator.is_valid(document)
        except ValueError:  # deeper than it goes
            return None

    return satisfied


def _within(document: Json, most: int) -> bool:
    """Whether a document has no more than `most` values. Its length tells that of most, at once."""
    try:
        if len(orjson.dumps(document)) <= most:
            return True
    except orjson.JSONEncodeError:  # a number that is no JSON of ours
        pass
    return nodes(document, most) <= most


def _may(schema: dict[str, Any]) -> int | None:
    """The places that a document may meet, if the faster validator is to be trusted with them."""
    try:
        if not all(_known(each) for each in _subschemas(schema)):
            return None
        places = _places(schema, schema, (), {})
    except (_TooMany, LookupError, ValueError, TypeError, RecursionError):
        return None
    return places if places <= MOST_PLACES else None


class _TooMany(Exception):
    """The references turn in a circle, point to no subschema, or lead to more than are counted."""


def _subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """`schema` and everything beneath it that is a schema."""
    if not isinstance(schema, dict):
        return
    yield schema
    for inner in _inner(schema, definitions=True):
        yield from _subschemas(inner)


def _inner(schema: dict[str, Any], *, definitions: bool) -> Iterator[Any]:
    for name, value in schema.items():
        if name in _MAPS and isinstance(value, dict) and (definitions or name not in ("$defs", "definitions")):
            yield from value.values()
        elif name in _SINGLE:
            yield from value if isinstance(value, list) else (value,)


def _known(schema: dict[str, Any]) -> bool:
    if not _LEFT_TO_REFERENCE.isdisjoint(schema):
        return False
    multiple = schema.get("multipleOf")
    if isinstance(multiple, float):
        return False  # the two do not round alike
    names = schema.get("patternProperties")
    patterns = [*(names if isinstance(names, dict) else ()), schema.get("pattern", "")]
    return all(
        isinstance(each, str) and len(each) <= MOST_PATTERN and _PLAIN.fullmatch(each) is not None for each in patterns
    )


def _places(schema: Any, root: dict[str, Any], path: tuple[str, ...], known: dict[str, int]) -> int:
    """Subschemas that are met from `schema` on, references written out."""
    if not isinstance(schema, dict):
        return 1
    count = 1 + sum(_places(inner, root, path, known) for inner in _inner(schema, definitions=False))
    reference = schema.get("$ref")
    if reference is None:
        return count
    if reference in path or not isinstance(reference, str):
        raise _TooMany
    if reference not in known:
        known[reference] = _places(_target(root, reference), root, (*path, reference), known)
    if count + known[reference] > MOST_PLACES:
        raise _TooMany
    return count + known[reference]


def _target(root: dict[str, Any], reference: str) -> Any:
    marker, where, name = reference.split("/")
    if marker != "#" or where not in ("$defs", "definitions") or "%" in name:
        raise _TooMany
    return root[where][name.replace("~1", "/").replace("~0", "~")]
