"""What lines leave in streams is removed once it is kept elsewhere, and their replies are found as before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from batches import Desk, desk_on, in_queues, questions
from ledger_pages import entry, write

from pipeline.adapters.money import folding
from pipeline.adapters.money.pages import read_lines
from pipeline.audit.check import receipt_of
from pipeline.batch import Batch, sweep
from pipeline.batch.kept import KeptReplies, KeptResults
from pipeline.batch.model import PAGE, request_id
from pipeline.contracts import Request
from pipeline.ports import Link
from pipeline.topology import journal_subject

OF_A_LINE = ("draft-1.reserve", "draft-1.settle", "escalate-2.reserve")


@pytest.fixture
async def desk(link: Link, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(sweep, "GRACE_S", 0.05)
    monkeypatch.setattr(sweep, "EVERY_S", 0.05)
    monkeypatch.setattr(sweep, "FOLLOW_S", 0.05)
    monkeypatch.setattr(folding, "OLD_S", 1e12)
    async with desk_on(link, lead=False) as made:
        yield made


async def subjects(link: Link, stream: str) -> set[str]:
    return {stored.subject async for stored in link.streams.scan(stream)}


async def paid(desk: Desk, batch: Batch, line: int) -> None:
    """What is written down of a paid call for a line."""
    key = f"default.{request_id(batch.id, line)}"
    for step in ("draft-0", "escalate-1"):
        await desk.link.streams.append(journal_subject(key, step), b"{}", expected=0)


async def charged(desk: Desk, batch: Batch, line: int) -> None:
    """What the ledger says of a line: a call that was paid, and one whose worker died."""
    request = request_id(batch.id, line)
    await write(desk.link.streams, entry("reserve", request))
    await write(desk.link.streams, entry("settle", request, usd=0.5))
    await write(desk.link.streams, entry("reserve", request, "escalate-2"))


async def swept(desk: Desk, batch: Batch) -> Batch:
    """The batch once nothing is left to sweep."""
    return await desk.met(batch, lambda found: found.swept == found.pages)


async def test_replies_and_what_was_paid_are_gone_and_every_result_is_still_there(desk: Desk) -> None:
    await desk.lead()
    batch = await desk.submit(*questions(PAGE + 3), b"", {"input": "question 1"})
    await paid(desk, batch, 1)
    before = await desk.rows(await desk.until(batch))
    found = await swept(desk, batch)
    left = {*await subjects(desk.link, "RESULTS"), *await subjects(desk.link, "JOURNAL")}
    assert not [subject for subject in left if batch.id in subject]
    assert await desk.rows(found) == before
    assert len(before) == PAGE + 4
    results = KeptResults(desk.link)
    for row in before[:PAGE:37]:
        assert await results.get("default", row.request_id) == row.reply
    assert await results.get("another", before[0].request_id) is None
    assert await results.get("default", request_id(batch.id, PAGE + 9)) is None
    assert len([receipt async for receipt in KeptReplies(desk.link).receipts()]) == PAGE + 3


async def test_before_that_a_reply_says_the_same_of_its_record_in_both_places(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever verifies the log knows it for one reply."""
    monkeypatch.setattr(sweep, "GRACE_S", 1e9)
    await desk.lead()
    await desk.until(await desk.submit(*questions(3)))
    paged = {receipt async for receipt in KeptReplies(desk.link).receipts()}
    assert len(paged) == 3
    assert paged == {receipt_of(stored) async for stored in desk.link.streams.scan("RESULTS")}


async def test_what_lines_cost_stands_in_pages_then_and_nothing_of_it_is_lost(desk: Desk) -> None:
    await desk.lead()
    batch = await desk.submit(*questions(5), tenant="acme")
    for line in range(1, 6):
        await charged(desk, batch, line)
    await charged(desk, batch, 77)
    await swept(desk, await desk.until(batch))
    left = await subjects(desk.link, "LEDGER")
    kept = {f"ledger.acme.{request_id(batch.id, line)}.escalate-2.reserve" for line in range(1, 6)}
    other = {f"ledger.acme.{request_id(batch.id, 77)}.{each}" for each in OF_A_LINE}
    assert {subject for subject in left if not subject.startswith("ledger-page.")} == kept | other
    (page,) = left - kept - other
    assert page.startswith(f"ledger-page.{batch.id}.")
    found = [line async for line in read_lines(desk.link.streams)]
    assert len(found) == 18
    assert sum(line.usd or 0.0 for line in found if line) == 3.0


