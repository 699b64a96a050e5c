"""The writer: what it chains, what it offers again, and when it begins anew."""

import asyncio

import pytest
from clocks import FakeClock
from decisions import Unsteady, collect, fields, write_log

from pipeline.audit import ChainedAuditLog, digest, verify
from pipeline.contracts import AuditRecord, ProviderPreferences, Signals, Snapshot, TargetStanding
from pipeline.errors import Permanent, TransportUnavailable
from pipeline.ports import Appended, Stored, Streams
from pipeline.transport.memory import MemoryLink


async def _log(streams: Streams) -> list[Stored]:
    return await collect(streams.scan("AUDIT"))


def _impatient(streams: object, *, patience_s: float = 2.5) -> ChainedAuditLog:
    """Each look at the clock takes a second, so that two offers after the first use the patience up."""
    return ChainedAuditLog(streams, "p", FakeClock(tick=1.0), patience_s=patience_s, pause_s=0.0)  # type: ignore[arg-type]  # a fake


async def _all(log: ChainedAuditLog, names: str) -> list[object]:
    return await asyncio.gather(*[log.append(fields(name)) for name in names], return_exceptions=True)


async def test_each_record_holds_the_digest_of_the_stored_bytes_before_it() -> None:
    streams = MemoryLink().streams
    references = await write_log(streams, 3)
    stored = await _log(streams)
    records = [AuditRecord.model_validate_json(each.body) for each in stored]
    assert [record.prev for record in records] == ["0" * 64, digest(stored[0].body), digest(stored[1].body)]
    assert [reference.audit_id for reference in references] == ["p.0", "p.1", "p.2"]
    assert [reference.sequence for reference in references] == [each.sequence for each in stored]
    assert [reference.digest for reference in references] == [digest(each.body) for each in stored]


async def test_records_that_arrive_together_are_chained_in_the_order_of_their_arrival() -> None:
    streams = MemoryLink().streams
    log = ChainedAuditLog(streams, "p", FakeClock())
    await _all(log, "abcdef")
    records = [AuditRecord.model_validate_json(each.body) for each in await _log(streams)]
    assert [(record.n, record.request_id) for record in records] == list(enumerate("abcdef"))


async def test_one_batch_is_under_way_at_a_time_and_the_rest_waits_for_the_next() -> None:
    class Slow(Unsteady):
        present = 0
        most: list[int] = []  # noqa: RUF012  one test, one instance

        async def append(
            self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
        ) -> Appended:
            self.present += 1
            self.most.append(self.present)
            await asyncio.sleep(0.001)
            self.present -= 1
            return await super().append(subject, body, once=once)

    streams = Slow(MemoryLink().streams)
    log = ChainedAuditLog(streams, "p", FakeClock())
    await _all(log, "abcdefghij")
    assert streams.most[0] == 1
    assert max(streams.most) == 9, "what waited for the first record goes out together"
    assert verify(await _log(streams)).ok


async def test_an_unconfirmed_append_is_repeated_with_the_same_bytes_and_stored_once() -> None:
    streams = Unsteady(MemoryLink().streams, "mute", "lost", "ok")
    reference = await _impatient(streams).append(fields("a"))
    stored = await _log(streams)
    assert len(set(streams.bodies)) == 1
    assert len(streams.bodies) == 3
    assert [each.sequence for each in stored] == [reference.sequence]


async def test_the_tail_of_a_batch_is_repeated_in_order() -> None:
    streams = Unsteady(MemoryLink().streams, "ok", "ok", "lost", "lost", "ok", "ok")
    log = _impatient(streams)
    await log.append(fields("a"))
    answers = await _all(log, "bcd")
    assert not any(isinstance(answer, BaseException) for answer in answers)
    report = verify(await _log(streams))
    assert report.ok
    assert (report.records, report.producers, report.excused) == (4, 1, 0)


@pytest.mark.parametrize("fate", ["lost", "mute"])
async def test_what_is_never_confirmed_fails_its_requests_and_begins_a_new_chain_that_says_so(fate: str) -> None:
    """Whether the bytes were stored or not, the log verifies afterwards and the caller may safely try again."""
    streams = Unsteady(MemoryLink().streams, "ok", "ok", *[fate] * 6)
    log = _impatient(streams)
    await log.append(fields("a"))
    answers = await _all(log, "bcd")
    assert [isinstance(answer, TransportUnavailable) for answer in answers] == [False, True, True]
    assert not isinstance(answers[0], BaseException)
    again = await log.append(fields("c"))
    assert again.audit_id == "p-1.0"
    record = AuditRecord.model_validate_json((await _log(streams))[-1].body)
    assert [(entry.producer, entry.n) for entry in record.unconfirmed] == [("p", 2), ("p", 3)]
    assert verify(await _log(streams)).ok


