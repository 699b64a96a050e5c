"""From what each text holds to the report of a request."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from pipeline.adapters.pii.spans import merge, tally
from pipeline.adapters.pii.steps import MOST_SPANS, Scanned
from pipeline.contracts import Mark
from pipeline.ports import ScanReport

__all__ = ["TOO_MANY", "report_of"]

TOO_MANY: Final = "too many findings"


_NOTHING: Final = Scanned()


@lru_cache(maxsize=64)
def _clean(engine: str, state: str, reason: str | None) -> ScanReport:
    """The report of most requests: nothing anywhere, and in no language that is told apart."""
    return ScanReport((), engine, state, reason)


def report_of(
    scanned: Sequence[Scanned], engine: str, state: str = "complete", reason: str | None = None
) -> ScanReport:
    """The report of a request whose units hold `scanned`; failed when they hold more than is carried."""
    if scanned.count(_NOTHING) == len(scanned):
        return _clean(engine, state, reason)
    covered = all([unit.covered for unit in scanned])  # noqa: C419  a generator takes longer, here and below
    languages = tuple(dict.fromkeys([language for unit in scanned for language in unit.languages]))
    if not any([unit.spans for unit in scanned]):  # noqa: C419
        return ScanReport((), engine, state, reason, names_covered=covered, languages=languages)
    if sum(len(unit.spans) for unit in scanned) > MOST_SPANS:
        return ScanReport((), engine, "failed", TOO_MANY)
    return ScanReport(
        findings=merge([tally(span for unit in scanned for span in unit.spans)]),
        engine=engine,
        scan=state,
        reason=reason,
        marks=tuple(
            Mark(place, span.start, span.end, span.type, span.score)
            for place, unit in enumerate(scanned)
            for span in unit.spans
        ),
        names_covered=covered,
        languages=languages,
    )
