"""Labelled questions out of JSON lines: the text, how good the small model's answer was, and the large one's.

A line has the question as `text`, `prompt`, `question`, `input` or `messages`, and its label as `weak` (quality of the
small model's answer, 0 to 1) with or without `strong` (the large model's), or as `failed` (true where the small model
did not suffice). Other names can be given, with dots for what lies deeper: `systems.small.1`.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import orjson

from pipeline.errors import InvalidRequest, NotFound

__all__ = ["Example", "Fields", "example_of", "files_in", "name_of", "read_examples", "rows_of"]

_TEXTS: Final = ("text", "prompt", "question", "input", "messages")
_LABELS: Final = (("weak", "strong"), ("weak_correct", "strong_correct"), ("direct_correct", "cot_correct"))
_SUFFIXES: Final = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class Fields:
    """Where text, labels and groups stand in a line; None: under a usual name. `best` is the mark of a perfect one."""

    text: str | None = None
    weak: str | None = None
    strong: str | None = None
    group: str | None = None
    best: float = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A question.

    Attributes:
        text: what was asked.
        weak: how good the small model's answer was, from 0 to 1.
        strong: how good the large model's was; None: not known.
        key: what belongs together is measured together: rows of one key are never learned from and measured on.
        source: the set it comes from.
    """

    text: str
    weak: float
    strong: float | None
    key: str
    source: str


def read_examples(paths: Iterable[Path], fields: Fields = Fields()) -> list[Example]:
    """All questions of these files, or of the files in these folders.

    Raises:
        NotFound: there is no such file, or none in the folder.
        InvalidRequest: a line that cannot be used, with its place.
    """
    return [
        example_of(row, fields, place, name_of(file))
        for path in paths
        for file in files_in(path)
        for place, row in rows_of(file)
    ]


def example_of(row: Mapping[str, object], fields: Fields, place: str, source: str) -> Example:
    """The question in one line. Raises `InvalidRequest` where something is missing."""
    text = _text(row, fields.text, place)
    weak, strong = _labels(row, fields, place)
    group = None if fields.group is None else _at(row, fields.group)
    return Example(text, weak, strong, text if group is None else str(group), source)


def rows_of(file: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The lines of a file that are not empty, each with its place. Raises `InvalidRequest` for what is no object."""
    opened: Callable[[Path, str], IO[bytes]] = gzip.open if file.suffix == ".gz" else Path.open  # type: ignore[assignment]
    try:
        with opened(file, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{file.name}:{number}", _row(line, f"{file.name}:{number}")
    except (OSError, EOFError) as error:
        raise InvalidRequest(f"{file}: the file cannot be read: {error}") from None


def _row(line: bytes, place: str) -> Mapping[str, object]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = None
    if not isinstance(row, dict):
        raise InvalidRequest(f"{place}: this is no JSON object: write one question on each line")
    return row


def files_in(path: Path) -> list[Path]:
    """The file itself, or those of the folder. Raises `NotFound`."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise NotFound(f"{path}: there is no such file or folder of labelled questions")
    found = sorted(file for file in path.iterdir() if file.name.endswith(_SUFFIXES))
    if not found:
        raise NotFound(f"{path}: there is no file of labelled questions (*.jsonl, *.jsonl.gz) in this folder")
    return found


def name_of(file: Path) -> str:
    """The set that a file is."""
    return file.name.split(".", 1)[0]


def _text(row: Mapping[str, object], field: str | None, place: str) -> str:
    names = _TEXTS if field is None else (field,)
    found = next((value for name in names if (value := _at(row, name)) is not None), None)
    text = _asked(found) if isinstance(found, list) else found
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest(f"{place}: there is no question: write it as text, or name its field with --text")
    return text


def _asked(messages: list[object]) -> str | None:
    """Of a conversation the longest message of the user, since the score of one is that of its hardest message."""
    said = [
        message.get("content") for message in messages if isinstance(message, dict) and message.get("role") == "user"
    ]
    return max((text for text in said if isinstance(text, str)), key=len, default=None)


def _labels(row: Mapping[str, object], fields: Fields, place: str) -> tuple[float, float | None]:
    if fields.weak is not None:
        weak = _quality(_at(row, fields.weak), fields, place, fields.weak)
        return weak, None if fields.strong is None else _quality(_at(row, fields.strong), fields, place, fields.strong)
    if "failed" in row:
        return 1.0 - _quality(row["failed"], Fields(), place, "failed"), None
    for small, large in _LABELS:
        if small in row:
            strong = row.get(large)
            return _quality(row[small], fields, place, small), None if strong is None else _quality(
                strong, fields, place, large
            )
    raise InvalidRequest(
        f"{place}: there is no label: write failed, or weak and strong, or name them with --weak, --strong"
    )


def _quality(value: object, fields: Fields, place: str, name: str) -> float:
    """A mark as a share of the best one; a negative one (an answer that could not be read) is as bad as 0."""
    if not isinstance(value, bool | int | float):
        raise InvalidRequest(f"{place}: {name} must be a number or true or false")
    share = max(0.0, float(value) / fields.best)
    if share > 1.0:
        raise InvalidRequest(
            f"{place}: {name} is {value:g}, above the best mark of {fields.best:g}; give it with --best"
        )
    return share


def _at(row: object, path: str) -> object:
    """What stands at a path with dots; names that hold dots themselves are tried whole first."""
    if isinstance(row, dict):
        if path in row:
            return row[path]
        head, _, rest = path.partition(".")
        while rest:
            if head in row:
                return _at(row[head], rest)
            more, _, rest = rest.partition(".")
            head = f"{head}.{more}"
        return None
    if isinstance(row, list):
        head, _, rest = path.partition(".")
        if not head.isdecimal() or int(head) >= len(row):
            return None
        return _at(row[int(head)], rest) if rest else row[int(head)]
    return None
