"""The response schema of a request: taken when it is sound and small, and compiled once for all that send the same."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import jsonschema
import orjson
import regex
from jsonschema import validators
from jsonschema_specifications import REGISTRY
from referencing import Resource
from referencing.exceptions import NoSuchResource, PointerToNowhere, Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from pipeline.adapters.documents.fast import faster
from pipeline.adapters.documents.keywords import TooComplex, bounded, compiled, counting
from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest

__all__ = ["LARGEST_SCHEMA", "MOST_PROBLEMS", "check_schema", "problems", "reference"]

LARGEST_SCHEMA: Final = 65_536
"""Bytes of a schema in canonical form."""
DEEPEST_SCHEMA: Final = 64
"""Levels of nesting."""
MOST_PROBLEMS: Final = 5
"""Problems that are told of one document."""

_DEFAULT: Final = jsonschema.Draft202012Validator
_NO_FORMATS: Final = jsonschema.FormatChecker(formats=())
"""Patterns are compiled on our own engine, which knows more of their language than `re`."""
_PLAIN_PATTERN: Final = re.compile(r"\^?[\w .\-/]*\$?")


def check_schema(schema: JsonObject | bool) -> None:
    """See whether documents can be held against `schema`.

    Raises:
        InvalidRequest: it is no JSON Schema, too large, too deep, or refers to something outside of itself.
    """
    _validator(_canonical(schema))


def problems(schema: JsonObject | bool, document: Json) -> tuple[str, ...]:
    """What keeps `document` from satisfying `schema`: places in the schema, never text of the document.

    Raises:
        InvalidRequest: as `check_schema`.
    """
    validator, fast = _validator(_canonical(schema))
    if fast is not None and fast(document):
        return ()
    counting()
    try:
        if fast is None and validator.is_valid(document):
            return ()
        counting()
        return tuple(dict.fromkeys(_places(validator, document)))
    except TooComplex:
        return ("the schema is too complex for this document",)
    except RecursionError:
        return ("the schema or the document is too deep",)
    except Unresolvable:
        return ("the schema refers to something outside of itself",)


def reference(schema: JsonObject | bool, document: Json) -> bool:
    """What the reference says about `document`, without the faster validator; for comparisons.

    Raises:
        InvalidRequest: as `check_schema`.
    """
    validator, _ = _validator(_canonical(schema))
    counting()
    return bool(validator.is_valid(document))


def _places(validator: Any, document: Json) -> Iterator[str]:
    for count, error in enumerate(validator.iter_errors(document)):
        if count >= MOST_PROBLEMS:
            return
        yield "/".join(str(step) for step in error.absolute_schema_path) or "false"


def _canonical(schema: JsonObject | bool) -> bytes:
    try:
        canonical = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise _invalid("it is nested too deeply or holds a value that JSON cannot say") from None
    if len(canonical) > LARGEST_SCHEMA:
        raise _invalid(f"it has {len(canonical)} bytes and may have {LARGEST_SCHEMA}")
    return canonical


@lru_cache(maxsize=512)
def _validator(canonical: bytes) -> tuple[Any, Callable[[Json], bool] | None]:
    """The reference, bounded, and the faster one where that may say what satisfies the schema."""
    schema = orjson.loads(canonical)
    if _depth(schema) > DEEPEST_SCHEMA:
        raise _invalid(f"it is nested deeper than {DEEPEST_SCHEMA} levels")
    kind = _dialect(schema)
    try:
        kind.check_schema(schema, format_checker=_NO_FORMATS)
    except jsonschema.SchemaError as error:
        place = "/".join(str(step) for step in error.absolute_path)
        raise _invalid(f"it is no JSON Schema, see {place or 'its root'}") from None
    _check_inside(schema, kind)
    return bounded(kind)(schema, registry=REGISTRY), faster(schema, kind.ID_OF(kind.META_SCHEMA))


def _dialect(schema: Any) -> Any:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        return _DEFAULT
    unknown: Any = None
    kind = validators.validator_for(schema, default=unknown)
    if kind is unknown:
        raise _invalid("its $schema names a dialect that is not known here")
    return kind


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _check_inside(schema: Any, kind: Any) -> None:
    """Follow every reference and compile every pattern once, so that none of them surprises a paid answer."""
    root: Resource[Any] = _specification(kind).create_resource(schema)
    identity = root.id() or ""
    resolver = REGISTRY.with_resource(identity, root).resolver(identity)
    unevaluated = b'"unevaluatedProperties"' in orjson.dumps(schema)
    for contents, place in _subschemas(root, resolver):
        _check_references(contents, place)
        _check_patterns(contents, plain_names=unevaluated)


def _specification(kind: Any) -> Any:
    return specification_with(str(kind.ID_OF(kind.META_SCHEMA)), default=DRAFT202012)


def _subschemas(resource: Resource[Any], resolver: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(resource.contents, dict):
        yield resource.contents, resolver
    for inner in resource.subresources():
        if not isinstance(inner.contents, dict):  # `dependencies` of old dialects holds lists too
            continue
        yield from _subschemas(inner, resolver.in_subresource(inner))


def _check_references(contents: dict[str, Any], resolver: Any) -> None:
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        reference = contents.get(name)
        if not isinstance(reference, str):
            continue
        try:
            resolver.lookup(reference)
        except (NoSuchResource, PointerToNowhere, Unresolvable):
            raise _invalid("a $ref in it points to nothing inside it, and nothing outside is fetched") from None


def _check_patterns(contents: dict[str, Any], *, plain_names: bool) -> None:
    """Compile the patterns. Beside `unevaluatedProperties` those of names run without a time limit: only plain ones."""
    names = contents.get("patternProperties")
    patterns = [*(names if isinstance(names, dict) else ()), contents.get("pattern")]
    for pattern in patterns:
        if not isinstance(pattern, str):
            continue
        try:
            compiled(pattern)
        except regex.error:
            raise _invalid("a pattern in it is no regular expression") from None
    if plain_names and isinstance(names, dict) and not all(_PLAIN_PATTERN.fullmatch(name) for name in names):
        raise _invalid("beside unevaluatedProperties, patternProperties may only name a plain start or end")


def _invalid(what: str) -> InvalidRequest:
    return InvalidRequest(f"response_schema cannot be used: {what}", param="response_schema")
