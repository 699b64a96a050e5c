"""Calls that nobody waited for, through the whole cascade: the record and the ledger tell of them, and both agree."""

import asyncio
from pathlib import Path

import pytest
from servers import until
from stairs_house import House, Plans, house

from pipeline.contracts import AttemptRecord, Budget, Chunk, LedgerEntry, Request

ALONE = ("{variants: {first: 1}}",)


async def settled(home: House) -> list[LedgerEntry]:
    lines = [LedgerEntry.model_validate_json(stored.body) async for stored in home.link.streams.scan("LEDGER")]
    return [line for line in lines if line.kind == "settle"]


async def recorded(home: House) -> AttemptRecord:
    """The one attempt of the one request, once its record is there."""
    async with asyncio.timeout(5):
        while not (records := await home.records()):
            await asyncio.sleep(0.01)
    (record,) = records
    (attempt,) = record.attempts
    (line,) = await settled(home)
    assert line.usd == pytest.approx(attempt.cost_usd), "the ledger and the record agree"
    assert line.estimated
    return attempt


async def test_a_request_that_its_caller_takes_back_is_charged_for_the_call_that_ran(tmp_path: Path) -> None:
    async with house(tmp_path, Plans({"first": "hang"}, ALONE)) as home:
        task = asyncio.create_task(home.client.ask(Request(input="How deep is the well?", cache="off")))
        await until(lambda: home.models.ledger.stats()["running"] == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        attempt = await recorded(home)
        assert attempt.error_code == "cancelled"
        assert attempt.cost_usd is not None
        assert attempt.cost_usd > 0


async def test_a_stream_that_its_caller_leaves_is_charged_for_what_had_come(tmp_path: Path) -> None:
    async with house(tmp_path, Plans({"first": "drip-maxi"}, ALONE)) as home:
        request = Request(input="How deep is the well?", cache="off", stream=True)
        pieces = 0
        stream = home.client.stream(request)
        async for item in stream:
            pieces += isinstance(item, Chunk)
            if pieces == 3:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        attempt = await recorded(home)
        assert attempt.cost_usd is not None
        assert 0 < attempt.usage.output_tokens < 1024, "what had come, and not as much as could have"


async def test_a_deadline_that_ends_a_call_is_charged_too(tmp_path: Path) -> None:
    async with house(tmp_path, Plans({"first": "hang"}, ALONE)) as home:
        request = Request(input="How deep is the well?", cache="off", budget=Budget(deadline_ms=400))
        reply = await home.client.ask(request)
        assert reply.status == "failed"
        assert reply.cost_usd is not None
        assert reply.cost_usd > 0
        assert (await recorded(home)).cost_usd == pytest.approx(reply.cost_usd)
