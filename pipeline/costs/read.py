"""Read a stretch of the log and of the ledger into a report, in bounded memory."""

from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from pipeline.adapters.money.pages import read_lines
from pipeline.adapters.money.seek import sequence_before
from pipeline.contracts import AuditRecord, parse_record
from pipeline.costs.report import Report
from pipeline.ports import Streams

__all__ = ["SLACK_S", "read_report"]

Told = Callable[[int], None]
"""Told from time to time how many entries were read."""
_EVERY: Final = 500
SLACK_S: Final = 60.0
"""How far the clocks of a worker and of the store may be apart."""


async def read_report(
    streams: Streams, report: Report, *, since: float, until: float, tenant: str | None = None, told: Told | None = None
) -> int:
    """Fill `report` with what ended in [since, until). Returns how many entries could not be read.

    Raises:
        TransportUnavailable: the log or the ledger cannot be read.
    """
    unreadable = read = 0
    place = await sequence_before(streams, "AUDIT", since - SLACK_S)
    async for stored in streams.scan("AUDIT", after=place, subject=f"audit.{tenant or '*'}.decision"):
        read += 1
        try:
            record = parse_record(stored.body)
        except ValidationError:
            unreadable += 1
            continue
        if isinstance(record, AuditRecord) and since <= record.at < until:
            report.record(record)
        if told is not None and read % _EVERY == 0:
            told(read)
    place = await sequence_before(streams, "LEDGER", since - SLACK_S)
    async for entry in read_lines(streams, after=place, tenant=tenant, kind="settle"):
        read += 1
        if entry is None:
            unreadable += 1
        elif since <= entry.at < until:
            report.line(entry)
        if told is not None and read % _EVERY == 0:
            told(read)
    return unreadable
