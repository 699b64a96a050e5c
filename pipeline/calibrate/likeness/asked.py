"""Questions with their candidates, and which of these have the same answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions with their nearest remembered ones, nearest first. Arrays have a row for each question.

    Attributes:
        name: of the set.
        texts: the questions.
        kept: those that are remembered.
        places: which of `kept` are candidates.
        cosines: how alike they are.
        right: whether the answer to a candidate is an answer to the question.
        answerable: whether some remembered answer is.
        never: questions that nothing may answer.
        drawn: those that count; the others are asked in addition, and count for `never` alone.
        keys: what belongs together, of each question.
        kept_keys: of each remembered one.
        floor: the cosine below which a remembered question is no candidate.
    """

    name: str
    texts: tuple[str, ...]
    kept: tuple[str, ...]
    places: NDArray[np.int64]
    cosines: NDArray[np.float64]
    right: NDArray[np.bool_]
    answerable: NDArray[np.bool_]
    never: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    keys: tuple[str, ...]
    kept_keys: tuple[str, ...]
    floor: float = 0.0
