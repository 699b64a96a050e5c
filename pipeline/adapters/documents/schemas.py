"""The response schema of a request: taken when it is sound and small, and compiled once for all that send the same."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
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

from pipeline.adapters.documents.budget import TooComplex, begin
from pipeline.adapters.documents.fast import faster
from pipeline.adapters.documents.intricate import MOST_AT_ONCE, at_once
from pipeline.adapters.documents.keywords import bounded, compiled
from pipeline.adapters.documents.meta import fault
from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest

__all__ = ["LARGEST_SCHEMA", "MOST_PROBLEMS", "TOO_LARGE", "check_schema", "problems", "reference"]

LARGEST_SCHEMA: Final = 65_536
"""Bytes of a schema in canonical form."""
DEEPEST_SCHEMA: Final = 64
"""Levels of nesting."""
MOST_PROBLEMS: Final = 5
"""Problems that are told of one document."""
MOST_OF_PATTERNS: Final = 16_384
"""Characters of all regular expressions in a schema; compiling them takes time as well."""

TOO_LARGE: Final = "too large to validate"
"""What is told of a document that takes more work than it is given."""

_DEFAULT: Final = jsonschema.Draft202012Validator
_NAMING: Final = re.compile(rb'"(?:\$?id|\$(?:dynamic|recursive)?Anchor|\$anchor)":')
"""Keywords by which references find a subschema otherwise than by its place."""
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
    satisfied = fast(document) if fast is not None else None
    if satisfied:
        return ()
    begin()
    try:
        return tuple(dict.fromkeys(_places(validator, document)))
    except TooComplex:
        return ("where is not told of a document this large" if satisfied is False else TOO_LARGE,)
    except RecursionError:
        return ("the document is too deep",)
    except Unresolvable:
        return ("the schema refers to something outside of itself",)


def reference(schema: JsonObject | bool, document: Json) -> bool:
    """What the reference says about `document`, without the faster validator; for comparisons.

    Raises:
        InvalidRequest: as `check_schema`.
    """
    validator, _ = _validator(_canonical(schema))
    begin()
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
def _validator(canonical: bytes) -> tuple[Any, Callable[[Json], bool | None] | None]:
    """The reference, bounded, and the faster one where that may say what satisfies the schema."""
    schema = orjson.loads(canonical)
    if _depth(schema) > DEEPEST_SCHEMA:
        raise _invalid(f"it is nested deeper than {DEEPEST_SCHEMA} levels")
    kind = _dialect(schema)
    place = fault(schema, kind)
    if place is not None:
        raise _invalid(f"it is no JSON Schema, see {place}")
    resolver = _check_inside(schema, kind)
    return bounded(kind)(schema, registry=REGISTRY, _resolver=resolver), faster(schema, kind.ID_OF(kind.META_SCHEMA))


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


def _check_inside(schema: Any, kind: Any) -> Any:
    """Follow every reference and compile every pattern once, so that none of them surprises a paid answer.

    What comes back finds the targets of references, and has looked for all anchors already.
    """
    root: Resource[Any] = _specification(kind).create_resource(schema)
    identity = root.id() or ""
    registry, text = REGISTRY.with_resource(identity, root), orjson.dumps(schema)
    if _NAMING.search(text) is not None:
        with suppress(AttributeError):  # `dependencies` of old dialects holds lists, which the library cannot look into
            registry = registry.crawl()  # once, and not with every reference that is followed
    resolver = registry.resolver(identity)
    unevaluated = b'"unevaluatedProperties"' in text
    every: list[dict[str, Any]] = []
    targets: dict[int, list[Any]] = {}
    length = 0
    for contents, place in _subschemas(root, resolver):
        every.append(contents)
        targets[id(contents)] = _referred(contents, place)
        length += _length_of_patterns(contents)
        if length > MOST_OF_PATTERNS:
            raise _invalid(f"its patterns have more than {MOST_OF_PATTERNS} characters together; shorten them")
        _check_patterns(contents, plain_names=unevaluated)
    if at_once(every, targets) > MOST_AT_ONCE:
        raise _invalid(
            f"it is too intricate, since one value would be held against more than {MOST_AT_ONCE} subschemas; "
            "use every $ref once in anyOf, oneOf and allOf, and let none lead back to itself"
        )
    return resolver


def _specification(kind: Any) -> Any:
    return specification_with(str(kind.ID_OF(kind.META_SCHEMA)), default=DRAFT202012)


def _subschemas(resource: Resource[Any], resolver: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(resource.contents, dict):
        yield resource.contents, resolver
    for inner in resource.subresources():
        if not isinstance(inner.contents, dict):  # `dependencies` of old dialects holds lists too
            continue
        yield from _subschemas(inner, resolver.in_subresource(inner))


def _referred(contents: dict[str, Any], resolver: Any) -> list[Any]:
    """What the references of one subschema lead to."""
    found = []
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        reference = contents.get(name)
        if not isinstance(reference, str):
            continue
        try:
            found.append(resolver.lookup(reference).contents)
        except (NoSuchResource, PointerToNowhere, Unresolvable, AttributeError):
            raise _invalid("a $ref in it points to nothing inside it, and nothing outside is fetched") from None
    return found


def _length_of_patterns(contents: dict[str, Any]) -> int:
    names, pattern = contents.get("patternProperties"), contents.get("pattern")
    names = names if isinstance(names, dict) else {}
    return sum(map(len, names)) + (len(pattern) if isinstance(pattern, str) else 0)


def _check_patterns(contents: dict[str, Any], *, plain_names: bool) -> None:
    """Compile the patterns. Beside `unevaluatedProperties` those of names run without a time limit: only plain ones."""
    names = contents.get("patternProperties")
    patterns = [*(names if isinstance(names, dict) else ()), contents.get("pattern")]
    for pattern in patterns:
        if not isinstance(pattern, str):
            continue
        try:
            compiled(pattern)
        except (regex.error, RecursionError, OverflowError, MemoryError, ValueError):
            raise _invalid("a pattern in it is no regular expression, or too deep a one") from None
    if plain_names and isinstance(names, dict) and not all(_PLAIN_PATTERN.fullmatch(name) for name in names):
        raise _invalid("beside unevaluatedProperties, patternProperties may only name a plain start or end")


def _invalid(what: str) -> InvalidRequest:
    return InvalidRequest(f"response_schema cannot be used: {what}", param="response_schema")
