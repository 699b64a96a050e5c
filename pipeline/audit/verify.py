"""Find what was changed, dropped, moved, repeated or added in a log. Pure, one pass, one byte kept for each reply.

What it trusts: nothing but the bytes. What it cannot see in the chain alone, the end of it, it sees by receipts: a
stored reply names its record and that record's digest, so a cut or changed end contradicts the replies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from pipeline.audit.chain import GENESIS, digest, split_audit_id
from pipeline.audit.named import Named
from pipeline.audit.verdict import Finding, Problem, Receipt, Report
from pipeline.contracts import ChainedRecord, parse_record
from pipeline.ports import Stored
from pipeline.topology import audit_subject

__all__ = ["Finding", "Problem", "Receipt", "Report", "Verifier", "verify"]

RECENT: Final = 64
"""Digests kept of each producer's newest records, to compare receipts with."""
LONGEST_GAP: Final = 4096
"""Missing numbers that are remembered one by one; a longer gap is one finding at once."""
KEPT: Final = 1000
"""Findings kept; more are counted."""


@dataclass(slots=True)
class _Gap:
    """A number that was passed over."""

    noticed_at: int
    expected: str | None = None
    filled: str | None = None
    filled_at: int = 0


@dataclass(slots=True)
class _Thread:
    """What is known of one producer's chain."""

    next: int = 0
    prev: str = GENESIS
    sequence: int = 0
    suspect: tuple[int, int] | None = None
    """Number and sequence of the record before the newest link that did not fit."""
    recent: dict[int, str] = field(default_factory=dict)
    told: int = -1
    """The number last found to be changed."""
    refuted: bool = False
    """The newest record contradicts a receipt, so it is the one that was changed."""
    gaps: dict[int, _Gap] = field(default_factory=dict)


