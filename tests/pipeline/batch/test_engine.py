"""A batch from its file to its answers, over streams, buckets and objects in memory and on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from batches import Desk, bytes_of, desk_on, questions

from pipeline.batch import Hours, Options
from pipeline.batch.model import PAGE
from pipeline.batch.render import openai_row, own_row
from pipeline.batch.store import PIECE
from pipeline.contracts import Request, Status
from pipeline.errors import IdempotencyConflict, InvalidRequest, NotFound, RequestTooLarge
from pipeline.ports import Link


@pytest.fixture
async def desk(link: Link) -> AsyncIterator[Desk]:
    async with desk_on(link) as made:
        yield made


async def test_every_line_runs_once_under_the_batch_and_its_number(desk: Desk) -> None:
    batch = await desk.until(await desk.submit(*questions(3)))
    assert sorted(desk.cascade.ids) == [f"{batch.id}-{number}" for number in (1, 2, 3)]
    assert {request.lane for request in desk.cascade.taken} == {"batch"}
    assert (batch.status, batch.counts.answered, batch.counts.total) == ("completed", 3, 3)
    assert batch.cost_usd == pytest.approx(0.03)
    assert batch.request_counts == {"total": 3, "completed": 3, "failed": 0}


async def test_results_are_in_the_order_of_the_file_with_errors_among_them(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "refused" if request.input == "question 2" else "answered"
    batch = await desk.until(await desk.submit(*questions(PAGE + 5)))
    rows = await desk.rows(batch)
    assert [row.line for row in rows] == list(range(1, PAGE + 6))
    assert [row.status for row in rows if row.status != "answered"] == ["refused"]
    assert rows[1].error is not None
    assert rows[1].error.code == "target_rejected"
    assert rows[PAGE].reply is not None
    assert rows[PAGE].reply.content == f"to question {PAGE + 1}"
    assert [row.line for row in await desk.rows(batch, only="errors")] == [2]
    assert len(await desk.rows(batch, only="answered")) == PAGE + 4


async def test_lines_that_ask_the_same_run_once_and_both_get_the_answer(desk: Desk) -> None:
    lines = [{"id": "a", "input": "same"}, {"id": "b", "input": "other"}, {"id": "c", "input": "same"}]
    batch = await desk.until(await desk.submit(*lines))
    assert len(desk.cascade.taken) == 2
    assert (batch.counts.answered, batch.counts.shared) == (3, 1)
    assert batch.cost_usd == pytest.approx(0.02)
    rows = await desk.rows(batch)
    assert [(row.custom_id, row.reply.content if row.reply else None) for row in rows] == [
        ("a", "to same"),
        ("b", "to other"),
        ("c", "to same"),
    ]
    assert rows[2].same_as == 1


async def test_lines_that_ask_the_same_run_each_where_that_is_wanted(desk: Desk) -> None:
    lines = [{"input": "same"}, {"input": "same"}]
    await desk.until(await desk.submit(*lines, dedup=False))
    await desk.until(await desk.submit(*[{**line, "cache": "refresh"} for line in lines]))
    assert len(desk.cascade.taken) == 4


async def test_a_line_of_another_file_is_answered_by_the_one_that_was_before_it(desk: Desk) -> None:
    first = await desk.until(await desk.submit({"input": "old"}, {"input": "same"}))
    second = await desk.until(await desk.submit({"input": "same"}, {"input": "new"}))
    assert [request.input for request in desk.cascade.taken] == ["old", "same", "new"]
    assert (second.counts.answered, second.counts.shared, second.cost_usd) == (2, 1, pytest.approx(0.01))
    rows = await desk.rows(second)
    assert (rows[0].of, rows[0].same_as, rows[0].reply and rows[0].reply.content) == (first.id, 2, "to same")


async def test_answers_under_other_policies_or_of_other_tenants_are_not_shared(desk: Desk) -> None:
    await desk.until(await desk.submit({"input": "same"}))
    await desk.until(await desk.submit({"input": "same"}, tenant="other"))
    desk.cascade.revision = "p2"
    await desk.until(await desk.submit({"input": "same"}, {"input": "new"}))
    assert len(desk.cascade.taken) == 4


async def test_an_invalid_line_fails_the_batch_before_anything_runs(desk: Desk) -> None:
    batch = await desk.until(await desk.submit({"input": "good"}, {"inptu": "bad"}))
    assert (batch.status, batch.counts.total, desk.cascade.taken) == ("failed", 2, [])
    assert [(problem.line, problem.param) for problem in batch.errors] == [(2, "inptu")]
    assert batch.failed_at is not None


async def test_the_others_run_where_invalid_lines_are_skipped(desk: Desk) -> None:
    batch = await desk.until(await desk.submit({"input": "good"}, b"{", skip_invalid=True))
    assert (batch.status, batch.counts.answered, batch.counts.invalid) == ("completed", 1, 1)
    _, bad = await desk.rows(batch)
    assert (bad.status, bad.error and bad.error.code) == ("invalid", "invalid_request")
    assert own_row(bad)["error"]["code"] == "invalid_request"


async def test_a_file_without_lines_fails(desk: Desk) -> None:
    batch = await desk.until(await desk.submit(b"", b"  "))
    assert (batch.status, batch.errors[0].code) == ("failed", "invalid_request")


async def test_openai_lines_get_openai_results(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "refused" if request.input == "2" else "answered"
    line = {"method": "POST", "url": "/v1/chat/completions"}
    lines = [{**line, "custom_id": name, "body": {"say": name}} for name in ("1", "2")]
    batch = await desk.until(await desk.submit(*lines, endpoint="/v1/chat/completions"))
    assert batch.form == "openai"
    good, bad = [openai_row(row, lambda reply: {"text": reply.content}) for row in await desk.rows(batch)]
    own = f"{batch.id}-1"
    assert good == {
        "id": own,
        "custom_id": "1",
        "response": {"status_code": 200, "request_id": own, "body": {"text": "to 1"}},
        "error": None,
    }
    assert (bad["response"], bad["error"]["code"]) == (None, "target_rejected")


async def test_results_are_there_while_the_batch_runs(desk: Desk) -> None:
    desk.cascade.answer = lambda request: None if request.input == "question 2" else "answered"
    batch = await desk.counted(await desk.submit(*questions(3)), 2)
    assert (batch.status, batch.counts.open) == ("in_progress", 1)
    assert [row.line for row in await desk.rows(batch)] == [1, 3]
    came = [row.line async for row in _few(desk, batch, 2)]
    assert came == [1, 3]


async def _few(desk: Desk, batch, count: int):  # type: ignore[no-untyped-def]
    async for row in desk.engine.rows(batch, order="come", follow=True):
        yield row
        count -= 1
        if not count:
            return


async def test_rows_that_are_followed_come_in_the_order_of_the_file_to_the_last(desk: Desk) -> None:
    desk.cascade.answer = lambda request: None if request.input == "question 2" else "answered"
    batch = await desk.counted(await desk.submit(*questions(PAGE + 3)), 2)

    async def later() -> None:
        await asyncio.sleep(0.2)
        await desk.cascade.end(next(r for r in desk.cascade.taken if r.input == "question 2"), "answered")

    task = asyncio.create_task(later())
    assert [row.line async for row in desk.engine.rows(batch, follow=True)] == list(range(1, PAGE + 4))
    await task


async def test_a_cancelled_batch_begins_no_line_and_keeps_its_results(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "answered" if request.input == "question 1" else None
    batch = await desk.counted(await desk.submit(*questions(600)), 1)
    assert (await desk.engine.cancel("default", batch.id)).status == "cancelling"
    done = await desk.until(batch)
    taken = len(desk.cascade.taken)
    assert done.status == "cancelled"
    assert taken <= 257
    assert set(desk.cascade.cancelled) >= {request.id for request in desk.cascade.taken[1:]}
    assert (done.counts.answered, done.counts.cancelled) == (1, 599)
    rows = await desk.rows(done)
    assert [row.status for row in rows].count("cancelled") == 599
    assert rows[-1].error is not None
    assert rows[-1].error.code == "batch_cancelled"
    assert (await desk.engine.cancel("default", batch.id)).status == "cancelled"
    assert len(desk.cascade.taken) == taken


async def test_lines_that_are_not_done_in_their_time_expire(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "answered" if request.input == "question 1" else None
    batch = await desk.counted(await desk.submit(*questions(400), window_s=3600), 1)
    desk.clock.ahead = 3600.0
    done = await desk.until(batch)
    assert (done.status, done.counts.answered, done.counts.expired) == ("expired", 1, 399)
    assert done.expired_at is not None
    rows = await desk.rows(done, only="errors")
    assert {row.status for row in rows} == {"expired"}
    assert rows[-1].error is not None
    assert rows[-1].error.code == "batch_expired"


async def test_only_what_was_not_answered_runs_again_and_under_other_ids(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "failed" if request.input == "question 2" else "answered"
    batch = await desk.until(await desk.submit(*questions(3)))
    assert batch.counts.failed == 1
    desk.cascade.answer = lambda _: "answered"
    retried = await desk.until(await desk.engine.retry("default", batch.id))
    assert desk.cascade.ids[3:] == [f"{batch.id}-2-1"]
    assert (retried.status, retried.round, retried.counts.answered, retried.counts.failed) == ("completed", 1, 3, 0)
    assert retried.cost_usd == pytest.approx(0.04)
    rows = await desk.rows(retried)
    assert [(row.line, row.status, row.round) for row in rows] == [
        (1, "answered", 0),
        (2, "answered", 1),
        (3, "answered", 0),
    ]


async def test_named_lines_run_again_with_those_whose_answer_they_share(desk: Desk) -> None:
    batch = await desk.until(await desk.submit({"input": "same"}, b"", {"input": "same"}, {"input": "other"}))
    retried = await desk.until(await desk.engine.retry("default", batch.id, [3]))
    assert desk.cascade.ids[2:] == [f"{batch.id}-1-1"]
    assert retried.counts.answered == 3
    with pytest.raises(InvalidRequest, match="2 is no line"):
        await desk.engine.retry("default", batch.id, [2])


async def test_there_is_nothing_to_try_again_where_all_was_answered_or_nothing_has_ended(desk: Desk) -> None:
    done = await desk.until(await desk.submit({"input": "one"}))
    with pytest.raises(InvalidRequest, match="was answered"):
        await desk.engine.retry("default", done.id)
    later = await desk.submit({"input": "two"}, not_before=desk.clock.now() + 3600)
    with pytest.raises(InvalidRequest, match="once it has ended"):
        await desk.engine.retry("default", later.id)


async def test_what_was_cancelled_goes_on_when_it_is_tried_again(desk: Desk) -> None:
    desk.cascade.answer = lambda _: None
    batch = await desk.until(await desk.submit(*questions(PAGE + 1)), "in_progress")
    await desk.engine.cancel("default", batch.id)
    await desk.until(batch)
    desk.cascade.answer = lambda _: "answered"
    done = await desk.until(await desk.engine.retry("default", batch.id))
    assert (done.status, done.counts.answered) == ("completed", PAGE + 1)


async def test_no_line_runs_before_its_time(desk: Desk) -> None:
    first, last = (datetime.fromtimestamp(desk.clock.now() + hours * 3600, UTC) for hours in (2, 3))
    hours = Hours(start=f"{first:%H:%M}", end=f"{last:%H:%M}")  # not now
    closed = await desk.until(await desk.submit({"input": "closed"}, hours=hours), "in_progress")
    batch = await desk.until(await desk.submit({"input": "x"}, not_before=desk.clock.now() + 3600), "in_progress")
    open_too = await desk.until(await desk.submit({"input": "now"}))
    assert [request.input for request in desk.cascade.taken] == ["now"]
    desk.clock.ahead = 3700.0
    assert (await desk.until(batch)).counts.answered == 1
    assert open_too.counts.answered == 1
    assert (await desk.engine.get("default", closed.id)).counts.answered == 0


async def test_a_small_batch_does_not_wait_for_the_end_of_a_large_one(desk: Desk) -> None:
    """Nor where all that the large one may have on its way waits for something."""
    answered: list[str] = []

    def answer(request: Request) -> Status | None:
        answered.append(request.tenant)
        return "answered" if request.tenant == "small" or len(answered) < 200 else None

    desk.cascade.answer = answer
    large = await desk.submit(*questions(700), tenant="large")
    await desk.counted(large, 1)
    small = await desk.until(await desk.submit(*questions(20), tenant="small"))
    assert small.status == "completed"
    assert (await desk.engine.get("large", large.id)).status == "in_progress"
    await desk.engine.cancel("large", large.id)
    await desk.until(large)


async def test_the_same_id_is_the_same_batch_and_another_file_under_it_a_conflict(desk: Desk) -> None:
    info = await desk.engine.put_file("default", bytes_of(*questions(1)), file_id="file-1")
    again = await desk.engine.put_file("default", bytes_of(*questions(2)), file_id="file-1")
    assert again == info
    first = await desk.engine.create("default", info.id, batch_id="mine")
    await desk.until(first)
    assert (await desk.engine.create("default", info.id, batch_id="mine")).status == "completed"
    with pytest.raises(IdempotencyConflict):
        await desk.engine.create("default", info.id, Options(dedup=False), batch_id="mine")
    assert len(desk.cascade.taken) == 1


async def test_a_tenant_sees_neither_files_nor_batches_of_another(desk: Desk) -> None:
    batch = await desk.until(await desk.submit({"input": "mine"}, tenant="mine"))
    for act in (desk.engine.get, desk.engine.cancel, desk.engine.retry):
        with pytest.raises(NotFound):
            await act("yours", batch.id)
    with pytest.raises(NotFound):
        await desk.engine.file("yours", batch.file_id)
    with pytest.raises(NotFound):
        await desk.engine.create("yours", batch.file_id)
    assert not await desk.engine.delete_file("yours", batch.file_id)
    assert (await desk.engine.list("yours")).items == ()
    assert (await desk.engine.files("yours")).items == ()
    assert (await desk.engine.get(None, batch.id)).tenant == "mine"


async def test_a_batch_that_is_written_while_it_is_listed_is_listed_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NATS names a key again that is written while keys are read."""
    bucket = desk.engine.shelf.bucket
    real = bucket.keys

    async def twice() -> tuple[str, ...]:
        keys = await real()
        return (*keys, *keys)

    await desk.until(await desk.submit({"input": "one"}))
    monkeypatch.setattr(bucket, "keys", twice)
    assert len((await desk.engine.list("default")).items) == 1
    assert len((await desk.engine.files("default")).items) == 1


