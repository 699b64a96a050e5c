"""Who finds personal data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.contracts import Finding, Mark

__all__ = ["PiiScanner", "ScanReport"]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found: types and counts, where they stand, the engine, and whether it saw everything.

    `scan` is `failed` when the scan broke or ran out of time: then nothing may be concluded from an empty list.
    `marks` are in the order of the units, and within a unit in the order of its text; none overlaps another.
    `names_covered` is False when a unit is in a language whose names nobody here knows; `languages` are those seen.
    """

    findings: tuple[Finding, ...]
    engine: str
    scan: str = "complete"
    reason: str | None = None
    marks: tuple[Mark, ...] = ()
    names_covered: bool = True
    languages: tuple[str, ...] = ()


class PiiScanner(Protocol):
    """Finds personal data."""

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan text units, with `names` also for people and places. Never raises: trouble is a failed report."""
        ...
