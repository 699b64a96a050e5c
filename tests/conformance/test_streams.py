"""What any durable stream and bucket promises. Each behaviour runs in memory and on a real nats-server."""

import asyncio
import contextlib

import pytest

from pipeline.errors import TransportUnavailable
from pipeline.ports import Conflict, Entry, Link


async def test_what_is_appended_is_the_last_and_is_found_by_sequence(link: Link) -> None:
    stored = await link.streams.append("outcome.default.a", b"one")
    assert not stored.duplicate
    last = await link.streams.last("outcome.default.a")
    assert last is not None
    assert (last.subject, last.body, last.sequence) == ("outcome.default.a", b"one", stored.sequence)
    assert (await link.streams.at("OUTCOMES", stored.sequence)) == last


async def test_what_is_not_there_is_none(link: Link) -> None:
    assert await link.streams.last("result.default.missing") is None
    assert await link.streams.at("RESULTS", 7) is None


async def test_a_repetition_under_the_same_id_stores_nothing(link: Link) -> None:
    first = await link.streams.append("audit.default.decision", b"one", once="p.0")
    second = await link.streams.append("audit.default.decision", b"one", once="p.0")
    assert (second.sequence, second.duplicate) == (first.sequence, True)


async def test_the_first_writer_wins(link: Link) -> None:
    await link.streams.append("result.default.r", b"first", expected=0)
    with pytest.raises(Conflict):
        await link.streams.append("result.default.r", b"second", expected=0)
    last = await link.streams.last("result.default.r")
    assert last is not None
    assert last.body == b"first"


async def test_compare_and_set_replaces_exactly_what_was_read(link: Link) -> None:
    first = await link.streams.append("result.default.r", b"first", expected=0)
    second = await link.streams.append("result.default.r", b"second", expected=first.sequence)
    with pytest.raises(Conflict):
        await link.streams.append("result.default.r", b"third", expected=first.sequence)
    assert second.sequence > first.sequence


async def test_a_scan_yields_everything_in_order_after_a_sequence_and_by_subject(link: Link) -> None:
    for number in range(30):
        await link.streams.append(f"dead.{'plan' if number % 3 else 'draft'}", str(number).encode())
    everything = [stored async for stored in link.streams.scan("DEAD")]
    assert [int(stored.body) for stored in everything] == list(range(30))
    later = [stored async for stored in link.streams.scan("DEAD", after=everything[9].sequence)]
    assert [int(stored.body) for stored in later] == list(range(10, 30))
    drafts = [int(stored.body) async for stored in link.streams.scan("DEAD", subject="dead.draft")]
    assert drafts == list(range(0, 30, 3))


async def test_a_scan_of_more_than_one_page_misses_nothing(link: Link) -> None:
    await asyncio.gather(*(link.streams.append("dead.plan", str(number).encode()) for number in range(1203)))
    found = [int(stored.body) async for stored in link.streams.scan("DEAD")]
    assert sorted(found) == list(range(1203))


async def test_an_empty_stream_scans_to_nothing(link: Link) -> None:
    assert [stored async for stored in link.streams.scan("AUDIT")] == []


async def test_the_audit_stream_deletes_nothing_and_others_do(link: Link) -> None:
    kept = await link.streams.append("audit.default.decision", b"kept")
    gone = await link.streams.append("dead.plan", b"gone")
    with contextlib.suppress(TransportUnavailable):  # a server refuses with an error instead
        assert not await link.streams.delete("AUDIT", kept.sequence)
    assert await link.streams.at("AUDIT", kept.sequence) is not None
    assert await link.streams.delete("DEAD", gone.sequence)
    assert await link.streams.at("DEAD", gone.sequence) is None
    assert not await link.streams.delete("DEAD", gone.sequence)


async def test_a_subject_without_a_stream_is_an_error_that_names_the_remedy(link: Link) -> None:
    with pytest.raises((TransportUnavailable, LookupError)):
        await link.streams.append("nowhere.at.all", b"x")