async def test_old_lines_that_belong_to_no_batch_are_folded_as_well(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "OLD_S", -3600.0)
    for number in range(3):
        await write(desk.link.streams, entry("settle", f"r{number}"))
    has_times = (await anext(desk.link.streams.scan("LEDGER"))).at > 0
    await desk.lead()
    await swept(desk, await desk.until(await desk.submit(*questions(1))))
    assert len(await subjects(desk.link, "LEDGER")) == (1 if has_times else 3)
    assert len([line async for line in read_lines(desk.link.streams)]) == 3


async def test_lines_of_a_page_with_a_line_in_a_queue_stay_by_themselves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its redelivery could be charged again."""
    await desk.lead()
    batch = await desk.submit(*questions(2), tenant="acme")
    await charged(desk, batch, 1)
    monkeypatch.setattr(sweep, "GRACE_S", 60.0)
    await desk.until(batch)
    await in_queues(desk.link, [Request(input="question 2", id=request_id(batch.id, 2), tenant="acme")])
    monkeypatch.setattr(sweep, "GRACE_S", 0.05)
    await asyncio.sleep(0.5)
    assert len(await subjects(desk.link, "LEDGER")) == 3
    await desk.link.streams.purge("step.batch.>")
    await swept(desk, batch)
    assert len(await subjects(desk.link, "LEDGER")) == 2


async def test_lines_behind_empty_ones_are_found_by_their_number(desk: Desk) -> None:
    await desk.lead()
    lines = [line for question in questions(PAGE + 2) for line in (b"", b"", question)]
    batch = await desk.until(await desk.submit(*lines))
    await swept(desk, batch)
    for row in (await desk.rows(batch))[:: PAGE // 3]:
        found = await KeptReplies(desk.link).get("default", row.request_id)
        assert found is not None
        assert found == row.reply


async def test_what_still_stands_in_a_queue_keeps_what_was_paid_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker died before it acknowledged: the line will come again, and must find its answer and its payment."""
    await desk.lead()
    batch = await desk.submit(*questions(3))
    await paid(desk, batch, 2)
    monkeypatch.setattr(sweep, "GRACE_S", 60.0)
    await desk.until(batch)
    await in_queues(desk.link, [Request(input="question 2", id=request_id(batch.id, 2))])
    monkeypatch.setattr(sweep, "GRACE_S", 0.05)
    await asyncio.sleep(0.5)
    assert (await desk.engine.get("default", batch.id)).swept == 0
    assert len(await subjects(desk.link, "JOURNAL")) >= 2
    await desk.link.streams.purge("step.batch.>")
    await swept(desk, batch)


async def test_a_reply_that_may_be_replaced_stays_in_the_stream(desk: Desk) -> None:
    """A dead letter can be tried again: its line then finds the real reply, and what was paid for it."""
    desk.cascade.provisional.add("question 2")
    await desk.lead()
    batch = await desk.submit(*questions(3))
    await paid(desk, batch, 2)
    await desk.until(batch)
    await swept(desk, batch)
    left = {*await subjects(desk.link, "RESULTS"), *await subjects(desk.link, "JOURNAL")}
    assert {subject for subject in left if batch.id in subject} == {
        f"result.default.{request_id(batch.id, 2)}",
        *(f"journal.default.{request_id(batch.id, 2)}.{step}" for step in ("draft-0", "escalate-1")),
    }


async def test_lines_that_run_again_are_swept_again(desk: Desk) -> None:
    desk.cascade.answer = lambda _: "failed"
    await desk.lead()
    batch = await swept(desk, await desk.until(await desk.submit(*questions(3))))
    desk.cascade.answer = lambda _: "answered"
    again = await desk.engine.retry("default", batch.id)
    assert again.swept == 0
    done = await swept(desk, await desk.until(again))
    assert done.counts.answered == 3
    assert not [subject for subject in await subjects(desk.link, "RESULTS") if batch.id in subject]
    replies = KeptReplies(desk.link)
    statuses = [(await replies.get("default", request_id(batch.id, 1, number))).status for number in (0, 1)]  # type: ignore[union-attr]
    assert statuses == ["failed", "answered"]


async def test_pages_are_due_each_by_its_own_age_and_not_one_after_the_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four pages that ended together are swept together, however long each of them has to stay."""
    monkeypatch.setattr(sweep, "EVERY_S", 0.3)
    monkeypatch.setattr(sweep, "GRACE_S", 0.2)
    steps: list[int] = []
    real = sweep.Sweeper._sweep

    async def noted(self: sweep.Sweeper, batch: Batch, pages: list[int], queued: set[tuple[str, str]]) -> int:
        steps.append(len(pages))
        return await real(self, batch, pages, queued)

    await desk.lead()
    batch = await desk.until(await desk.submit(*questions(3 * PAGE + 1)))
    monkeypatch.setattr(sweep.Sweeper, "_sweep", noted)
    await swept(desk, batch)
    assert max(steps) > 1
