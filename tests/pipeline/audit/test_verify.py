"""The verifier finds every single change of a log, and says where it is."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import cache

import pytest
from decisions import collect, fields, write_log
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit import Receipt, Report, audit_id, digest, verify
from pipeline.audit.chain import GENESIS, Chain, dump, split_audit_id
from pipeline.audit.check import check, receipt_of
from pipeline.contracts import Unconfirmed
from pipeline.ports import Stored
from pipeline.transport.memory import MemoryLink


def _chain(count: int, producer: str = "p") -> list[Stored]:
    chain = Chain(producer)
    bodies = [chain.link(dump(fields(f"{producer}{number}"))).body for number in range(count)]
    return [Stored("audit.acme.decision", place, body) for place, body in enumerate(bodies, 1)]


def _numbered(log: Sequence[Stored]) -> list[Stored]:
    return [replace(stored, sequence=place) for place, stored in enumerate(log, 1)]


def _receipts(log: Sequence[Stored], producer: str = "p") -> list[Receipt]:
    return [
        Receipt("acme", f"{producer}{n}", audit_id(producer, n), stored.sequence, digest(stored.body))
        for n, stored in enumerate(log)
    ]


@cache
def _small() -> tuple[Stored, ...]:
    return tuple(_chain(4))


def _edited(log: Sequence[Stored], index: int, position: int, flip: int) -> list[Stored]:
    body = bytearray(log[index].body)
    body[position] ^= flip
    return [*log[:index], replace(log[index], body=bytes(body)), *log[index + 1 :]]


def _located(report: Report, places: set[int]) -> bool:
    return not report.ok and report.findings[0].sequence in places


def test_an_untouched_log_is_verified_with_its_receipts() -> None:
    log = list(_small())
    report = verify(log, _receipts(log))
    assert report.ok
    assert (report.records, report.producers, report.receipts, report.findings) == (4, 1, 4, ())


@given(st.lists(st.integers(0, 3), max_size=12))
def test_a_reply_counts_once_however_often_it_stands_somewhere(places: list[int]) -> None:
    """In the stream of replies, and in the settled page of its batch until that is swept."""
    log = list(_small())
    told = _receipts(log)
    report = verify(log, [told[n] for n in places])
    assert report.ok
    assert (report.receipts, report.twice) == (len(set(places)), len(places) - len(set(places)))
    assert report.receipts <= report.records


def test_two_requests_whose_replies_name_one_record_are_two_replies() -> None:
    log = list(_small())
    told = _receipts(log)
    report = verify(log, [*told, replace(told[2], request_id="another")])
    assert (report.receipts, report.twice) == (5, 0)


def test_both_places_of_a_reply_are_compared_with_its_record() -> None:
    log = list(_small())
    told = _receipts(log)
    report = verify(log, [*told, replace(told[2], digest="a" * 64)])
    assert [(found.n, found.problem) for found in report.findings] == [(2, "receipt_differs")]
    assert (report.receipts, report.twice) == (4, 1)


def test_a_reply_without_a_record_is_one_finding_wherever_it_stands() -> None:
    log = list(_small())
    told = _receipts(log)
    report = verify(log[:3], [*told, told[3], replace(told[0], audit_id=None), replace(told[0], audit_id=None)])
    assert [(found.n, found.problem) for found in report.findings] == [(None, "no_record"), (3, "no_record")]
    assert (report.receipts, report.twice) == (5, 2)


def test_chains_of_several_producers_may_interleave() -> None:
    one, other = _chain(3, "p"), _chain(3, "q")
    log = _numbered([each for pair in zip(one, other, strict=True) for each in pair])
    assert verify(log).ok


@pytest.mark.parametrize("index", range(4))
def test_every_edit_of_one_byte_is_found_where_it_is(index: int) -> None:
    """Exhaustive over the places of one log: each byte of each record, with its lowest bit flipped."""
    log, receipts = list(_small()), _receipts(_small())
    for position in range(len(log[index].body)):
        report = verify(_edited(log, index, position, 1), receipts)
        assert _located(report, {index + 1, index + 2}), f"byte {position} of record {index}: {report}"


@given(index=st.integers(0, 3), position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_edit_of_any_byte_is_found_where_it_is(index: int, position: int, flip: int) -> None:
    log = list(_small())
    report = verify(_edited(log, index, position % len(log[index].body), flip), _receipts(log))
    assert _located(report, {index + 1, index + 2})


def test_an_edit_inside_the_log_is_found_without_receipts_and_names_the_record() -> None:
    log = list(_small())
    position = log[1].body.index(b'"small"') + 1
    report = verify(_edited(log, 1, position, 2))
    assert [(found.producer, found.n, found.sequence, found.problem) for found in report.findings] == [
        ("p", 1, 2, "changed")
    ]


def test_an_edit_of_the_field_that_points_back_names_the_record_that_holds_it() -> None:
    log = list(_small())
    position = log[1].body.index(b'"prev":"') + 10
    report = verify(_edited(log, 1, position, 1))
    assert [(found.n, found.problem) for found in report.findings] == [(1, "changed")]


@pytest.mark.parametrize("gone", range(4))
def test_a_deleted_record_is_missed(gone: int) -> None:
    log = list(_small())
    report = verify([*log[:gone], *log[gone + 1 :]], _receipts(log))
    assert ("p", gone) in {(found.producer, found.n) for found in report.findings}


@pytest.mark.parametrize("gone", range(3))
def test_a_deleted_record_is_missed_without_receipts_even_when_the_places_were_closed_up(gone: int) -> None:
    log = list(_small())
    report = verify(_numbered([*log[:gone], *log[gone + 1 :]]))
    assert [(found.producer, found.n, found.problem) for found in report.findings] == [("p", gone, "missing")]


def test_a_hole_in_the_numbering_of_the_log_is_found_even_when_a_whole_chain_vanished() -> None:
    log = _numbered([*_chain(2, "p"), *_chain(1, "q"), *_chain(1, "s")])
    report = verify([*log[:2], log[3]])
    assert [(found.problem, found.sequence) for found in report.findings] == [("hole", 4)]


@pytest.mark.parametrize("kept", range(4))
def test_a_cut_tail_contradicts_the_replies(kept: int) -> None:
    log = list(_small())
    report = verify(log[:kept], _receipts(log))
    assert [found.n for found in report.findings] == list(range(kept, 4))
    assert {found.problem for found in report.findings} == {"no_record"}


@given(order=st.permutations(range(4)))
def test_any_other_order_is_found(order: list[int]) -> None:
    log = list(_small())
    report = verify(_numbered([log[index] for index in order]))
    assert report.ok == (order == [0, 1, 2, 3])


@pytest.mark.parametrize("swapped", range(3))
def test_two_swapped_neighbours_are_named(swapped: int) -> None:
    log = list(_small())
    log[swapped], log[swapped + 1] = log[swapped + 1], log[swapped]
    report = verify(_numbered(log))
    assert (swapped, "out_of_order") in {(found.n, found.problem) for found in report.findings}


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("place", range(5))
def test_a_copy_of_a_record_is_found_wherever_it_is_put(index: int, place: int) -> None:
    log = list(_small())
    report = verify(_numbered([*log[:place], log[index], *log[place:]]))
    assert not report.ok
    assert index in {found.n for found in report.findings}


def _forged(log: Sequence[Stored], n: int) -> Stored:
    """Another record n that fits to record n - 1."""
    prev = digest(log[n - 1].body) if n else GENESIS
    return replace(log[n], body=Chain("p", n, prev).link(dump(fields("forged"))).body)


@pytest.mark.parametrize("n", range(4))
def test_a_second_record_of_the_same_number_is_a_fork(n: int) -> None:
    log = list(_small())
    report = verify(_numbered([*log, _forged(log, n)]))
    assert [(found.n, found.sequence, found.problem) for found in report.findings] == [(n, 5, "fork")]


@pytest.mark.parametrize("n", range(4))
def test_a_chain_that_was_rewritten_to_its_end_contradicts_the_replies(n: int) -> None:
    """Whoever rewrites a record and everything after it has consistent links, and the wrong digests."""
    log = list(_small())
    chain = Chain("p", n, digest(log[n - 1].body) if n else GENESIS)
    rewritten = [chain.link(dump(fields("forged") if m == n else fields(f"p{m}"))).body for m in range(n, 4)]
    changed = [*log[:n], *(replace(log[m], body=body) for m, body in zip(range(n, 4), rewritten, strict=True))]
    assert verify(changed).ok, "the chain alone cannot tell"
    report = verify(changed, _receipts(log))
    assert {found.n for found in report.findings} == set(range(n, 4))
    assert {found.problem for found in report.findings} == {"receipt_differs"}


def test_a_record_under_the_subject_of_another_tenant_is_found() -> None:
    log = list(_small())
    log[2] = replace(log[2], subject="audit.other.decision")
    report = verify(log)
    assert [(found.n, found.problem) for found in report.findings] == [(2, "misplaced")]


def test_a_declaration_excuses_only_what_it_names() -> None:
    """A producer may say which record it could not get confirmed; that opens no door to delete another one."""
    log = list(_small())
    named = Unconfirmed(producer="p", n=1, sha256=digest(log[1].body))
    successor = Stored("audit.acme.decision", 5, Chain("p-1").link(dump(fields("next")), (named,)).body)
    assert verify(_numbered([log[0], *log[2:], successor])).excused == 1
    assert verify(_numbered([log[0], *log[2:], successor])).ok
    report = verify(_numbered([*log[:2], log[3], successor]))
    assert [(found.n, found.problem) for found in report.findings] == [(2, "missing")]


def test_a_declaration_excuses_no_record_that_a_reply_was_given_for() -> None:
    log = list(_small())
    named = Unconfirmed(producer="p", n=1, sha256=digest(log[1].body))
    successor = Stored("audit.acme.decision", 5, Chain("p-1").link(dump(fields("next")), (named,)).body)
    report = verify(_numbered([log[0], *log[2:], successor]), _receipts(log)[:2])
    assert [(found.n, found.problem) for found in report.findings] == [(1, "no_record")]


def test_a_first_record_that_points_to_something_is_found_even_when_it_is_alone() -> None:
    body = Chain("p", 0, "a" * 64).link(dump(fields("p0"))).body
    report = verify([Stored("audit.acme.decision", 1, body)])
    assert [(found.n, found.sequence, found.problem) for found in report.findings] == [(0, 1, "changed")]


def test_a_changed_record_is_one_finding() -> None:
    log = list(_small())
    position = log[0].body.index(b'"prev":"') + 10
    report = verify(_edited(log, 0, position, 1))
    assert [(found.n, found.problem) for found in report.findings] == [(0, "changed")]


def test_a_declaration_of_another_digest_excuses_nothing() -> None:
    log = list(_small())
    named = Unconfirmed(producer="p", n=1, sha256="a" * 64)
    successor = Stored("audit.acme.decision", 5, Chain("p-1").link(dump(fields("next")), (named,)).body)
    report = verify(_numbered([log[0], *log[2:], successor]))
    assert [(found.n, found.problem) for found in report.findings] == [(1, "changed")]


@given(cuts=st.sets(st.integers(0, 7)), swaps=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=3))
def test_only_the_log_as_it_was_written_is_verified(cuts: set[int], swaps: list[tuple[int, int]]) -> None:
    """Whatever is taken out and moved around between two chains, the verdict is good for the original alone."""
    log = _eight()
    order = list(range(8))
    for one, other in swaps:
        order[one], order[other] = order[other], order[one]
    kept = [index for index in order if index not in cuts]
    report = verify(
        _numbered([log[index] for index in kept]), _receipts(_chain(4, "p")) + _receipts(_chain(4, "q"), "q")
    )
    in_order = all(_in_order([index for index in kept if index in mine]) for mine in (range(4), range(4, 8)))
    assert report.ok == (not cuts and in_order)


@cache
def _eight() -> tuple[Stored, ...]:
    return (*_chain(4, "p"), *_chain(4, "q"))


def _in_order(indices: list[int]) -> bool:
    return indices == sorted(indices)


def test_findings_are_capped_and_counted() -> None:
    junk = [Stored("audit.acme.decision", place, b"{}") for place in range(1, 2001)]
    report = verify(junk)
    assert report.problems == 2000
    assert len(report.findings) == 1000


def test_a_jump_of_millions_is_one_finding() -> None:
    log = list(_small())
    far = Chain("p", 5_000_000, digest(log[3].body)).link(dump(fields("far")))
    report = verify([*log, Stored("audit.acme.decision", 5, far.body)])
    assert [(found.n, found.problem) for found in report.findings] == [(4, "missing")]


@given(st.text(max_size=40))
def test_a_record_name_is_read_or_refused(name: str) -> None:
    split = split_audit_id(name)
    assert split is None or (split[0] and split[1] >= 0)


# ---------------------------------------------------------------- over a store


async def _served(link: MemoryLink, count: int) -> None:
    for number, reference in enumerate(await write_log(link.streams, count)):
        body = f'{{"audit_id":"{reference.audit_id}","audit_sequence":{reference.sequence}}}'
        await link.streams.append(f"result.acme.r{number}", body.encode())


async def test_a_running_system_is_verified_with_its_replies() -> None:
    link = MemoryLink()
    await _served(link, 5)
    told: list[int] = []
    report = await check(link.streams, told.append)
    assert report.ok
    assert (report.records, report.receipts) == (5, 5)
    assert told[-1] == 5


async def test_replies_that_came_while_the_log_was_read_are_compared_with_what_came_with_them() -> None:
    """The log grows between the reading of records and of replies; that is no finding."""
    link = MemoryLink()
    await _served(link, 2)

    class Growing:
        def scan(self, stream: str, *, after: int = 0, subject: str | None = None):  # type: ignore[no-untyped-def]
            return self._scan(stream, after)

        async def _scan(self, stream: str, after: int):  # type: ignore[no-untyped-def]
            if stream == "RESULTS":
                late = ChainWriter(link)
                await late.add()
            for stored in await collect(link.streams.scan(stream, after=after)):
                yield stored

    report = await check(Growing())  # type: ignore[arg-type]  # as much of streams as is used
    assert report.ok
    assert (report.records, report.receipts) == (3, 3)


class ChainWriter:
    """Adds one more record and its reply under a producer of its own."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link

    async def add(self) -> None:
        reference = (await write_log(self._link.streams, 1, "late"))[0]
        body = f'{{"audit_id":"{reference.audit_id}","audit_sequence":{reference.sequence}}}'
        await self._link.streams.append("result.acme.late", body.encode())


async def test_replies_that_stand_in_the_stream_and_in_a_page_too_are_told_apart_from_more_replies() -> None:
    link = MemoryLink()
    await _served(link, 5)

    async def pages() -> AsyncIterator[Receipt]:
        async for stored in link.streams.scan("RESULTS"):
            if stored.sequence > 2:
                yield receipt_of(stored)
        yield Receipt("acme", "swept", "gone.0", 3)

    report = await check(link.streams, kept=pages())
    assert (report.records, report.receipts, report.twice) == (5, 6, 3)
    assert [(found.producer, found.problem) for found in report.findings] == [("gone", "no_record")]


async def test_a_reply_without_a_record_is_found() -> None:
    link = MemoryLink()
    await _served(link, 2)
    await link.streams.append("result.acme.unrecorded", b'{"audit_id":"p.7","audit_sequence":9}')
    report = await check(link.streams)
    assert [(found.n, found.problem) for found in report.findings] == [(7, "no_record")]


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{}", b"\xff"])
async def test_a_reply_that_cannot_be_read_names_no_record(body: bytes) -> None:
    receipt = receipt_of(Stored("result.acme.r1", 1, body))
    assert (receipt.tenant, receipt.request_id, receipt.audit_id) == ("acme", "r1", None)