async def test_a_bucket_gives_back_what_was_put_and_none_otherwise(link: Link) -> None:
    bucket = link.bucket("weights")
    assert await bucket.get("route") is None
    assert await bucket.get("[no key] >") is None
    revision = await bucket.put("route", b"1")
    assert await bucket.get("route") == Entry("route", b"1", revision)
    assert await bucket.keys() == ("route",)


async def test_a_bucket_is_empty_at_first(link: Link) -> None:
    assert await link.bucket("experiments").keys() == ()


async def test_a_bucket_writes_only_over_the_revision_that_was_read(link: Link) -> None:
    bucket = link.bucket("weights")
    first = await bucket.put("route", b"1", expected=0)
    with pytest.raises(Conflict):
        await bucket.put("route", b"x", expected=0)
    second = await bucket.put("route", b"2", expected=first)
    with pytest.raises(Conflict):
        await bucket.put("route", b"x", expected=first)
    assert second > first


async def test_a_watch_of_one_key_hears_of_no_other(link: Link) -> None:
    bucket = link.bucket("policy")
    await bucket.put("parts", b"many")
    watch = bucket.watch("current")
    assert await anext(watch) is None
    await bucket.put("parts", b"more")
    await bucket.put("current", b"1")
    async with asyncio.timeout(5):
        change = await anext(watch)
    assert change is not None
    assert (change.key, change.value) == ("current", b"1")
    await watch.aclose()  # type: ignore[attr-defined]


async def test_a_watch_yields_what_is_there_then_none_then_changes(link: Link) -> None:
    bucket = link.bucket("weights")
    await bucket.put("a", b"1")
    watch = bucket.watch()
    seen = [await anext(watch), await anext(watch)]
    assert seen[0] is not None
    assert (seen[0].key, seen[0].value) == ("a", b"1")
    assert seen[1] is None
    await bucket.put("b", b"2")
    async with asyncio.timeout(5):
        change = await anext(watch)
    assert change is not None
    assert (change.key, change.value) == ("b", b"2")
    await watch.aclose()  # type: ignore[attr-defined]


async def test_the_first_one_from_a_sequence_on_is_found_across_gaps(link: Link) -> None:
    for number in range(6):
        await link.streams.append("result.default.r" + str(number), str(number).encode(), expected=0)
    for number in (0, 2, 3):
        await link.streams.purge(f"result.default.r{number}")
    found = [await link.streams.following("RESULTS", number) for number in range(1, 8)]
    assert [stored.body if stored else None for stored in found] == [b"1", b"1", b"4", b"4", b"4", b"5", None]


async def test_the_newest_on_each_of_many_subjects_is_read_at_once(link: Link) -> None:
    assert await link.streams.newest_of("LEDGER", ["ledger.default.r1.>"]) == []
    for number in range(700):
        for kind in ("reserve", "settle"):
            await link.streams.append(f"ledger.default.r{number}.draft-1.{kind}", str(number).encode(), expected=0)
    assert await link.streams.newest_of("LEDGER", []) == []
    some = await link.streams.newest_of("LEDGER", ["ledger.default.r7.>", "ledger.default.r3.>", "ledger.default.x.>"])
    assert [(stored.sequence, stored.body) for stored in some] == [(7, b"3"), (8, b"3"), (15, b"7"), (16, b"7")]
    many = await link.streams.newest_of("LEDGER", [f"ledger.default.r{number}.>" for number in range(700)])
    assert [stored.sequence for stored in many] == list(range(1, 1401)), "more than NATS tells at once"


async def test_a_purge_up_to_a_sequence_leaves_what_came_later(link: Link) -> None:
    for subject in ("ledger.default.r1.draft-1.reserve", "ledger.default.r2.draft-1.reserve"):
        await link.streams.append(subject, b"", expected=0)
    last = await link.streams.append("ledger.default.r1.draft-1.settle", b"", expected=0)
    await link.streams.append("ledger.default.r1.escalate-2.settle", b"", expected=0)
    await link.streams.purge("ledger.default.r1.>", upto=last.sequence)
    left = [stored.subject async for stored in link.streams.scan("LEDGER")]
    assert left == ["ledger.default.r2.draft-1.reserve", "ledger.default.r1.escalate-2.settle"]
    await link.streams.append("ledger.default.r1.draft-1.settle", b"", expected=0)
