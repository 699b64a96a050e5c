"""What every audit log promises, in memory and on a server."""

import asyncio
import contextlib

import pytest
from clocks import FakeClock
from decisions import collect, fields

from pipeline.adapters.results import StreamResults
from pipeline.audit import ChainedAuditLog, verify
from pipeline.audit.check import check
from pipeline.audit.read import find, newest
from pipeline.contracts import AuditRecord
from pipeline.errors import NotFound, TransportUnavailable
from pipeline.ports import Link


async def test_a_record_is_stored_when_append_returns(link: Link) -> None:
    reference = await ChainedAuditLog(link.streams, "p", FakeClock()).append(fields("r1"))
    stored = await link.streams.at("AUDIT", reference.sequence)
    assert stored is not None
    record = AuditRecord.model_validate_json(stored.body)
    assert (record.producer, record.n, record.request_id) == ("p", 0, "r1")
    assert stored.subject == "audit.acme.decision"


async def test_many_writers_at_once_leave_a_log_that_verifies(link: Link) -> None:
    logs = [ChainedAuditLog(link.streams, f"p{number}", FakeClock()) for number in range(3)]
    await asyncio.gather(*[log.append(fields(f"r{number}")) for number in range(40) for log in logs])
    report = await check(link.streams)
    assert report.ok
    assert (report.records, report.producers) == (120, 3)


async def test_records_cannot_be_deleted(link: Link) -> None:
    reference = await ChainedAuditLog(link.streams, "p", FakeClock()).append(fields())
    deleted = False
    with contextlib.suppress(TransportUnavailable):
        deleted = await link.streams.delete("AUDIT", reference.sequence)
    assert not deleted
    assert verify(await collect(link.streams.scan("AUDIT"))).records == 1


async def test_a_record_is_found_by_its_request(link: Link) -> None:
    log = ChainedAuditLog(link.streams, "p", FakeClock())
    for name in ("r1", "r2", "r10"):
        await log.append(fields(name))
    record, stored = await find(link.streams, StreamResults(link.streams), "acme", "r1")
    assert record.request_id == "r1"
    assert stored.sequence == 1
    with pytest.raises(NotFound, match="r3"):
        await find(link.streams, StreamResults(link.streams), "acme", "r3")


async def test_the_newest_records_come_in_their_order(link: Link) -> None:
    log = ChainedAuditLog(link.streams, "p", FakeClock())
    for name in ("r1", "r2", "r3"):
        await log.append(fields(name))
    await log.append(fields("r4", tenant="other"))
    assert [record.request_id for record, _ in await newest(link.streams, 2)] == ["r3", "r4"]
    assert [record.request_id for record, _ in await newest(link.streams, 2, "acme")] == ["r2", "r3"]