async def test_lists_come_in_pages_the_newest_first(desk: Desk) -> None:
    made = [(await desk.submit({"input": str(n)}, wanted=f"b{n}")).id for n in range(5)]
    first = await desk.engine.list("default", limit=2)
    assert ([batch.id for batch in first.items], first.more) == ([made[4], made[3]], True)
    rest = await desk.engine.list("default", after="b3", limit=9)
    assert ([batch.id for batch in rest.items], rest.more) == (["b2", "b1", "b0"], False)
    files = await desk.engine.files("default", limit=3)
    assert (len(files.items), files.more) == (3, True)
    assert (await desk.engine.files("default", purpose="fine-tune")).items == ()


async def test_a_file_comes_back_byte_by_byte_and_can_be_removed(desk: Desk) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3):
            yield bytes([number]) * (PIECE // 2 + number)

    info = await desk.engine.put_file("default", chunks())
    assert (info.bytes, info.pieces) == (3 * (PIECE // 2) + 3, 2)
    assert b"".join([piece async for piece in desk.engine.read_file(info)]) == b"".join([c async for c in chunks()])
    assert await desk.engine.delete_file("default", info.id)
    assert not await desk.engine.delete_file("default", info.id)
    with pytest.raises(NotFound):
        await desk.engine.file("default", info.id)


async def test_a_file_that_is_too_large_leaves_nothing_behind(desk: Desk, link: Link) -> None:
    with pytest.raises(RequestTooLarge):
        await desk.engine.put_file("default", bytes_of(b"x" * PIECE, b"y" * PIECE), limit=PIECE + 10)
    assert [name async for name in link.objects("files").names()] == []


async def test_sizes_are_those_of_what_is_written(desk: Desk) -> None:
    desk.cascade.answer = lambda request: "failed" if request.input == "question 2" else "answered"
    batch = await desk.until(await desk.submit(*questions(3)))
    output, errors = await desk.engine.sizes(batch, lambda reply: {"text": reply.content})
    assert output > errors > 0
    kept = await desk.engine.get("default", batch.id)
    assert kept.sizes == (output, errors)


async def test_what_is_removed_leaves_no_object(desk: Desk, link: Link) -> None:
    batch = await desk.until(await desk.submit(*questions(3)))
    await desk.engine.remove(batch)
    await desk.engine.delete_file("default", batch.file_id)
    assert [name async for name in link.objects("files").names()] == []
    assert (await desk.engine.get("default", batch.id)).removed
