"""Find records in the log."""

from collections import deque

from pydantic import ValidationError

from pipeline.audit.check import AUDIT
from pipeline.contracts import AuditRecord, ChainedRecord, parse_record
from pipeline.errors import NotFound
from pipeline.ports import ResultStore, Stored, Streams

__all__ = ["Found", "find", "newest"]

Found = tuple[AuditRecord, Stored]
"""A decision, and where it stands."""


async def find(streams: Streams, results: ResultStore, tenant: str, request_id: str) -> Found:
    """The record of a request: at the place its reply names, or else by reading the tenant's records.

    Raises:
        NotFound: the log has none.
    """
    reply = await results.get(tenant, request_id)
    if reply is not None and reply.audit_sequence is not None:
        stored = await streams.at(AUDIT, reply.audit_sequence)
        record = _record(stored) if stored else None
        if stored and isinstance(record, AuditRecord) and record.request_id == request_id:
            return record, stored
    return await _search(streams, tenant, request_id)


async def _search(streams: Streams, tenant: str, request_id: str) -> Found:
    found: Found | None = None
    async for stored in streams.scan(AUDIT, subject=f"audit.{tenant}.>"):
        if request_id.encode() not in stored.body:
            continue
        record = _record(stored)
        if isinstance(record, AuditRecord) and record.request_id == request_id:
            found = record, stored
    if found is None:
        raise NotFound(f"the log has no record of request {request_id} of tenant {tenant}: check both names")
    return found


async def newest(streams: Streams, count: int, tenant: str | None = None) -> list[tuple[ChainedRecord, Stored]]:
    """The newest records that can be read, decisions and reveals, oldest of them first."""
    subject = None if tenant is None else f"audit.{tenant}.>"
    kept: deque[Stored] = deque(maxlen=count)
    async for stored in streams.scan(AUDIT, subject=subject):
        kept.append(stored)
    return [(record, stored) for stored in kept if (record := _record(stored)) is not None]


def _record(stored: Stored) -> ChainedRecord | None:
    try:
        return parse_record(stored.body)
    except ValidationError:
        return None
