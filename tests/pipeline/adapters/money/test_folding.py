"""Lines of the ledger in pages: whatever dies in between, and whoever folds or reads at the same time."""

import asyncio
import contextlib
import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_pages import NOW, Between, Died, entry, write

from pipeline.adapters.money import folding, rebuild
from pipeline.adapters.money.fold import Fold
from pipeline.adapters.money.folding import Folder, OldLines
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.pages import ANY_PAGE, Once, is_page, read_lines, settled_by
from pipeline.adapters.money.rebuild import SNAPSHOT, Rebuilder, read_fold
from pipeline.contracts import LedgerEntry
from pipeline.ports import Bucket, Stored, Streams
from pipeline.topology import ledger_subject
from pipeline.transport.memory import MemoryLink, matches

REQUESTS = [f"b-{number}" for number in range(4)]
KEYS = [f"acme.{request}" for request in REQUESTS]
KINDS = ("reserve", "settle", "release")

WRITES = st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.sampled_from(["draft-1", "escalate-2"]))
DEATHS = st.tuples(st.just("fold"), st.one_of(st.none(), st.integers(0, 6)), st.booleans())
ACTS = st.lists(st.one_of(WRITES, WRITES, DEATHS, st.tuples(st.just("snapshot"), st.just(0), st.just(""))), max_size=25)
TURNS = st.lists(st.integers(0, 6), max_size=40)


def told(fold: Fold) -> tuple[object, object]:
    """What counters hold."""
    image = fold.image(NOW)
    return {slot: total for slot, total in image.totals.items() if any(total)}, set(image.holdings)


async def fold_all(streams: Streams) -> None:
    folder = Folder(streams)
    await folder.remove(await folder.fold("b", KEYS))


class Book:
    """A ledger that is folded now and then, and beside it every line as it was written."""

    def __init__(self) -> None:
        link = MemoryLink()
        self.streams: Streams = link.streams
        self.bucket: Bucket = link.bucket("budgets")
        self.plain = Fold()
        self.written: Counter[str] = Counter()
        self._kinds: set[tuple[str, str]] = set()
        self._prices = itertools.count(1)

    async def write(self, kind: str, number: int, step: str) -> None:
        line = entry(kind, REQUESTS[number], step, usd=next(self._prices) / 1000)
        known = {each for attempt, each in self._kinds if attempt == line.attempt}
        if kind in known or (kind == "reserve" and known):
            return  # who writes a line for the second time is refused while its request is on its way
        self._kinds.add((line.attempt, kind))
        place = await write(self.streams, line)
        self.plain.take(line, place)
        self.written[line.attempt + kind] += 1

    async def snapshot(self, streams: Streams | None = None) -> None:
        clock = type("Clock", (), {"now": staticmethod(lambda: NOW)})()
        made = Rebuilder(MemoryCounters(), streams or self.streams, self.bucket, clock, lambda: {"total"})
        await made.refresh()

    async def check(self, streams: Streams | None = None) -> None:
        """Every line is counted once, with a snapshot and without."""
        for bucket in (self.bucket, None):
            fold, _ = await read_fold(streams or self.streams, bucket, NOW, {"total"})
            assert told(fold) == told(self.plain)
        await self.check_lines(streams or self.streams)

    async def check_lines(self, streams: Streams) -> None:
        """Every line is read once."""
        found = [line async for line in read_lines(streams)]
        assert Counter(line.attempt + line.kind for line in found if line) == self.written
        assert None not in found


@settings(max_examples=150, deadline=None)
@given(ACTS)
async def test_every_line_counts_once_whatever_dies_between_the_page_and_the_removing(
    acts: list[tuple[str, int, object]],
) -> None:
    book = Book()
    for act, number, detail in acts:
        if act == "snapshot":
            await book.snapshot()
        elif act == "fold":
            with contextlib.suppress(Died):
                await fold_all(Between(book.streams, acts=number, done=bool(detail)))
            await book.check()
        else:
            await book.write(act, number, str(detail))
    await book.check()
    await fold_all(book.streams)
    await book.check()


@settings(max_examples=150, deadline=None)
@given(st.lists(WRITES, max_size=20), st.lists(WRITES, max_size=10), TURNS, TURNS, TURNS, st.booleans())
async def test_two_fold_at_once_while_somebody_counts_and_others_write(
    before: list[tuple[str, int, str]],
    beside: list[tuple[str, int, str]],
    one: list[int],
    other: list[int],
    reading: list[int],
    begun: bool,
) -> None:
    book = Book()
    for act in before:
        await book.write(*act)
    if begun:
        await book.snapshot()

    async def write() -> None:
        for act in beside:
            await asyncio.sleep(0)
            await book.write(*act)

    folders = [fold_all(Between(book.streams, turns)) for turns in (one, other)]
    await asyncio.gather(*folders, write(), book.snapshot(Between(book.streams, reading)))
    await book.check()
    await asyncio.gather(fold_all(book.streams), fold_all(Between(book.streams, one)))
    await book.check()


