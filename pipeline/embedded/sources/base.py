"""What a source of weights is."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from pipeline.embedded.catalogue import Model

__all__ = ["CHUNK", "Report", "Source"]

CHUNK: Final = 1 << 20
"""Bytes read at a time."""

Report = Callable[[int], None]
"""Told how many bytes of the file are here so far."""


class Source(Protocol):
    """Somewhere weights can be had."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    async def fetch(self, model: Model, target: Path, report: Report) -> None:
        """Write the file to `target`. It is not trusted: the caller checks size and hash.

        Raises:
            SourceUnreachable: not to be had here; the message says why.
        """
        ...
