"""Holds a document against its model, and says each violation with its place and a suggestion."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.contracts import NAME_PATTERN, Json
from pipeline.policy.models import (
    API_VERSION,
    BudgetsFile,
    ExperimentsFile,
    LimitsFile,
    ModelsFile,
    ResidencyFile,
    RoutesFile,
    TenantsFile,
)
from pipeline.policy.problems import Path, Problem, did_you_mean
from pipeline.policy.text import SourceFile

__all__ = ["KINDS", "WRITTEN", "AnyFile", "first_of", "held_against", "validated"]

AnyFile = ModelsFile | RoutesFile | ResidencyFile | LimitsFile | BudgetsFile | TenantsFile | ExperimentsFile
T = TypeVar("T", bound=BaseModel)
KINDS: Final[Mapping[str, type[AnyFile]]] = {
    "Models": ModelsFile,
    "Routes": RoutesFile,
    "Residency": ResidencyFile,
    "Limits": LimitsFile,
    "Budgets": BudgetsFile,
    "Tenants": TenantsFile,
    "Experiments": ExperimentsFile,
}
_SCOPES: Final = ("tenant", "key", "user", "route", "experiment", "variant", "target", "lane")
_BOOLEANS: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_SENTENCES: Final = {
    "missing": "the key is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text; quote it if it is",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "finite_number": "must be a number with an end",
}
_BOUNDS: Final = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
}
_NAME: Final = "a name is letters, digits, _ and -, at most 64 of them"
WRITTEN: Final = {
    NAME_PATTERN: _NAME,
    r"^[A-Z]{2,8}$": "must be two to eight capital letters, such as EU",
    r"^\d{4}-\d{2}-\d{2}$": "must be a day, such as 2027-01-31",
    r"^[a-z]{2,3}$": "must be a language as two or three small letters, such as en",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "must be a letter, then letters, digits and _, at most 64 of them",
    r"^[A-Za-z0-9._/-]+$": "must be a path of letters, digits, '.', '_', '/' and '-'",
}
"""How a text is written that must match a pattern."""


def validated(source: SourceFile) -> tuple[AnyFile | None, list[Problem]]:
    """The document of a file that was read without problems, or all that is wrong with it."""
    if not isinstance(source.data, dict):
        return None, [source.problem((), "the file must be a mapping with apiVersion and kind")]
    kind = source.data.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        return None, [source.problem(("kind",), _unknown_kind(kind))]
    return held_against(source, model)


def held_against(source: SourceFile, model: type[T]) -> tuple[T | None, list[Problem]]:
    """The same for a file of one kind, which need not be a policy."""
    try:
        # JSON is the strict mode that still takes a list for a tuple.
        return model.model_validate_json(orjson.dumps(source.data)), []
    except ValidationError as error:
        return None, [_problem(source, model, detail) for detail in _causes(error.errors(include_url=False))]


def first_of(error: ValidationError) -> str:
    """The first of what is wrong with a file beside the policies, with the key it stands at."""
    detail = _causes(error.errors(include_url=False))[0]
    kind = detail["type"]
    said = "no such key" if kind == "extra_forbidden" else _SENTENCES.get(kind, _said(detail)) + _hint(detail)
    place = ".".join(map(str, detail["loc"]))
    return f"{place}: {said}" if place else said


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are called too short only because their items are wrong."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(len(loc) > len(detail["loc"]) and loc[: len(detail["loc"])] == detail["loc"] for loc in places)
    ]


def _unknown_kind(kind: Json) -> str:
    if kind is None:
        return f"the key is missing: say which of {', '.join(KINDS)} this file is (and apiVersion: {API_VERSION})"
    return f"no such kind: {kind}{did_you_mean(str(kind), KINDS)}"


def _problem(source: SourceFile, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind == "extra_forbidden":
        name = str(path[-1])
        return source.problem(path, f"no such key{did_you_mean(name, _keys_at(model, path[:-1]))}", key=True)
    if "[key]" in detail["loc"]:
        return source.problem(path, _NAME, key=True)
    if kind == "string_pattern_mismatch" and "tag\\." in str(detail.get("ctx", {}).get("pattern", "")):
        given = str(detail.get("input"))
        text = (
            f"nothing is counted by {given}; a key of the metadata is written tag.<key>{did_you_mean(given, _SCOPES)}"
        )
        return source.problem(path, text)
    if kind.endswith("_type") and detail.get("input") is None:
        return source.problem(path, "nothing is written here; give it a value, or leave the key out")
    return source.problem(path, _SENTENCES.get(kind, _said(detail)) + _hint(detail))


def _said(detail: ErrorDetails) -> str:
    """What is wrong, in plain words; the library speaks of its own types and patterns."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{words} {context[bound]:g}"
    if kind in ("too_short", "too_long"):
        short = kind == "too_short"
        count = context["min_length" if short else "max_length"]
        return f"must hold {'at least' if short else 'at most'} {count} {'entry' if count == 1 else 'entries'}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return WRITTEN.get(context["pattern"], "is not written as it must be")
    said = detail["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _hint(detail: ErrorDetails) -> str:
    given = detail.get("input")
    if detail["type"] == "bool_type" and isinstance(given, str) and given.lower() in _BOOLEANS:
        return f" (did you mean {_BOOLEANS[given.lower()]}?)"
    if detail["type"] == "literal_error":
        options = re.findall(r"'([^']+)'", str(detail.get("ctx", {}).get("expected", "")))
        return did_you_mean(str(given), options)
    return ""


@cache
def _schema(model: type[BaseModel]) -> dict[str, Json]:
    return model.model_json_schema()


def _keys_at(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that may stand in the mapping at `path`, looked up in the rendered schema."""
    schema = _schema(model)
    node: Json = schema
    for part in path:
        node = _child(schema, node, part)
    found = _plain_node(schema, node)
    properties = found.get("properties", {})
    return tuple(properties) if isinstance(properties, dict) else ()


def _child(schema: dict[str, Json], node: Json, part: str | int) -> Json:
    here = _plain_node(schema, node)
    if isinstance(part, int):
        return here.get("items", {})
    properties = here.get("properties")
    if isinstance(properties, dict) and part in properties:
        return properties[part]
    patterns = here.get("patternProperties")
    if isinstance(patterns, dict):  # a mapping by names
        return next(iter(patterns.values()), {})
    return here.get("additionalProperties", {})


def _plain_node(schema: dict[str, Json], node: Json) -> dict[str, Json]:
    """Follow a reference, and take the part of a union that is not null."""
    if not isinstance(node, dict):
        return {}
    branches = node.get("anyOf")
    for branch in branches if isinstance(branches, list) else ():
        if isinstance(branch, dict) and branch.get("type") != "null":
            return _plain_node(schema, branch)
    reference = node.get("$ref")
    definitions = schema.get("$defs")
    if isinstance(reference, str) and isinstance(definitions, dict):
        return _plain_node(schema, definitions.get(reference.rsplit("/", 1)[-1]))
    return node