@settings(max_examples=100, deadline=None)
@given(st.lists(WRITES, min_size=4, max_size=20), TURNS, st.integers(0, 12), st.integers(0, 6))
async def test_whoever_reads_while_lines_are_folded_finds_each_once(
    acts: list[tuple[str, int, str]], folding_turns: list[int], late: int, slow: int
) -> None:
    book = Book()
    for act in acts:
        await book.write(*act)

    async def fold() -> None:
        for _ in range(late):
            await asyncio.sleep(0)
        await fold_all(Between(book.streams, folding_turns))

    await asyncio.gather(fold(), book.check_lines(Between(book.streams, itertools.repeat(slow))))
    await asyncio.gather(book.write("settle", 0, "last-1"), fold(), book.snapshot(Between(book.streams, [slow] * 99)))
    await book.check()


async def singles(streams: Streams) -> list[str]:
    return [stored.subject.removeprefix("ledger.") async for stored in streams.scan("LEDGER", subject="ledger.>")]


async def pages(streams: Streams) -> list[Stored]:
    return [stored async for stored in streams.scan("LEDGER", subject=ANY_PAGE)]


async def test_many_lines_become_one_message_and_what_is_not_settled_stays() -> None:
    streams = MemoryLink().streams
    for request in REQUESTS:
        await write(streams, entry("reserve", request))
        await write(streams, entry("settle", request, usd=0.5))
    await write(streams, entry("reserve", REQUESTS[0], "escalate-2"))
    await write(streams, entry("reserve", REQUESTS[1], "escalate-2"))
    await write(streams, entry("release", REQUESTS[1], "escalate-2"))
    await fold_all(streams)
    assert await singles(streams) == ["acme.b-0.escalate-2.reserve"]
    (page,) = await pages(streams)
    assert page.subject == "ledger-page.b.1.11"
    assert [(line.sequence, line.entry.kind) for line in Once().of(page)][-2:] == [(10, "reserve"), (11, "release")]


async def test_a_line_that_came_after_the_page_is_not_removed_with_the_others() -> None:
    streams = MemoryLink().streams
    await write(streams, entry("settle", "b-0"))
    folder = Folder(streams)
    removals = await folder.fold("b", KEYS)
    await write(streams, entry("settle", "b-0", "escalate-2"))
    await folder.remove(removals)
    assert await singles(streams) == ["acme.b-0.escalate-2.settle"]


async def test_folding_again_after_a_death_writes_no_second_page() -> None:
    streams = MemoryLink().streams
    await write(streams, entry("settle", "b-0"))
    for _ in range(3):
        await Folder(streams).fold("b", KEYS)
    assert len(await pages(streams)) == 1
    await fold_all(streams)
    assert await singles(streams) == []


async def test_of_a_page_that_stands_already_only_what_is_in_it_is_removed() -> None:
    streams = MemoryLink().streams
    for number in range(3):
        await write(streams, entry("settle", f"b-{number}"))
    await Folder(streams).fold("b", ["acme.b-0", "acme.b-2"])
    await fold_all(streams)
    assert await singles(streams) == ["acme.b-1.draft-1.settle"]
    await fold_all(streams)
    assert await singles(streams) == []
    assert len([line async for line in read_lines(streams)]) == 3


async def test_pages_stay_far_below_what_a_message_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "LARGEST", 700)
    streams = MemoryLink().streams
    for number in range(30):
        await write(streams, entry("settle", f"b-{number}", usd=number / 7, route=f"r{hash(number * 7919)}"))
    folder = Folder(streams)
    await folder.remove(await folder.fold("b", [f"acme.b-{number}" for number in range(30)]))
    found = await pages(streams)
    assert len(found) >= 2
    assert all(len(page.body) <= 700 for page in found)
    assert len([line async for line in read_lines(streams)]) == 30
    assert await singles(streams) == []


async def test_lines_that_cannot_be_read_stay_and_are_told() -> None:
    streams = MemoryLink().streams
    await write(streams, entry("settle", "b-0"))
    await streams.append(ledger_subject("acme.b-1.draft-1", "settle"), b"{}")
    await fold_all(streams)
    await streams.append("ledger-page.b.77.78", b"no page")
    assert await singles(streams) == ["acme.b-1.draft-1.settle"]
    found = [line async for line in read_lines(streams)]
    assert found.count(None) == 2
    assert len(found) == 3


async def test_of_one_tenant_and_one_kind() -> None:
    streams = MemoryLink().streams
    for request, tenant in (("b-0", "acme"), ("b-1", "other")):
        for kind in ("reserve", "settle"):
            await write(streams, entry(kind, request, tenant=tenant, attempt=f"{tenant}.{request}.draft-1"))
    folder = Folder(streams)
    await folder.remove(await folder.fold("b", ["acme.b-0", "other.b-1"]))
    await write(streams, entry("settle", "b-2"))
    found = [line async for line in read_lines(streams, tenant="acme", kind="settle")]
    assert [line.attempt for line in found if line] == ["acme.b-2.draft-1", "acme.b-0.draft-1"]


