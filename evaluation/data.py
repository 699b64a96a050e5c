"""The recorded sets: JSON lines, packed, in folders. Read in place; nothing of them is ever copied."""

import gzip
import traceback
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import StepwellError

__all__ = ["Absent", "Folder", "Row", "sentence"]

Row = dict[str, Any]


class Absent(Exception):
    """A set is not there or cannot be used; says which file, and why."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in the layout of the evaluation data."""

    path: Path

    def rows(self, name: str) -> list[Row]:
        """The rows of one file, for instance `routellm-cascade/mmlu`. Raises `Absent`, also where it holds none."""
        return list(_read(self.path / f"{name}.jsonl.gz"))


@lru_cache(maxsize=32)
def _read(file: Path) -> tuple[Row, ...]:
    if not file.is_file():
        raise Absent(f"{file.parent.name}/{file.name} is not there")
    name = f"{file.parent.name}/{file.name}"
    try:
        with gzip.open(file, "rb") as lines:
            rows = tuple(orjson.loads(line) for line in lines if line.strip())
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError):
        raise Absent(f"{name} is no gzip of JSON lines; write it again") from None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise Absent(f"{name} holds no rows" if not rows else f"a line of {name} is no JSON object")
    return rows


def sentence(broken: Exception) -> str:
    """Why rows cannot be used, in words: where, and what they lack."""
    if isinstance(broken, StepwellError):
        return str(broken)
    frames = traceback.extract_tb(broken.__traceback__)
    own = [frame for frame in frames if "evaluation" in Path(frame.filename).parts] or list(frames)
    where = f" (in {Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    if isinstance(broken, KeyError):
        return f"the rows lack the field {broken.args[0]!r}{where}; compare them with the layout of the evaluation data"
    said = f"{type(broken).__name__}: {broken}".splitlines()[0][:200]
    return f"the rows are too few or not of the expected form{where}: {said}"
