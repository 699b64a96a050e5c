"""The arithmetic of the evaluation: what counts as found, recall, precision, F2, leaking documents, and intervals.

A labelled span is found when at least half of its characters are covered by findings of its type (`hit`), or of any
type (`any`). A finding is right when at least half of its characters are covered by labels of its type.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bench.pii.rows import Row
from pipeline.adapters.pii.spans import Span

__all__ = [
    "LEAKING",
    "PLACE",
    "Tally",
    "count",
    "covered",
    "f2",
    "interval",
    "leak",
    "leaks",
    "paired",
    "precision",
    "recall",
]

Tally = Counter[tuple[str, str]]
"""How often, by (type, what): `gold`, `hit`, `any`, `found`, `right`; documents stand under the type `""`."""

LEAKING: Final = frozenset(
    {"PERSON", "ADDRESS", "EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "DRIVER_LICENSE", "IP"}
)
"""A document leaks when one labelled span of these types is not found."""
PLACE: Final = frozenset({"ADDRESS", "LOCATION", "ZIP"})
"""Counted once more together, as `PLACE`: whether a town belongs to its address is told differently everywhere."""


def covered(span: Span, others: Iterable[Span]) -> bool:
    """Whether `others` together cover at least half of the characters of `span`."""
    inside: set[int] = set()
    for other in others:
        inside.update(range(max(span.start, other.start), min(span.end, other.end)))
    return 2 * len(inside) >= span.end - span.start


def _grouped(spans: Iterable[Span]) -> list[Span]:
    return [span._replace(type="PLACE") for span in spans if span.type in PLACE]


def count(row: Row, found: Sequence[Span]) -> Tally:
    """What one document adds."""
    tally: Tally = Counter()
    for labels, given in ((row.spans, found), (_grouped(row.spans), _grouped(found))):
        for label in labels:
            tally[label.type, "gold"] += 1
            tally[label.type, "hit"] += covered(label, _of(label.type, given))
            tally[label.type, "any"] += covered(label, found)
        for span in given:
            tally[span.type, "found"] += 1
            tally[span.type, "right"] += covered(span, _of(span.type, labels))
    tally["", "documents"] += 1
    tally["", "leaks"] += leaks(row, found)
    tally["", "leaks typed"] += leaks(row, found, typed=True)
    return tally


def leaks(row: Row, found: Sequence[Span], *, typed: bool = False) -> bool:
    """Whether a label of `LEAKING` is not found, by any type or by its own."""
    at_risk = (label for label in row.spans if label.type in LEAKING)
    return not all(covered(label, _of(label.type, found) if typed else found) for label in at_risk)


def _of(kind: str, spans: Iterable[Span]) -> list[Span]:
    return [span for span in spans if span.type == kind]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def recall(tally: Mapping[tuple[str, str], float], kind: str, what: str = "hit") -> float | None:
    """The share of labelled spans that is found; None without labels."""
    return _share(tally.get((kind, what), 0), tally.get((kind, "gold"), 0))


def precision(tally: Mapping[tuple[str, str], float], kind: str) -> float | None:
    """The share of findings that is right; None without findings."""
    return _share(tally.get((kind, "right"), 0), tally.get((kind, "found"), 0))


def f2(tally: Mapping[tuple[str, str], float], kind: str) -> float | None:
    """(1 + 4) P R / (4 P + R): recall weighs four times as much as precision. None without labels."""
    found, right = recall(tally, kind), precision(tally, kind) or 0.0
    if found is None:
        return None
    return 5 * right * found / (4 * right + found) if found and right else 0.0


def leak(tally: Mapping[tuple[str, str], float], what: str = "leaks") -> float | None:
    """The share of all documents that leaks."""
    return _share(tally.get(("", what), 0), tally.get(("", "documents"), 0))


Figure = Callable[[Mapping[tuple[str, str], float]], float | None]


def interval(groups: Sequence[Tally], figure: Figure, seed: int, draws: int = 1000) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a figure, drawing whole groups (templates) with replacement.

    Args:
        groups: the tally of each template.
        figure: computes one number from a summed tally.
        seed: of the draws.
        draws: how many.
    """
    drawn = _drawn([groups], figure, seed, draws)
    return _middle([values[0] for values in drawn])


def paired(
    ours: Sequence[Tally], theirs: Sequence[Tally], figure: Figure, seed: int, draws: int = 1000
) -> tuple[float, float] | None:
    """The 95 % interval of the difference between two engines on the same templates, both drawn alike."""
    return _middle([first - second for first, second in _drawn([ours, theirs], figure, seed, draws)])


def _drawn(engines: Sequence[Sequence[Tally]], figure: Figure, seed: int, draws: int) -> list[list[float]]:
    import numpy as np  # after the number of its threads is settled

    size = len(engines[0])
    if not size:
        return []
    times = np.random.default_rng(seed).multinomial(size, [1 / size] * size, size=draws)
    values = []
    for groups in engines:
        keys = sorted({key for group in groups for key in group})
        sums = times @ np.array([[group[key] for key in keys] for group in groups])
        values.append([figure(dict(zip(keys, row.tolist(), strict=True))) for row in sums])
    return [[v for v in pair if v is not None] for pair in zip(*values, strict=True) if None not in pair]


def _middle(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[int(0.025 * len(ordered))], ordered[min(len(ordered) - 1, int(0.975 * len(ordered)))]
