"""Keywords of JSON Schema whose usual implementation a hostile schema can make run for ever, with a limit.

Regular expressions run on the `regex` engine with a time limit; the library's own use `re`, which cannot be stopped.
Every keyword and subschema is counted: a few dozen references that point at each other twice multiply to more work than
there is time, and a list of permitted values may be long.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import regex
from jsonschema import ValidationError, validators

from pipeline.adapters.documents.budget import TooComplex, current, nodes

__all__ = ["PATTERN_S", "bounded", "compiled"]

PATTERN_S: Final = 0.05
"""Seconds that one regular expression may take on one text."""

_LOOKED_AT: Final = 8
"""Members of a list that are gone over in the time of one step."""
_WRITTEN: Final = 4096
"""Characters of an error's message that are written in the time of one step."""
_PAIRS: Final = 1000
"""Pairs that are compared in the time of one step."""

_PIECE: Final = re.compile(r"\\c[A-Za-z]|\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_BLANKS: Final = r"\s\ufeff"
_ALONE: Final = {
    "$": r"\Z",
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[A-Za-z0-9_]",
    r"\W": "[^A-Za-z0-9_]",
    r"\s": f"[{_BLANKS}]",
    r"\S": f"[^{_BLANKS}]",
}
_IN_CLASS: Final = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\s": _BLANKS}

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The regular expression, in the language of JSON Schema. Raises `regex.error` where it is none."""
    return regex.compile(_PIECE.sub(_ecma, pattern), regex.VERSION0)


def _ecma(piece: re.Match[str]) -> str:
    """One piece as ECMA 262 means it: `$` is the end alone, and digits and letters are those of ASCII."""
    text: str = piece.group()
    if text.startswith("["):
        return "[" + _ESCAPE.sub(lambda inner: _IN_CLASS.get(inner.group(), inner.group()), text[1:])
    if text.startswith("\\c"):
        return f"\\x{ord(text[2]) % 32:02x}"
    return _ALONE.get(text, text)


def _found(pattern: str, text: str) -> bool:
    begun = time.perf_counter()
    try:
        return compiled(pattern).search(text, timeout=PATTERN_S) is not None
    except TimeoutError:
        raise TooComplex from None
    finally:
        current().spend_pattern(time.perf_counter() - begun)


def _pattern(validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield ValidationError("does not match the pattern")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for name in _unnamed(instance, schema):
        if validator.is_type(allowed, "object"):
            yield from validator.descend(instance[name], allowed, path=name)
        elif not allowed:
            yield ValidationError("has a property that the schema does not name")
            return


def _unnamed(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return (name for name in instance if name not in named and not any(_found(each, name) for each in patterns))


def _unique(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if wanted and validator.is_type(instance, "array"):
        current().spend(nodes(instance) // 2)
        if len({_same(each) for each in instance}) < len(instance):
            yield ValidationError("has members that are the same")


def _same(value: Any) -> Any:
    """Something that is equal, and can be looked up, where values of JSON are the same."""
    if isinstance(value, list):
        return (list, tuple([_same(each) for each in value]))
    if isinstance(value, Mapping):
        return (dict, frozenset([(name, _same(each)) for name, each in value.items()]))
    return (bool, value) if isinstance(value, bool) else value


def _counted(name: str, keyword: Keyword) -> Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = current()
        budget.spend(_cost(name, value, instance))
        for error in keyword(validator, value, instance, schema) or ():
            budget.spend(1 + len(error.message) // _WRITTEN)
            yield error

    return counted


def _cost(name: str, value: Any, instance: Any) -> int:
    """Steps of a keyword by itself, without the subschemas that it leads to."""
    own = len(value) if isinstance(value, list | dict) else 0
    size = len(instance) if isinstance(instance, list | dict) else 0
    if name in ("dependencies", "dependentRequired") and isinstance(value, dict):
        own += sum(len(each) for each in value.values() if isinstance(each, list))
    elif name in ("const", "enum") and size:
        size = nodes(instance)  # compared as a whole
    elif name.startswith("unevaluated"):
        size += size * size // _PAIRS * _LOOKED_AT  # the library looks each of them up in a list
    return 1 + (own + size) // _LOOKED_AT


@lru_cache(maxsize=16)
def bounded(kind: Any) -> Any:
    """The validator class `kind` of the library with every keyword counted and some replaced."""
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique,
    }
    keywords = {name: _counted(name, own.get(name, theirs)) for name, theirs in kind.VALIDATORS.items()}
    extend: Any = validators.extend  # the library does not annotate it
    made = extend(kind, keywords)
    made.evolve = _evolve_of(made.evolve)
    made.is_bounded = True
    return made


def _evolve_of(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """A subschema is counted, and one that names a dialect of its own is bounded as well."""

    def evolve(self: Any, **changes: Any) -> Any:
        current().spend()
        made = theirs(self, **changes)
        if getattr(made, "is_bounded", False):
            return made
        kind: Any = type(made)
        return bounded(kind)(made.schema, registry=made._registry, _resolver=made._resolver)

    return evolve
