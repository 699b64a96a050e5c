"""Reads one YAML 1.2 document strictly, and remembers where every key and value stands.

YAML has several ways to say less than one thinks. Here a plain scalar is text unless it is plainly a number, a
boolean or null: `NO` stays text, and what older YAML read as octal (`017`) or base 60 (`1:30`) is refused, since two
readers would read two values. Duplicate keys, tags and merge keys are refused. Size, depth and the number of values
(after aliases are followed) are bounded, so that no file can make the reader work for long.
"""

import io
import math
import re
from dataclasses import dataclass, field
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from pipeline.contracts import Json
from pipeline.policy.problems import Path, Place, Problem, dotted

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "SourceFile", "read_text"]

MAX_BYTES: Final = 262_144
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 20_000
_LARGEST: Final = 2**53

_AMBIGUOUS: Final = (
    (re.compile(r"[-+]?0(?:o[0-7]+|[0-9][0-9_]*)"), "may be read as octal"),
    (re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"), "may be read as a number of base 60"),
)
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Final[dict[str, Json]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_CORE: Final = frozenset({"str", "int", "float", "bool", "null", "map", "seq", "timestamp", "value", "merge"})
_PREFIX: Final = "tag:yaml.org,2002:"


@dataclass(slots=True)
class SourceFile:
    """A file that was read: its data as JSON values, the place of every value and key, and what was wrong.

    `styles` holds how a text is written where that is not plain: `'`, `"`, `|` or `>`.
    """

    name: str
    data: Json = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    styles: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where the value (or its key) stands; for what is not there, where the nearest thing around it stands."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place())

    def problem(self, path: Path, text: str, *, key: bool = False) -> Problem:
        """A problem at this path."""
        return Problem(self.name, self.place(path, key=key), dotted(path), text)


class _TooMuch(Exception):
    """The document is larger or deeper than any policy, from this place on."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.place = place


def read_text(name: str, body: bytes) -> SourceFile:
    """Read the bytes of file `name`. Never raises: what is wrong is in `problems`, and then `data` means nothing."""
    source = SourceFile(name)
    if len(body) > MAX_BYTES:
        source.problems.append(source.problem((), f"the file is larger than {MAX_BYTES} bytes; split it"))
        return source
    node = _compose(source, body)
    if node is not None:
        try:
            source.data = _Reader(source).read(node, (), 0)
        except _TooMuch as error:
            source.problems.append(Problem(name, error.place, "", str(error)))
    elif not source.problems:
        source.problems.append(source.problem((), "the file holds nothing; give it apiVersion and kind, or delete it"))
    return source


def _compose(source: SourceFile, body: bytes) -> Node | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place_in(body[: error.start].decode("utf-8"))
        source.problems.append(Problem(source.name, place, "", "this is not UTF-8 text; save the file as UTF-8"))
        return None
    try:
        node: Node | None = _yaml().compose(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place()
        source.problems.append(Problem(source.name, place, "", f"this is not YAML: {error.problem or error.context}"))
    except ReaderError as error:
        said = "this is a control character, which no text has; remove it"
        source.problems.append(Problem(source.name, _place_in(text[: error.position]), "", said))
    except (YAMLError, UnicodeError):
        source.problems.append(source.problem((), "the file cannot be read as YAML"))
    except RecursionError:
        said = f"values are nested deeper than {MAX_DEPTH} levels"
        source.problems.append(Problem(source.name, _too_deep(text), "", said))
    else:
        return node
    return None


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml


def _place_in(before: str) -> Place:
    """The place that comes after this text."""
    return Place(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


def _too_deep(text: str) -> Place:
    """Where it gets too deep; events come one by one, however deep it is."""
    depth = 0
    for event in _yaml().parse(io.StringIO(text)):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH + 1:
            return Place(event.start_mark.line + 1, event.start_mark.column + 1)
    return Place()


class _Reader:
    """Turns nodes into JSON values, writing down places and problems on its way."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._left = MAX_VALUES

    def read(self, node: Node, path: Path, depth: int) -> Json:
        self._left -= 1
        if self._left < 0:
            text = f"the file holds more than {MAX_VALUES} values, aliases followed; write less or split it"
            raise _TooMuch(text, _place(node))
        if depth > MAX_DEPTH:
            raise _TooMuch(f"{dotted(path[:3])}… is nested deeper than {MAX_DEPTH} levels", _place(node))
        self._source.values[path] = _place(node)
        tag = node.tag or ""
        if tag.removeprefix(_PREFIX) not in _CORE:
            self._complain(path, f"the tag {tag} is not taken; quote a text that begins with '!'")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(child, (*path, index), depth + 1) for index, child in enumerate(node.value)]
        return self._scalar(node, path) if isinstance(node, ScalarNode) else None

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Json]:
        mapping: dict[str, Json] = {}
        for key, value in node.value:
            name = self._key(key, path)
            here = (*path, name)
            if name in mapping:
                first = self._source.keys[here]
                self._complain(here, f"the key stands twice, first in line {first.line}; keep one", _place(key))
                continue
            self._source.keys[here] = _place(key)
            mapping[name] = self.read(value, here, depth + 1)
            if isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index:
                # Nothing is written there, and the reader has gone on to the next word in the file.
                self._source.values[here] = _after(key)
        return mapping

    def _key(self, node: Node, path: Path) -> str:
        if not isinstance(node, ScalarNode):
            self._complain(path, "a key must be text", _place(node))
            return "?"
        if node.tag == f"{_PREFIX}merge":
            self._complain((*path, "<<"), "merge keys are not taken; write the values out", _place(node))
        return str(node.value)

    def _scalar(self, node: ScalarNode, path: Path) -> Json:
        text = str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._complain(path, "half of a surrogate pair is no character")
            return None
        if node.style is not None:
            self._source.styles[path] = node.style
            return text
        for pattern, meaning in _AMBIGUOUS:
            if pattern.fullmatch(text):
                self._complain(path, f"{text} {meaning}; quote it if it is text, else write a plain decimal number")
                return None
        return text if node.tag == f"{_PREFIX}str" else self._plain(text, path)

    def _plain(self, text: str, path: Path) -> Json:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return self._finite(int(text) if len(text) < 20 else math.inf, text, path)
        if _FLOAT.fullmatch(text):
            return self._finite(float(text), text, path)
        if _NOT_FINITE.fullmatch(text):
            self._complain(path, f"{text} is no finite number")
            return None
        return text

    def _finite(self, number: float, text: str, path: Path) -> Json:
        if abs(number) <= _LARGEST:
            return number
        self._complain(path, f"{text[:24]} is larger than any number that is exact here (2^53); quote it if it is text")
        return None

    def _complain(self, path: Path, text: str, place: Place | None = None) -> None:
        self._source.problems.append(Problem(self._source.name, place or self._source.place(path), dotted(path), text))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _after(key: Node) -> Place:
    """Behind the colon."""
    return Place(key.end_mark.line + 1, key.end_mark.column + 2)
