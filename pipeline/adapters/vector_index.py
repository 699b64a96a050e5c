"""A small index of the vectors of one partition, in the memory of a worker, and which entries they belong to."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from pipeline.errors import PartMissing

__all__ = ["VectorIndex"]

_NUMBER: Final = 2
"""Bytes of one number of a vector that is kept."""


class VectorIndex:
    """An index of vectors, and what they belong to.

    Raises:
        PartMissing: the extra `embeddings` is not installed.
    """

    def __init__(self, dimensions: int) -> None:
        try:
            from usearch.index import Index
        except ImportError as error:
            said = "usearch is not installed; install the extra `embeddings`: stepwell[embeddings]"
            raise PartMissing(said) from error
        self.size = _NUMBER * dimensions
        self.index: Any = Index(ndim=dimensions, metric="cos", dtype="f16")
        self.names: dict[int, str] = {}
        self.places: dict[str, int] = {}
        self.read_to = 0
        self.lock = asyncio.Lock()

    def add(self, entries: Sequence[tuple[str, int, Any]]) -> None:
        """Take entries in: name, place in the list, vector."""
        for name, place, _ in entries:
            self.drop(name)
            self.names[place], self.places[name] = name, place
        self.index.add(np.array([place for _, place, _ in entries]), np.stack([vector for _, _, vector in entries]))

    def drop(self, name: str) -> None:
        """Forget an entry."""
        place = self.places.pop(name, None)
        if place is not None:
            del self.names[place]
            self.index.remove(place)

    def nearest(self, vector: Any, most: int) -> list[tuple[str, float]]:
        """The most alike: name and cosine."""
        if not self.names:
            return []
        found = self.index.search(vector, min(most, len(self.names)))
        pairs = zip(found.keys, found.distances, strict=True)
        return [(self.names[int(key)], max(0.0, min(1.0, 1.0 - float(far)))) for key, far in pairs]