class Verifier:
    """Takes a log record by record, then receipts, then says what is wrong."""

    def __init__(self) -> None:
        self.sequence = 0
        """The newest place of the log that was read."""
        self.records = 0
        self._receipts = 0
        self._twice = 0
        self._named = Named()
        self._unrecorded: set[tuple[str, str, str | None]] = set()
        self._threads: dict[str, _Thread] = {}
        self._declared: dict[tuple[str, int], str] = {}
        self._findings: list[Finding] = []
        self._problems = 0

    # ------------------------------------------------------------ records

    def record(self, stored: Stored) -> None:
        """Take the next stored record, in the order of the log."""
        if self.records and stored.sequence != self.sequence + 1:
            detail = f"the log holds nothing between places {self.sequence} and {stored.sequence}"
            self._found(stored.sequence, None, None, "hole", detail)
        self.records += 1
        self.sequence = stored.sequence
        try:
            record = parse_record(stored.body)
        except ValidationError as error:
            self._found(stored.sequence, None, None, "unreadable", f"no audit record ({error.error_count()} problems)")
            return
        if stored.subject != audit_subject(record.tenant, record.kind):
            detail = f"a record of tenant {record.tenant} stands under {stored.subject}"
            self._found(stored.sequence, record.producer, record.n, "misplaced", detail)
        for entry in record.unconfirmed:
            self._declared[entry.producer, entry.n] = entry.sha256
        thread = self._threads.setdefault(record.producer, _Thread())
        if record.n < thread.next:
            self._earlier(thread, record, stored)
        else:
            self._onward(thread, record, stored)

    def _onward(self, thread: _Thread, record: ChainedRecord, stored: Stored) -> None:
        """The next number of its producer, or one further on."""
        if record.n > thread.next:
            self._gap(thread, record, stored.sequence)
        else:
            self._link(thread, record)
        thread.next, thread.prev, thread.sequence = record.n + 1, digest(stored.body), stored.sequence
        thread.recent[record.n] = thread.prev
        thread.recent.pop(record.n - RECENT, None)

    def _link(self, thread: _Thread, record: ChainedRecord) -> None:
        """Compare the record's idea of its predecessor with the predecessor.

        One link that does not fit means that the record before it was changed; two in a row mean that the record
        between them was, in the field that points back.
        """
        fits = record.prev == thread.prev
        if fits and thread.suspect is not None:
            self._changed(record.producer, *thread.suspect)
            thread.suspect = None
        elif not fits and thread.suspect is not None:
            self._changed(record.producer, record.n - 1, thread.sequence)
            thread.suspect = None
        elif not fits and record.n == 0:
            self._changed(record.producer, 0, self.sequence)
        elif not fits:
            thread.suspect = (record.n - 1, thread.sequence)

    def _gap(self, thread: _Thread, record: ChainedRecord, sequence: int) -> None:
        self._settle_suspect(thread, record.producer)
        first, last = thread.next, record.n - 1
        if record.n - first > LONGEST_GAP:
            self._found(sequence, record.producer, first, "missing", f"records {first} to {last} are missing before it")
            return
        for number in range(first, record.n):
            thread.gaps[number] = _Gap(sequence)
        thread.gaps[last].expected = record.prev

    def _earlier(self, thread: _Thread, record: ChainedRecord, stored: Stored) -> None:
        """A number that was passed over, or one that is taken."""
        gap, body_digest = thread.gaps.get(record.n), digest(stored.body)
        if gap is not None and gap.filled is None:
            gap.filled, gap.filled_at = body_digest, stored.sequence
            return
        known = gap.filled if gap is not None else thread.recent.get(record.n)
        problem: Problem = "copy" if known == body_digest else "fork"
        detail = f"record {record.n} of {record.producer} is in the log already"
        self._found(stored.sequence, record.producer, record.n, problem, detail)

    def _settle_suspect(self, thread: _Thread, producer: str) -> None:
        if thread.suspect is not None:
            self._changed(producer, *thread.suspect)
            thread.suspect = None

    # ------------------------------------------------------------ receipts

    def receipt(self, receipt: Receipt, *, final: bool = False) -> bool:
        """Compare a stored reply with the log.

        Returns:
            False when it names a place beyond what was read and `final` is not set: read on, then offer it again.
        """
        if receipt.sequence > self.sequence and not final:
            return False
        name = split_audit_id(receipt.audit_id or "")
        if name is None:
            self._without_record(receipt, None, None, "names no record")
        elif self._is_missing(*name):
            self._without_record(receipt, *name, "names a record that is not in the log")
        else:
            self._count(again=self._named.again(*name, _who(receipt)))
            self._compare(receipt, *name)
        return True

    def _is_missing(self, producer: str, n: int) -> bool:
        thread = self._threads.get(producer)
        return thread is None or n >= thread.next or (n in thread.gaps and thread.gaps[n].filled is None)

    def _count(self, *, again: bool) -> None:
        if again:
            self._twice += 1
        else:
            self._receipts += 1

    def _without_record(self, receipt: Receipt, producer: str | None, n: int | None, detail: str) -> None:
        """One finding for each reply, also where it stands in two places."""
        key = (receipt.tenant, receipt.request_id, receipt.audit_id)
        again = key in self._unrecorded
        self._count(again=again)
        if again:
            return
        if len(self._unrecorded) < KEPT:
            self._unrecorded.add(key)
        place = 0 if producer is None else receipt.sequence
        self._found(place, producer, n, "no_record", f"{_who(receipt)} {detail}")

    def _compare(self, receipt: Receipt, producer: str, n: int) -> None:
        """Compare digests, in both places of a reply that stands in two."""
        thread = self._threads[producer]
        known = thread.recent.get(n)
        if known is not None and receipt.digest is not None and known != receipt.digest:
            thread.refuted |= n == thread.next - 1
            detail = f"{_who(receipt)} was given another digest"
            self._found(receipt.sequence, producer, n, "receipt_differs", detail)

    # ------------------------------------------------------------ the verdict

    def report(self) -> Report:
        """What was found. Call once, after the last record and receipt."""
        excused = 0
        for producer, thread in self._threads.items():
            if not thread.refuted:
                self._settle_suspect(thread, producer)
            excused += sum(self._close(producer, number, gap) for number, gap in thread.gaps.items())
        findings = tuple(sorted(self._findings, key=lambda finding: finding.sequence))
        counted = (self.records, len(self._threads), self._receipts, self._twice, excused, self._problems)
        return Report(*counted, findings)

    def _close(self, producer: str, n: int, gap: _Gap) -> bool:
        """Judge a number that was passed over; True when its producer had declared it."""
        declared = self._declared.get((producer, n))
        place = gap.filled_at or gap.noticed_at
        if len({declared, gap.expected, gap.filled} - {None}) > 1:
            self._changed(producer, n, place)
        elif declared is None and gap.filled is None:
            self._found(place, producer, n, "missing", f"record {n} of {producer} is missing before it")
        elif declared is None:
            self._found(place, producer, n, "out_of_order", f"record {n} of {producer} stands after a later one")
        else:
            return True
        return False

    def _changed(self, producer: str, n: int, sequence: int) -> None:
        if self._threads[producer].told == n:
            return
        self._threads[producer].told = n
        self._found(sequence, producer, n, "changed", f"record {n} of {producer} is not what was written")

    def _found(self, sequence: int, producer: str | None, n: int | None, problem: Problem, detail: str) -> None:
        self._problems += 1
        if len(self._findings) < KEPT:
            self._findings.append(Finding(sequence, producer, n, problem, detail))


def _who(receipt: Receipt) -> str:
    return f"the reply to {receipt.tenant}/{receipt.request_id}"


def verify(records: Iterable[Stored], receipts: Iterable[Receipt] = ()) -> Report:
    """Verify a whole log, oldest record first, and the replies that refer to it."""
    verifier = Verifier()
    for stored in records:
        verifier.record(stored)
    for receipt in receipts:
        verifier.receipt(receipt, final=True)
    return verifier.report()
