"""The vector of a question by a target: asked for once, and used both to find answers and to keep the question."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Attempt
from pipeline.contracts.vectors import broken, unpacked
from pipeline.policy.models import Target

__all__ = ["Known", "known_vector"]


class Known(NamedTuple):
    """A vector of length 1, and the encoder that made it."""

    encoder: str
    row: NDArray[np.float32]


def known_vector(attempts: Iterable[Attempt], targets: Mapping[str, Target]) -> Known | None:
    """The vector that one of these calls brought; None: none did, or it is none that can be compared."""
    for made in attempts:
        target = targets.get(made.target)
        if made.made_for != "embedding" or made.error is not None or not made.embeddings or target is None:
            continue
        text, usual = made.embeddings[0], target.vectors.dimensions
        if len(made.embeddings) != 1 or broken(text):
            return None
        row = np.array(unpacked(text), dtype=np.float32)
        length = float(np.linalg.norm(row))
        if length == 0.0 or (usual is not None and len(row) != usual):
            return None
        return Known(target.encoder, (row / length).astype(np.float32))
    return None
