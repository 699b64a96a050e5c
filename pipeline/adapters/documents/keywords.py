"""Keywords of JSON Schema whose usual implementation a hostile schema can make run for ever, with a limit.

Regular expressions run on the `regex` engine with a time limit; the library's own use `re`, which cannot be stopped.
References are counted: a few dozen of them that point at each other twice multiply to more work than time.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

import regex
from jsonschema import ValidationError, validators

__all__ = ["MOST_REFERENCES", "PATTERN_S", "TooComplex", "bounded", "compiled", "counting"]

PATTERN_S: Final = 0.05
"""Seconds that one regular expression may take on one text."""
MOST_REFERENCES: Final = 20_000
"""References followed while one document is held against one schema."""

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

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


class TooComplex(Exception):
    """Holding this document against this schema takes more work than it is given."""


_followed: ContextVar[list[int]] = ContextVar("followed")


def counting() -> None:
    """Begin to count references from nothing."""
    _followed.set([0])


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
    try:
        return compiled(pattern).search(text, timeout=PATTERN_S) is not None
    except TimeoutError:
        raise TooComplex from None


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


def _counted(follow: Keyword) -> Keyword:
    def counted(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        count = _followed.get()
        count[0] += 1
        if count[0] > MOST_REFERENCES:
            raise TooComplex
        yield from follow(validator, reference, instance, schema)

    return counted


@lru_cache(maxsize=16)
def bounded(kind: Any) -> Any:
    """The validator class `kind` of the library with the limited keywords in it."""
    own: dict[str, Any] = {
        name: limited
        for name, limited in (
            ("pattern", _pattern),
            ("patternProperties", _pattern_properties),
            ("additionalProperties", _additional_properties),
        )
        if name in kind.VALIDATORS
    }
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        if name in kind.VALIDATORS:
            own[name] = _counted(kind.VALIDATORS[name])
    extend: Any = validators.extend  # the library does not annotate it
    return extend(kind, own)
