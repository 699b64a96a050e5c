"""Weights from a folder of the user's."""

import asyncio
from pathlib import Path

from pipeline.embedded.catalogue import Model
from pipeline.embedded.sources.base import CHUNK, Report
from pipeline.errors import SourceUnreachable

__all__ = ["Folder"]


class Folder:
    """A folder of the user's that holds the file under its own name: a USB stick, a share, another machine's models."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The folder."""
        return f"the folder {self.path}"

    async def fetch(self, model: Model, target: Path, report: Report) -> None:
        """Copy the file from the folder."""
        source = self.path / model.file
        if not source.is_file():
            raise SourceUnreachable(f"{self.name} has no {model.file}")
        await asyncio.to_thread(_copy, source, target, report)


def _copy(source: Path, target: Path, report: Report) -> None:
    """Copy a file in pieces, so that its progress can be seen."""
    done = 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(CHUNK):
            writer.write(piece)
            done += len(piece)
            report(done)
