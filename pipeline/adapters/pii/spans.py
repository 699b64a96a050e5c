"""What a detector finds, and how findings are put in order and counted."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from pipeline.contracts import Finding

__all__ = ["NAMES", "TYPES", "Span", "merge", "resolve", "tally", "united"]

_RANKED: Final = (
    "SECRET", "CREDIT_CARD", "IBAN", "PASSPORT", "MEDICAL_ID", "US_SSN", "NATIONAL_ID", "DRIVER_LICENSE",
    "BANK_ACCOUNT", "EMAIL", "IP", "MAC", "CRYPTO_WALLET", "COORDINATES", "DATE_OF_BIRTH", "PHONE", "DEVICE_ID",
    "VEHICLE_ID", "ADDRESS", "PERSON", "HEALTH", "BIOMETRIC", "GENETIC", "SEXUAL", "RELIGION", "POLITICS", "UNION",
    "CRIMINAL", "LOCATION", "ORG", "NRP", "AGE",
)  # fmt: skip
TYPES: Final = frozenset(_RANKED)
"""Every type that is found."""
_RANK: Final = {name: place for place, name in enumerate(_RANKED)}
"""Between equal scores and lengths the more sensitive type wins, so that a tie never lowers the data class."""


class Span(NamedTuple):
    """One occurrence: `text[start:end]` is of `type`, with a score in [0, 1]."""

    type: str
    start: int
    end: int
    score: float


NAMES: Final = frozenset({"PERSON", "LOCATION", "ORG", "NRP"})
"""What only the language pipeline finds. Where it overlaps a form that was recognised, the form wins."""
_CEDES: Final = 0.5


def _strength(span: Span) -> tuple[float, int, int]:
    score = min(span.score, _CEDES) if span.type in NAMES else span.score
    return (-score, span.start - span.end, _RANK.get(span.type, len(_RANK)))


def united(spans: Iterable[Span]) -> list[Span]:
    """The spans, those of one address as one: patterns see its street, and names its town, or the other way round."""
    others: list[Span] = []
    streets: list[Span] = []
    for span in sorted(spans):
        if span.type != "ADDRESS":
            others.append(span)
        elif streets and span.start < streets[-1].end:
            last = streets[-1]
            streets[-1] = Span("ADDRESS", last.start, max(last.end, span.end), max(last.score, span.score))
        else:
            streets.append(span)
    return others + streets


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Keep the strongest of each group of overlapping spans, in the order of the text."""
    kept: list[Span] = []
    for span in sorted(spans, key=_strength):
        at = bisect_left(kept, span.start, key=_end)
        while at < len(kept) and kept[at].end <= span.start:
            at += 1
        if at == len(kept) or span.end <= kept[at].start:
            kept.insert(at, span)
    return kept


def _end(span: Span) -> int:
    return span.end


def tally(spans: Iterable[Span]) -> tuple[Finding, ...]:
    """Count spans by type and score; the text is left behind."""
    counts = Counter((span.type, span.score) for span in spans)
    return tuple(Finding(type=kind, count=count, score=score) for (kind, score), count in counts.items())


def merge(groups: Iterable[Iterable[Finding]]) -> tuple[Finding, ...]:
    """Add up the findings of several units."""
    parts = [group for group in groups if group]
    if not parts:
        return ()
    counts: Counter[tuple[str, float | None]] = Counter()
    for group in parts:
        for finding in group:
            counts[finding.type, finding.score] += finding.count
    return tuple(
        Finding(type=kind, count=counts[kind, score], score=score)
        for kind, score in sorted(counts, key=lambda key: (key[0], -(key[1] or 0.0)))
    )
