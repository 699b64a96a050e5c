"""Reads a configuration of another gateway: YAML or JSON, with the place of every value.

It is read as its own gateway reads it (YAML 1.1 with merge keys, where `on` is true; JSON as YAML 1.2), unlike our own
policies, and bounded like them, so that no file can make the reader work for long. No error repeats a value: a
configuration may hold keys. Credentials are taken out while it is read.
"""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.contracts import Json
from pipeline.errors import InvalidRequest
from pipeline.migrate.credentials import Credentials, was_credential
from pipeline.policy.problems import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "Source", "Twice", "read_source"]

MAX_BYTES: Final = 524_288
MAX_DEPTH: Final = 48
MAX_VALUES: Final = 20_000
"""Values of a configuration, and of a policy's file: about a thousand models."""
_MAX_MERGED: Final = 200_000
_PREFIX: Final = "tag:yaml.org,2002:"
Pairs = dict[str, tuple[Node, Node]]
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+|[0-9]+)(?:[eE][-+]?[0-9]+)?")


class Twice(NamedTuple):
    """A key that stands twice in one mapping: its value in the line `lost` does not count, that in `kept` does."""

    path: Path
    lost: int
    kept: int


@dataclass(slots=True)
class Source:
    """A configuration that was read.

    Attributes:
        name: of the file.
        data: its content as JSON values, with variables in the place of credentials.
        lines: the line of every value, from 1.
        credentials: the values that held a credential, or stand under a key that is one.
        twice: the keys that stand twice.
    """

    name: str
    data: Json = None
    lines: dict[Path, int] = field(default_factory=dict)
    credentials: list[Path] = field(default_factory=list)
    twice: list[Twice] = field(default_factory=list)

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
    try:
        node = _composed(name, text)
        if node is not None:
            source.data = _Reader(source).read(node, (), 0)
    except RecursionError:
        raise InvalidRequest(f"{name}: values are nested deeper than {MAX_DEPTH} levels") from None
    except _TooMuch:
        most = f"more than {MAX_VALUES} values, aliases followed, or values deeper than {MAX_DEPTH} levels"
        raise InvalidRequest(f"{name}: the file holds {most}; split it and import the parts one by one") from None
    return source


class _TooMuch(Exception):
    """The file holds more than any configuration."""


class _Bounded(Composer):
    """Stops as soon as there are too many values: composing is most of the work."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._left = 2 * MAX_VALUES  # keys are nodes too

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch
        return super().compose_node(parent, index)


def _composed(name: str, text: str) -> Node | None:
    as_json = text.lstrip()[:1] in ("{", "[")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Bounded
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
    return node


class _Reader:
    """Turns nodes into JSON values, writing down lines on its way."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = MAX_VALUES
        self._merges_left = _MAX_MERGED
        self._pairs: dict[int, Pairs] = {}
        self._credentials = Credentials()

    def read(self, node: Node, path: Path, depth: int) -> Json:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise _TooMuch
        self._source.lines[path] = node.start_mark.line + 1
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(child, (*path, at), depth + 1) for at, child in enumerate(node.value)]
        return self._without_credentials(_scalar(node), path) if isinstance(node, ScalarNode) else None

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Json]:
        mapping: dict[str, Json] = {}
        for name, (_, value) in self._merged(node, path).items():
            here = (*path, name)
            if was_credential(name):
                self._source.credentials.append(here)
            mapping[name] = self.read(value, here, depth + 1)
        return mapping

    def _without_credentials(self, value: Json, path: Path) -> Json:
        if not isinstance(value, str):
            return value
        text = self._credentials.taken_out(value)
        if text != value:
            self._source.credentials.append(path)
        return text

    def _name(self, key: Node) -> str:
        return self._credentials.taken_out(_sound(str(key.value))) if isinstance(key, ScalarNode) else "?"

    def _merged(self, node: MappingNode, path: Path) -> "Pairs":
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
                    found = self._merged(part, path) if isinstance(part, MappingNode) else {}
                    self._merges_left -= len(found) + len(brought)
                    if self._merges_left < 0:
                        raise _TooMuch
                    brought = {**found, **brought}
            else:
                name = self._name(key)
                if name in own:
                    lines = (own[name][0].start_mark.line + 1, key.start_mark.line + 1)
                    self._source.twice.append(Twice((*path, name), *lines))
                own[name] = (key, value)
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
