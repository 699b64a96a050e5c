"""The recorded sets: JSON lines, packed, in folders. Read in place; nothing of them is ever copied."""

import gzip
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

__all__ = ["Absent", "Folder", "Row"]

Row = dict[str, Any]


class Absent(Exception):
    """A set is not there; says which file is missing."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in the layout of the evaluation data."""

    path: Path

    def rows(self, name: str) -> list[Row]:
        """The rows of one file, for instance `routellm-cascade/mmlu`. Raises `Absent`."""
        return list(_read(self.path / f"{name}.jsonl.gz"))


@lru_cache(maxsize=32)
def _read(file: Path) -> tuple[Row, ...]:
    if not file.is_file():
        raise Absent(f"{file.parent.name}/{file.name} is not there")
    with gzip.open(file, "rb") as lines:
        return tuple(orjson.loads(line) for line in lines if line.strip())
