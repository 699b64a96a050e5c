"""Writes a drafted policy as YAML that a person can go on with."""

import io
import re
from collections.abc import Iterable, Mapping
from textwrap import indent, wrap
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from pipeline.migrate.draft import Draft, Part

__all__ = ["written"]

_WIDTH: Final = 118
_PLAIN: Final = re.compile(
    r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_/])[A-Za-z0-9_./-]*|https?://[A-Za-z0-9_./:-]+[A-Za-z0-9_/-]"
)
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written(draft: Draft, origin: str) -> dict[str, str]:
    """The text of each file by its name. `origin` says what it was made from."""
    models = _file("models", "Models", f"Made from {origin}. What it did not say is marked with: check.")
    routes = _file("routes", "Routes", f"Made from {origin}. A caller names a route as its model.")
    limits = _file("limits", "Limits", f"Made from {origin}. What is not named has its default.")
    budgets = _file("budgets", "Budgets", f"Made from {origin}.")
    metadata = f"record_metadata: [{', '.join(map(_quoted, draft.metadata))}]  # what conditions look at\n"
    return {
        "models.yaml": models + _section("targets", draft.targets) + _section("variants", draft.variants),
        "routes.yaml": routes + (metadata if draft.metadata else "") + _list("routes", draft.routes),
        "limits.yaml": limits + "".join(_entry(name, part) for name, part in draft.limits.items()),
        "budgets.yaml": budgets + (_list("budgets", draft.budgets) if draft.budgets else "budgets: []\n"),
    }


def _file(name: str, kind: str, about: str) -> str:
    top = f"# yaml-language-server: $schema=schemas/{name}.schema.json\n#\n"
    return top + _comment([about]) + f"apiVersion: stepwell/v1\nkind: {kind}\n\n"


def _section(name: str, parts: Mapping[str, Part]) -> str:
    return f"{name}:\n" + "\n".join(indent(_entry(key, part), "  ") for key, part in parts.items()) + "\n"


def _list(name: str, parts: Iterable[Part]) -> str:
    return f"{name}:\n" + "\n".join(indent(_item(part), "  ") for part in parts)


def _entry(name: str, part: Part) -> str:
    return _comment(part.before) + _dumped(CommentedMap({name: _mapping(part)}))


def _item(part: Part) -> str:
    lines = _dumped(_mapping(part)).splitlines()
    return _comment(part.before) + "\n".join(("- " if at == 0 else "  ") + line for at, line in enumerate(lines)) + "\n"


def _comment(lines: Iterable[str]) -> str:
    wrapped = (piece for line in lines for piece in wrap(_one_line(line), _WIDTH - 6) or [""])
    return "".join(f"# {piece}\n" for piece in wrapped)


def _mapping(part: Part) -> CommentedMap:
    mapping = CommentedMap({key: _styled(value) for key, value in part.spec.items()})
    if len(part.spec) == 1 and not part.beside:
        mapping.fa.set_flow_style()
    for key, text in part.beside.items():
        if key in mapping:
            mapping.yaml_add_eol_comment(_one_line(text), key=key)
    return mapping


def _styled(value: object) -> object:
    """The value with texts quoted wherever one could read them in two ways, and short lists on one line."""
    if isinstance(value, dict):
        mapping = CommentedMap({_styled(key): _styled(item) for key, item in value.items()})
        if value and all(not isinstance(item, dict | list | tuple) for item in value.values()) and len(value) <= 1:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        items = CommentedSeq([_styled(item) for item in value])
        if all(not isinstance(item, dict | list | tuple) for item in value):
            items.fa.set_flow_style()
        return items
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or value.lower() in _WORDS):
        return SingleQuotedScalarString(value) if '"' in value else DoubleQuotedScalarString(value)
    return value


def _dumped(value: CommentedMap) -> str:
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else '"' + text.replace('"', "") + '"'


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
