"""Something is wrong with one batch, and the others go on: an unreadable record, a defect, a piece that is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from unittest.mock import patch

import pytest
from batches import Desk, desk_on, questions

from pipeline.batch.active import Active
from pipeline.errors import NotFound, Unreadable
from pipeline.ports import Link


@pytest.fixture
async def desk(link: Link) -> AsyncIterator[Desk]:
    async with desk_on(link) as made:
        yield made


@pytest.mark.parametrize("record", [b"no batch", b"{}", b""])
async def test_a_record_that_cannot_be_read_stops_nobody(
    desk: Desk, record: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = desk.engine.shelf
    await shelf.bucket.put("batch.default.broken", record)
    await shelf.bucket.put("file.default.broken", record)
    async with desk_on(desk.link, lead=False) as second:  # one that leads only now reads it while it begins
        await second.lead()
        batch = await desk.until(await desk.submit(*questions(2)))
        assert batch.status == "completed"
        for _ in range(2):
            assert [found.id for found in await shelf.all(None)] == [batch.id]
            assert [found.id for found in await shelf.files("default")] == [batch.file_id]
    for read in (
        desk.engine.get("default", "broken"),
        desk.engine.get(None, "broken"),
        shelf.file("default", "broken"),
    ):
        with pytest.raises(Unreadable, match=r"default\.broken"):
            await read
    said = [message for message in caplog.messages if "batch.default.broken" in message]
    assert 1 <= len(said) <= 3, "once for each that reads it"
    assert not any("stopped the feeder" in message for message in caplog.messages)


async def test_a_batch_under_the_name_of_another_is_unreadable(desk: Desk) -> None:
    batch = await desk.until(await desk.submit(*questions(1)))
    await desk.engine.shelf.bucket.put("batch.default.other", batch.model_dump_json().encode())
    with pytest.raises(Unreadable):
        await desk.engine.get("default", "other")


async def test_a_defect_in_one_batch_stops_that_batch_alone(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    take = Active.take

    async def broken(active: Active) -> object:
        if active.batch.id == "bad":
            raise RuntimeError(" ".join(("secret", "words")))
        return await take(active)

    with patch.object(Active, "take", broken):
        bad = await desk.submit(*questions(2, "bad"), wanted="bad")
        await desk.until(bad, "in_progress")
        good = await desk.until(await desk.submit(*questions(2)))
        assert good.status == "completed"
        assert (await desk.engine.get("default", "bad")).status == "in_progress"
    assert any("batch bad waits" in message for message in caplog.messages)
    assert "secret words" not in caplog.text


async def test_a_batch_that_went_wrong_is_taken_up_again(desk: Desk) -> None:
    take, failures = Active.take, [RuntimeError("once")]

    async def broken(active: Active) -> object:
        if failures:
            raise failures.pop()
        return await take(active)

    with patch.object(Active, "take", broken), patch("pipeline.batch.aside.DEFECT_S", 0.05):
        batch = await desk.until(await desk.submit(*questions(3)))
    assert (batch.status, batch.counts.answered) == ("completed", 3)
    assert sorted(desk.cascade.ids) == [f"{batch.id}-{number}" for number in (1, 2, 3)], "each line ran once"


async def test_a_batch_that_cannot_be_validated_keeps_no_other_from_it(desk: Desk) -> None:
    info = await desk.engine.put_file("default", _lines(), name="lost.jsonl")
    await desk.link.objects("files").delete(f"file/default/{info.id}/0")
    await desk.engine.create("default", info.id, batch_id="lost")
    good = await desk.until(await desk.submit(*questions(2)))
    assert good.status == "completed"


async def test_a_batch_whose_record_becomes_unreadable_waits_alone(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.cascade.answer = lambda request: None if str(request.input).startswith("gone") else "answered"
    await desk.until(await desk.submit(*questions(2, "gone"), wanted="gone"), "in_progress")
    await desk.engine.shelf.bucket.put("batch.default.gone", b"overwritten")
    good = await desk.until(await desk.submit(*questions(2)))
    assert good.status == "completed"
    async with asyncio.timeout(5):
        while not any("batch gone waits" in message for message in caplog.messages):
            await asyncio.sleep(0.02)
    assert not any("stopped the feeder" in message for message in caplog.messages)


async def test_a_batch_keeps_its_file_until_it_was_read(link: Link) -> None:
    async with desk_on(link, lead=False) as desk:
        batch = await desk.submit(*questions(2))
        assert await desk.engine.delete_file("default", batch.file_id)
        with pytest.raises(NotFound):
            await desk.engine.file("default", batch.file_id)
        await desk.lead()
        assert (await desk.until(batch)).counts.answered == 2
        async with asyncio.timeout(5):
            while await link.objects("files").get(f"file/default/{batch.file_id}/0") is not None:
                await asyncio.sleep(0.02)


async def test_a_batch_whose_file_is_gone_fails(link: Link) -> None:
    async with desk_on(link, lead=False) as desk:
        batch = await desk.submit(*questions(2))
        await desk.engine.delete_file("default", batch.file_id)
        await link.objects("files").delete(f"file/default/{batch.file_id}/0")
        await desk.lead()
        assert [why.code for why in (await desk.until(batch)).errors] == ["not_found"]


async def _lines() -> AsyncIterator[bytes]:
    yield b'{"input": "x"}\n'
    await asyncio.sleep(0)