async def test_what_settled_an_attempt_is_found_wherever_it_stands() -> None:
    streams = MemoryLink().streams
    await write(streams, entry("settle", "b-0", usd=0.25))
    await write(streams, entry("reserve", "b-2"))
    await fold_all(streams)
    await write(streams, entry("settle", "b-1", usd=0.5))
    found = await settled_by(streams, [f"acme.b-{number}.draft-1" for number in range(4)], since=0.0)
    assert {attempt: line.usd for attempt, line in found.items()} == {"acme.b-0.draft-1": 0.25, "acme.b-1.draft-1": 0.5}


# ---------------------------------------------------------------- what belongs to no batch


class Aged:
    """A stream in memory whose messages have times."""

    def __init__(self, inner: Streams) -> None:
        self._inner = inner
        self.times: dict[int, float] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def _timed(self, stored: Stored) -> Stored:
        return Stored(stored.subject, stored.sequence, stored.body, self.times[stored.sequence])

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None):  # type: ignore[no-untyped-def]
        async for stored in self._inner.scan(stream, after=after, subject=subject):
            yield self._timed(stored)

    async def newest_of(self, stream: str, patterns: list[str]) -> list[Stored]:
        return [self._timed(stored) for stored in await self._inner.newest_of(stream, patterns)]


@pytest.fixture
def aged() -> Aged:
    return Aged(MemoryLink().streams)


async def at(aged: Aged, line: LedgerEntry, time: float) -> None:
    aged.times[await write(aged._inner, line)] = time


async def fold_old(old: OldLines, aged: Aged, now: float) -> None:
    known = set(aged.times)
    removals = await old.fold(now)
    async for stored in aged._inner.scan("LEDGER"):
        if stored.sequence not in known:
            aged.times[stored.sequence] = now
    await Folder(aged).remove(removals)  # type: ignore[arg-type]


async def test_lines_are_folded_once_they_are_older_than_the_journal_remembers(aged: Aged) -> None:
    old, day = OldLines(aged, Folder(aged)), folding.OLD_S  # type: ignore[arg-type]
    await at(aged, entry("settle", "r1"), 10.0)
    await at(aged, entry("settle", "r2"), 20.0)
    await at(aged, entry("settle", "r3"), 30.0)
    await at(aged, entry("settle", "r1", "escalate-2"), 40.0)
    await fold_old(old, aged, day + 25.0)
    assert await singles(aged._inner) == [
        "acme.r1.draft-1.settle",
        "acme.r3.draft-1.settle",
        "acme.r1.escalate-2.settle",
    ]
    await fold_old(old, aged, day + 26.0)
    await fold_old(old, aged, day + folding.EACH_S + 45.0)
    assert "acme.r3.draft-1.settle" not in await singles(aged._inner)
    await fold_old(old, aged, day + folding.AGAIN_S + 45.0)
    assert await singles(aged._inner) == [], "what was passed over is looked at again"
    assert len([line async for line in read_lines(aged)]) == 4  # type: ignore[arg-type]


async def test_a_long_past_is_folded_look_by_look(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MANY", 10)
    old = OldLines(aged, Folder(aged))  # type: ignore[arg-type]
    for number in range(25):
        await at(aged, entry("settle", f"r{number}"), float(number + 1))
    left = []
    for _ in range(4):
        await fold_old(old, aged, 10 * folding.OLD_S)
        left.append(len(await singles(aged._inner)))
    assert left == [15, 5, 0, 0]


async def test_a_snapshot_holds_nothing_of_requests_that_are_over() -> None:
    """Else a batch would make it so large that it is not kept, and all would be read again each time."""
    book = Book()
    for number in range(3):
        await book.write("reserve", number, "draft-1")
    await book.snapshot()
    for number in range(2):
        await book.write("settle", number, "draft-1")
    await fold_all(book.streams)
    fold, _ = await read_fold(book.streams, book.bucket, NOW, {"total"})
    assert [request for request, _ in fold.opened] == ["acme.b-2"]
    await book.check()


async def test_a_snapshot_says_up_to_where_it_counts_and_its_lines_are_not_counted_again_from_a_later_page() -> None:
    book = Book()
    await book.write("reserve", 0, "draft-1")
    await book.write("settle", 0, "draft-1")
    await book.snapshot()
    await fold_all(book.streams)
    kept = await book.bucket.get(SNAPSHOT)
    assert kept is not None
    await book.check()
    fold, _ = await read_fold(book.streams, book.bucket, NOW, {"total"})
    (page,) = await pages(book.streams)
    assert fold.upto == page.sequence
    assert is_page(page)
    assert matches(ANY_PAGE, page.subject)


async def test_while_a_page_is_read_others_get_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a batch holds a thousand lines; a worker that answers callers stood still as long as they took."""
    monkeypatch.setattr(rebuild, "_YIELD", 4)
    book, turns = Book(), list[int]()
    for number in range(3):
        for step in ("draft-1", "escalate-2"):
            await book.write("reserve", number, step)
            await book.write("settle", number, step)
    await fold_all(book.streams)

    async def others(lines: int) -> None:
        turns.append(lines)

    fold, _ = await read_fold(book.streams, None, NOW, {"total"}, others)
    assert turns == [4, 8, 12, 12]
    assert told(fold) == told(book.plain)
