"""Judged drafts: what a calibration is made of, and which of them it may use for what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

__all__ = ["LAST", "LATER", "Label", "Parts", "part", "recent", "thinned"]

LATER: Final = 0.2
"""The share of labels, the newest, that a new version has to hold on before it comes into force."""


LAST: Final = 5000
"""How many labels of a task count, the newest: what was true long ago need not be true now."""


@dataclass(frozen=True, slots=True)
class Label:
    """One judged draft.

    Attributes:
        key: tells it from others; draws of lots are made from it.
        right: whether the draft sufficed.
        confidence: e to the mean log-probability of its values, where there were log-probabilities.
        signals: all signals of it.
        task: of the request.
        tenant: of the request.
        at: Unix time of the request; null where it is not known.
        large_right: whether the large model's answer to it was right; null where nobody knows.
        propensity: how likely such a draft was to be labelled.
    """

    key: str
    right: bool
    confidence: float | None = None
    signals: Mapping[str, float | None] = field(default_factory=dict)
    task: str | None = None
    tenant: str | None = None
    at: float | None = None
    large_right: bool | None = None
    propensity: float = 1.0

    @property
    def inputs(self) -> dict[str, float | None]:
        """The signals with the confidence among them."""
        return {**self.signals, "confidence": self.confidence}


@dataclass(frozen=True, slots=True)
class Parts:
    """Labels apart: scores and curves are fitted to the first, thresholds set on the second, both held to the third."""

    fit: tuple[Label, ...]
    calibrate: tuple[Label, ...]
    later: tuple[Label, ...]


def part(labels: Sequence[Label], fit_share: float, seed: int = 0) -> Parts:
    """Labels for each of the three purposes, none for two of them.

    The newest fifth is the third part; where times are missing, a fifth by lot.

    Args:
        labels: all of them.
        fit_share: of those before the newest fifth, how many are fitted to.
        seed: of the lots.
    """
    timed = all(label.at is not None for label in labels)
    ordered = sorted(
        labels, key=lambda label: (label.at or 0.0 if timed else _lot(label.key, f"later-{seed}"), label.key)
    )
    cut = len(ordered) - round(LATER * len(ordered))
    fit = [label for label in ordered[:cut] if _lot(label.key, f"fit-{seed}") < fit_share]
    chosen = {id(label) for label in fit}
    return Parts(tuple(fit), tuple(label for label in ordered[:cut] if id(label) not in chosen), tuple(ordered[cut:]))


def thinned(labels: Iterable[Label], seed: int = 0) -> list[Label]:
    """Labels of one propensity, the lowest that there is: the surplus of the others is dropped by lot.

    The exact bound counts drafts that were all as likely to be labelled. Weighted counts are not binomial.
    """
    given = list(labels)
    rate = min((label.propensity for label in given), default=1.0)
    return [label for label in given if _lot(label.key, f"thin-{seed}") < rate / label.propensity]


def recent(labels: Sequence[Label], last: int) -> list[Label]:
    """The last so many of each task, in their order: by their times, or as they were given where times are missing.

    They all count alike. Weights that fade would not be counts, and the exact bound needs counts.
    """
    timed = all(label.at is not None for label in labels)
    newest = sorted(range(len(labels)), key=lambda n: (labels[n].at or 0.0) if timed else n, reverse=True)
    room: Counter[str | None] = Counter()
    kept = set()
    for n in newest:
        room[labels[n].task] += 1
        if room[labels[n].task] <= last:
            kept.add(n)
    return [label for n, label in enumerate(labels) if n in kept]


def _lot(key: str, salt: str) -> float:
    """A number below 1, evenly spread over keys."""
    return int.from_bytes(sha256(f"{salt}|{key}".encode()).digest()[:7], "big") / 2**56
