"""What a verifier is told of replies, and what it says of a log."""

from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Finding", "Problem", "Receipt", "Report"]

Problem = Literal[
    "unreadable",
    "misplaced",
    "changed",
    "missing",
    "hole",
    "out_of_order",
    "copy",
    "fork",
    "no_record",
    "receipt_differs",
]
"""Codes of findings; they are API."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: whose record, at which place of the log (0: it is not there), and what."""

    sequence: int
    producer: str | None
    n: int | None
    problem: Problem
    detail: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a stored reply says about its record."""

    tenant: str
    request_id: str
    audit_id: str | None
    sequence: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict over a log.

    Attributes:
        records: in the log.
        producers: with a chain of their own.
        receipts: replies that were compared, each counted once wherever it stands.
        twice: of these, how many stand in two places: in the stream of replies and in a settled page of their batch,
            until the batch is swept.
        excused: records that their own producer declared unconfirmed.
        problems: what is wrong.
        findings: the first of these.
    """

    records: int
    producers: int
    receipts: int
    twice: int
    excused: int
    problems: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return self.problems == 0

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"ok": self.ok, **asdict(self)}
