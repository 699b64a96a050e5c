"""Find records in the log."""

from collections import deque
from typing import Final

from pydantic import ValidationError

from pipeline.audit.chain import split_audit_id
from pipeline.audit.check import AUDIT
from pipeline.contracts import AuditRecord, ChainedRecord, parse_record
from pipeline.errors import NotFound
from pipeline.ports import ResultStore, Stored, Streams

__all__ = ["AUDIT", "Found", "find", "find_begun", "find_named", "first_since", "last_sequence", "newest", "repeats"]

_SLACK_S = 60.0
"""How far the clocks of a worker and of the store may be apart."""
SHORTEST: Final = 4
"""Letters of a request's id that must be given."""
_SHOWN: Final = 5
"""Ids that are named where several begin alike."""
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


async def find_named(streams: Streams, results: ResultStore, tenant: str, name: str) -> Found:
    """The record of the request of this id, or the one of this name, as `x-stepwell-audit-id` says it.

    Raises:
        NotFound: the log has none.
    """
    named = split_audit_id(name)  # no id of a request has a dot
    if named is None:
        return await find(streams, results, tenant, name)
    async for stored in streams.scan(AUDIT, subject=f"audit.{tenant}.>"):
        record = _record(stored) if named[0].encode() in stored.body else None
        if isinstance(record, AuditRecord) and (record.producer, record.n) == named:
            return record, stored
    raise NotFound(f"the log has no record of a decision {name} of tenant {tenant}: check both names")


async def repeats(streams: Streams, found: Found) -> list[Found]:
    """The other records of the same request: of repeated deliveries, and of retries by hand."""
    record, at = found
    others: list[Found] = []
    after = await first_since(streams, record.received_at)
    async for stored in streams.scan(AUDIT, after=after, subject=f"audit.{record.tenant}.>"):
        if stored.sequence == at.sequence or record.request_id.encode() not in stored.body:
            continue
        other = _record(stored)
        if isinstance(other, AuditRecord) and other.request_id == record.request_id:
            others.append((other, stored))
    return others


async def find_begun(streams: Streams, results: ResultStore, tenant: str, beginning: str) -> Found:
    """The record of the request of this id, or else of the one request of the tenant whose id begins so.

    Reads the tenant's records once and keeps a few ids.

    Raises:
        NotFound: no request is called so, or several are and none of them exactly.
    """
    try:
        return await find(streams, results, tenant, beginning)
    except NotFound:
        if len(beginning) < SHORTEST:
            raise
    begun: dict[str, Found] = {}
    async for stored in streams.scan(AUDIT, subject=f"audit.{tenant}.>"):
        record = _record(stored) if beginning.encode() in stored.body else None
        if isinstance(record, AuditRecord) and record.request_id.startswith(beginning):
            begun[record.request_id] = record, stored
            if len(begun) > _SHOWN:
                break
    if not begun:
        raise NotFound(
            f"the log has no record of a request of tenant {tenant} whose id is {beginning} or begins so: check both"
        )
    if len(begun) > 1:
        more = " and others" if len(begun) > _SHOWN else ""
        raise NotFound(f"{beginning} may be {', '.join([*begun][:_SHOWN])}{more}: give more of it")
    return next(iter(begun.values()))


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


async def last_sequence(streams: Streams) -> int:
    """The place of the newest record; 0 where there is none. Places have no gaps: nothing is ever deleted there."""
    high = 1
    while await streams.at(AUDIT, high) is not None:
        high *= 2
    low = high // 2  # there is one at `low`, or it is 0; there is none at `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await streams.at(AUDIT, middle) is not None else (low, middle)
    return low


async def first_since(streams: Streams, since: float) -> int:
    """The place before the first record that was stored at `since` (Unix time) or later, with some slack for clocks."""
    low, high = 0, await last_sequence(streams) + 1
    while high - low > 1:
        middle = (low + high) // 2
        stored = await streams.at(AUDIT, middle)
        low, high = (middle, high) if stored is not None and stored.at < since - _SLACK_S else (low, middle)
    return low


def _record(stored: Stored) -> ChainedRecord | None:
    try:
        return parse_record(stored.body)
    except ValidationError:
        return None
