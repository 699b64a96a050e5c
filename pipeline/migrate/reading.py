"""Reads a configuration of another gateway: YAML or JSON, with the place of every value.

It is read as its own gateway reads it (YAML 1.1 with merge keys, where `on` is true; JSON as YAML 1.2), unlike our own
policies, and bounded like them, so that no file can make the reader work for long. No error repeats a value: a
configuration may hold keys.
"""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.contracts import Json
from pipeline.errors import InvalidRequest
from pipeline.policy.problems import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "Source", "read_source"]

MAX_BYTES: Final = 2_097_152
MAX_DEPTH: Final = 48
MAX_VALUES: Final = 50_000
_PREFIX: Final = "tag:yaml.org,2002:"
Pairs = dict[str, tuple[Node, Node]]
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+|[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class Source:
    """A configuration that was read: its data as JSON values, and the line of every value (from 1)."""

    name: str
    data: Json = None
    lines: dict[Path, int] = field(default_factory=dict)

    def leaves(self) -> Iterator[Path]:
        """The way to every value that holds no other: texts, numbers, truths, nulls, and empty lists and mappings."""
        yield from _leaves(self.data, ())

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_source(name: str, body: bytes) -> Source:
    """Read the bytes of a configuration.

    Raises:
        InvalidRequest: it is no YAML or JSON, or larger or deeper than any configuration.
    """
    if len(body) > MAX_BYTES:
        raise InvalidRequest(f"{name}: the file is larger than {MAX_BYTES} bytes")
    source = Source(name)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeError:
        raise InvalidRequest(f"{name}: the file is not UTF-8 text; save it as UTF-8") from None
    node = _composed(name, text)
    if node is not None:
        source.data = _Reader(source).read(node, (), 0)
    return source


def _composed(name: str, text: str) -> Node | None:
    as_json = text.lstrip()[:1] in ("{", "[")
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2) if as_json else (1, 1)
    try:
        # A tab is no space in YAML, and in JSON it stands between values only.
        node: Node | None = yaml.compose(io.StringIO(text.replace("\t", " ") if as_json else text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InvalidRequest(f"{name}{where}: this is neither YAML nor JSON") from None
    except YAMLError:
        raise InvalidRequest(f"{name}: the file holds control characters; remove them") from None
    except RecursionError:
        raise InvalidRequest(f"{name}: values are nested deeper than {MAX_DEPTH} levels") from None
    return node


class _Reader:
    """Turns nodes into JSON values, writing down lines on its way."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = MAX_VALUES
        self._pairs: dict[int, Pairs] = {}

    def read(self, node: Node, path: Path, depth: int) -> Json:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise InvalidRequest(f"{self._source.name}: the file holds more, or deeper values than any configuration")
        self._source.lines[path] = node.start_mark.line + 1
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(child, (*path, at), depth + 1) for at, child in enumerate(node.value)]
        return _scalar(node) if isinstance(node, ScalarNode) else None

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Json]:
        mapping: dict[str, Json] = {}
        for key, value in self._merged(node).values():
            name = _sound(str(key.value)) if isinstance(key, ScalarNode) else "?"
            mapping[name] = self.read(value, (*path, name), depth + 1)
        return mapping

    def _merged(self, node: MappingNode) -> "Pairs":
        """Keys and values with those that `<<` brings in. Own ones go before; of equal keys the last counts."""
        known = self._pairs.get(id(node))
        if known is not None:
            return known
        own: Pairs = {}
        brought: Pairs = {}
        self._pairs[id(node)] = {}  # what merges itself brings nothing
        for key, value in node.value:
            if key.tag == f"{_PREFIX}merge" or key.value == "<<":
                for part in value.value if isinstance(value, SequenceNode) else [value]:
                    brought = {**(self._merged(part) if isinstance(part, MappingNode) else {}), **brought}
            else:
                own[str(key.value)] = (key, value)
        self._pairs[id(node)] = {**brought, **own}
        return self._pairs[id(node)]


def _scalar(node: ScalarNode) -> Json:
    text = _sound(str(node.value))
    if node.style is not None:
        return text
    word = text.lower()
    if word in ("", "~", "null"):
        return None
    if str(node.tag) == f"{_PREFIX}bool" and word in _TRUE | _FALSE:
        return word in _TRUE
    return _number(text)


def _number(text: str) -> Json:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and text.strip("+-_.") and not text.endswith("_"):
        number = float(text.replace("_", ""))
        return number if math.isfinite(number) else text
    return text


def _sound(text: str) -> str:
    """Join halves of surrogate pairs, as JSON writes them; what stays half is replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _leaves(value: Json, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            yield from _leaves(item, (*path, at))
    else:
        yield path
