"""How well names are found in labelled texts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.adapters.pii.entity import Entity
from pipeline.adapters.pii.labels import LABELS
from pipeline.adapters.pii.training.generate import Document

__all__ = ["Scores", "score"]

Scores = dict[str, dict[str, float]]
"""By type: `labels` (how many), `recall`, `precision` and `f2`."""
_COVERED: Final = 0.5

_Range = tuple[int, int]


def score(documents: Sequence[Document], found: Iterable[Sequence[Entity]]) -> Scores:
    """Recall, precision and F2 by type.

    A label counts as found when findings of its type cover at least half of its characters, a finding as right when
    labels of its type cover at least half of its own. F2 is (5 P R) / (4 P + R) (van Rijsbergen 1979, beta = 2).
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for document, entities in zip(documents, found, strict=True):
        gold, seen = (
            _by_type((LABELS[kind], a, b) for kind, a, b in document.labels if kind in LABELS),
            _by_type((LABELS[one.label_], one.start_char, one.end_char) for one in entities if one.label_ in LABELS),
        )
        for kind in gold.keys() | seen.keys():
            counts[kind]["labels"] += len(gold[kind])
            counts[kind]["hit"] += sum(_covered(span, seen[kind]) for span in gold[kind])
            counts[kind]["found"] += len(seen[kind])
            counts[kind]["right"] += sum(_covered(span, gold[kind]) for span in seen[kind])
    return {kind: _row(counts[kind]) for kind in sorted(counts)}


def _by_type(spans: Iterable[tuple[str, int, int]]) -> defaultdict[str, list[_Range]]:
    by_type: defaultdict[str, list[_Range]] = defaultdict(list)
    for kind, start, end in spans:
        by_type[kind].append((start, end))
    return by_type


def _covered(span: _Range, others: Iterable[_Range]) -> bool:
    """Whether the others, none of which overlap, cover half of the span."""
    start, end = span
    return sum(max(0, min(end, b) - max(start, a)) for a, b in others) >= _COVERED * (end - start)


def _row(count: Counter[str]) -> dict[str, float]:
    recall = count["hit"] / count["labels"] if count["labels"] else 0.0
    precision = count["right"] / count["found"] if count["found"] else 0.0
    f2 = 5 * precision * recall / (4 * precision + recall) if precision and recall else 0.0
    return {"labels": count["labels"], "recall": round(recall, 4), "precision": round(precision, 4), "f2": round(f2, 4)}
