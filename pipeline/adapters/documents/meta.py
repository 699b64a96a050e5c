"""Whether a schema is one by the rules of its dialect, and if not, where; without a name out of it."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from pipeline.adapters.documents.budget import TooComplex, begin
from pipeline.adapters.documents.keywords import bounded

__all__ = ["fault"]

_MAPS: Final = frozenset({
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies", "dependentRequired",
})  # fmt: skip
"""Keywords whose members have names of the caller's choice."""


def fault(schema: Any, kind: Any) -> str | None:
    """The place at which `schema` is none of the dialect `kind`, with an asterisk for every name in it; None: it is.

    What is told of a fault goes to records that are kept, and names of properties are a part of the request.
    """
    fast = _of_dialect(kind)
    if fast is not None:
        error = next(iter(fast.iter_errors(schema)), None)
        return None if error is None else _told(error.instance_path, kind)
    begin()
    try:
        first = next(bounded(kind)(kind.META_SCHEMA).iter_errors(schema), None)
    except TooComplex:
        return "its size: it is too large for its dialect"
    return None if first is None else _told(first.absolute_path, kind)


@lru_cache(maxsize=16)
def _of_dialect(kind: Any) -> Any:
    """The faster validator with the rules of the dialect; None: it does not know that one.

    Formats are left out: patterns are compiled on our own engine, which knows more of their language.
    """
    try:
        return jsonschema_rs.validator_for(kind.META_SCHEMA, validate_formats=False, offline=True)
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return None


def _told(path: Iterable[str | int], kind: Any) -> str:
    return (
        "/".join(_steps(path, frozenset(kind.META_SCHEMA.get("properties", ())) | set(kind.VALIDATORS))) or "its root"
    )


def _steps(path: Iterable[str | int], known: frozenset[str]) -> Iterator[str]:
    named = False
    for step in path:
        yield "*" if named or (isinstance(step, str) and step not in known) else str(step)
        named = not named and step in _MAPS