async def test_a_record_that_is_overtaken_ends_its_chain_and_the_log_still_verifies() -> None:
    """One record is lost while the next is stored: no order can be restored, so the hole is declared."""
    streams = Unsteady(MemoryLink().streams, "ok", "lost", "ok")
    log = _impatient(streams)
    await log.append(fields("a"))
    lost, kept = await _all(log, "bc")
    assert isinstance(lost, TransportUnavailable)
    assert not isinstance(kept, BaseException)
    await log.append(fields("b"))
    report = verify(await _log(streams))
    assert report.ok
    assert report.excused == 1


async def test_a_record_that_is_stored_too_late_is_declared() -> None:
    streams = Unsteady(MemoryLink().streams, "ok", "lost", "mute", "ok", "ok")
    log = _impatient(streams)
    await log.append(fields("a"))
    answers = await _all(log, "bc")
    assert not any(isinstance(answer, BaseException) for answer in answers)
    assert not verify(await _log(streams)).ok, "until the next record declares it, it looks like a reordered log"
    await log.append(fields("d"))
    report = verify(await _log(streams))
    assert report.ok
    assert report.excused == 1


async def test_a_declaration_is_repeated_until_a_record_that_carries_it_is_confirmed() -> None:
    streams = Unsteady(MemoryLink().streams, "ok", "lost", "ok", "lost", "lost", "lost", "lost")
    log = _impatient(streams)
    await log.append(fields("a"))
    await _all(log, "bc")
    with pytest.raises(TransportUnavailable):
        await log.append(fields("d"))
    assert (await log.append(fields("e"))).audit_id == "p-2.0"
    await log.append(fields("f"))
    stored = await _log(streams)
    assert verify(stored).ok
    assert [len(AuditRecord.model_validate_json(each.body).unconfirmed) for each in stored] == [0, 0, 1, 0]


async def test_an_error_that_will_not_pass_reaches_its_request_at_once() -> None:
    class Full(Unsteady):
        async def append(
            self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
        ) -> Appended:
            self.bodies.append(body)
            raise Permanent("too large")

    streams = Full(MemoryLink().streams)
    with pytest.raises(Permanent):
        await _impatient(streams).append(fields("a"))
    assert len(streams.bodies) == 1


async def test_a_request_that_gives_up_does_not_stop_the_others() -> None:
    streams = MemoryLink().streams
    log = ChainedAuditLog(streams, "p", FakeClock())
    gone = asyncio.create_task(log.append(fields("a")))
    stays = asyncio.create_task(log.append(fields("b")))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).audit_id == "p.1"
    await log.close()
    assert verify(await _log(streams)).records == 2


async def test_everything_that_was_handed_in_is_stored_before_closing_ends() -> None:
    streams = MemoryLink().streams
    log = ChainedAuditLog(streams, "p", FakeClock())
    tasks = [asyncio.create_task(log.append(fields(name))) for name in "abcde"]
    await asyncio.sleep(0)
    await log.close()
    assert len(await _log(streams)) == 5
    await asyncio.gather(*tasks)


async def test_what_planning_saw_is_read_back_as_it_was_and_takes_no_room_for_defaults() -> None:
    """A plan is made again from the record, so both must be whole; most of their fields mostly say nothing."""
    seen = Signals(tenant="shop", task="chat", types=("PERSON",), provider=ProviderPreferences(only=("eu",)))
    world = Snapshot(targets={"small": TargetStanding(load=0.5), "large": TargetStanding()}, weights=({"small": 1.0},))
    streams = MemoryLink().streams
    log = ChainedAuditLog(streams, "p", FakeClock())
    await log.append({**fields("a"), "signals_seen": seen, "snapshot": world})
    (stored,) = await _log(streams)
    record = AuditRecord.model_validate_json(stored.body)
    assert (record.signals_seen, record.snapshot) == (seen, world)
    assert b"has_images" not in stored.body
    assert b"healthy" not in stored.body
