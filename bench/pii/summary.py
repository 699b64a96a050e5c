"""The marks in a few lines: of each, the worst figure among those that it covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.pii.rows import PRESIDIO
from bench.pii.table import Figure

__all__ = ["LINES", "summary"]

_FILES: Final = frozenset(PRESIDIO)
_EXACT: Final = ("CREDIT_CARD", "IBAN", "EMAIL", "IP", "US_SSN")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line covers the figures whose measure begins and ends so, in these sections."""

    measure: str
    mark: str
    sections: frozenset[str]
    begins: tuple[str, ...]
    ends: str = ""


def _made(begins: str, ends: str) -> tuple[frozenset[str], tuple[str, ...], str]:
    return frozenset({"made identifiers"}), (begins,), ends


_BOTH: Final = frozenset({"both files"})
_ORDINARY: Final = frozenset({"ordinary texts with a finding"})
LINES: Final = (
    _Line("card, IBAN, e-mail, IP, SSN: recall, both sets", ">= 0.99", _FILES, _EXACT, "recall"),
    _Line("card, IBAN, e-mail, IP, SSN: precision, both sets", ">= 0.98", _FILES, _EXACT, "precision"),
    _Line("IBAN (made here): recall", ">= 0.99", *_made("IBAN", "recall")),
    _Line("IBAN (made here): precision", ">= 0.98", *_made("IBAN", "precision")),
    _Line("phone F2, both sets", ">= 0.88", _FILES, ("PHONE F2",)),
    _Line("person F2, both sets", ">= 0.89", _FILES, ("PERSON F2",)),
    _Line("address F2, both sets", ">= 0.65", _FILES, ("ADDRESS F2",)),
    _Line("address, town and zip code as one type, F2", ">= 0.65", _FILES, ("PLACE F2",)),
    _Line("credentials of known formats, recall", ">= 0.95", frozenset({"credentials"}), ("recall over",)),
    _Line("documents that leak, found by any type", "<= 0.08", _BOTH, ("documents that leak",), "leak"),
    _Line("documents that leak, type must be right", "<= 0.08", _BOTH, ("documents that leak, type",)),
    _Line("GSM8K questions with a structured finding", "<= 0.01", _ORDINARY, ("GSM8K",), "structured"),
    _Line("Banking77 and CLINC150 queries with one", "<= 0.001", _ORDINARY, ("Banking77",), "structured"),
    _Line("Python functions with one", "<= 0.05", _ORDINARY, ("Python",), "structured"),
    _Line("disguised identifiers, recall", ">= 0.95", frozenset({"disguises"}), ("",)),
    _Line("countries whose ids are found", ">= 25", frozenset({"national ids"}), ("countries",)),
)  # fmt: skip


def summary(figures: Sequence[Figure]) -> Iterator[Figure]:
    """One figure for each line: the worst of those it covers, and how many of them miss the mark."""
    for line in LINES:
        covered = [f for f in figures if f.value is not None and _covers(line, f)]
        if not covered:
            yield Figure("marks", line.measure, None, line.mark, note="not measured")
            continue
        worst = (min if line.mark.startswith(">=") else max)(covered, key=lambda figure: figure.value or 0.0)
        number = sum(figure.count for figure in covered)
        note = f"worst: {worst.section}, {worst.measure}" if len(covered) > 1 else ""
        yield Figure("marks", line.measure, worst.value, line.mark, number, worst.interval, note, worst.unit)


def _covers(line: _Line, figure: Figure) -> bool:
    named = figure.measure.startswith(line.begins) and figure.measure.endswith(line.ends)
    return named and figure.section in line.sections
