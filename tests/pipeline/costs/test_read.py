"""A report out of the log and the ledger."""

from recorded_costs import AT, attempted, recorded, settled

from pipeline.costs.read import read_report
from pipeline.costs.report import Report
from pipeline.topology import audit_subject, ledger_subject
from pipeline.transport.memory import MemoryLink


async def test_what_ended_in_the_time_is_read_once_and_what_cannot_be_read_is_told() -> None:
    streams, told = MemoryLink().streams, []
    for number, at in enumerate((AT - 10, AT, AT + 5, AT + 10)):
        record = recorded(f"r{number}", attempted(1, "small", 0.1), at=at)
        await streams.append(audit_subject("acme", "decision"), record.model_dump_json().encode())
        entry = settled(f"r{number}", "draft-1", 0.1, at=at)
        await streams.append(ledger_subject(entry.attempt, "settle"), entry.model_dump_json().encode())
    beside = settled("x", "draft-1", 0.7)
    await streams.append(ledger_subject(beside.attempt, "settle"), beside.model_dump_json().encode())
    aside = beside.model_copy(update={"kind": "reserve"})
    await streams.append(ledger_subject(beside.attempt, "reserve"), aside.model_dump_json().encode())
    await streams.append(audit_subject("acme", "decision"), b"{}")
    report = Report()
    unreadable = await read_report(streams, report, since=AT, until=AT + 10, told=told.append)
    assert unreadable == 1
    assert (report.total.requests, round(report.total.cost, 9)) == (2, 0.9)


async def test_of_one_tenant() -> None:
    streams = MemoryLink().streams
    for tenant in ("acme", "other"):
        record = recorded("r1", attempted(1, "small", 0.1), tenant=tenant)
        await streams.append(audit_subject(tenant, "decision"), record.model_dump_json().encode())
    report = Report()
    await read_report(streams, report, since=AT, until=AT + 10, tenant="other")
    assert list(report.rows) == ["other"]
