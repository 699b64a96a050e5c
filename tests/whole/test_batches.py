"""A batch over the whole cascade: its lines meet the same budgets and are recorded as everybody's requests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from batches import bytes_of
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer

from pipeline.adapters.clock import SystemClock
from pipeline.batch import Batch, Engine, Options, Row
from pipeline.contracts import AuditRecord

LINES, ROOM = 30, 10
BUDGETS = f"budgets:\n  - {{name: day, by: [tenant], per: total, limit: {{requests: {ROOM}}}}}\n"


async def through(home: House, *lines: object) -> tuple[Batch, list[Row]]:
    """Submit lines and wait for their end."""
    engine = Engine(home.link, SystemClock())
    info = await engine.put_file("default", bytes_of(*lines))
    batch = await engine.create("default", info.id, Options())
    async with asyncio.timeout(60):
        while not (batch := await engine.get("default", batch.id)).ended:
            await asyncio.sleep(0.1)
    return batch, [row async for row in engine.rows(batch)]


async def records(home: House) -> AsyncIterator[AuditRecord]:
    async for stored in home.link.streams.scan("AUDIT"):
        yield AuditRecord.model_validate_json(stored.body)


async def test_a_budget_is_asked_when_a_line_runs_and_what_it_refuses_is_told_line_by_line(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    plans = Plans({"first": "mini"}, ("{variants: {first: 1}}",), budgets=BUDGETS)
    async with house(tmp_path, plans, valkey.url) as home:
        batch, rows = await through(home, *[{"input": f"Question {n}", "cache": "off"} for n in range(LINES)])
        assert (batch.status, batch.counts.answered, batch.counts.refused) == ("completed", ROOM, LINES - ROOM)
        refused = [row.error.code for row in rows if row.error is not None]
        assert refused == ["budget_refused"] * (LINES - ROOM)
        written = Counter([record.request_id async for record in records(home)])
        assert set(written) == {f"{batch.id}-{line}" for line in range(1, LINES + 1)}, "every line has its record"
        assert max(written.values()) == 1


async def test_a_batch_that_names_a_model_that_there_is_not_fails_before_it_runs(tmp_path: Path) -> None:
    plans = Plans({"first": "mini"}, ("{variants: {first: 1}}",))
    async with house(tmp_path, plans) as home:
        batch, _ = await through(home, {"input": "a"}, {"input": "b", "route": "nope"})
        assert [(why.line, why.code) for why in batch.errors] == [(2, "model_not_found")]
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a"}]}
        line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
        other, _ = await through(home, line)
        assert (batch.status, other.status) == ("failed", "failed")
        assert [(why.line, why.code) for why in other.errors] == [(1, "model_not_found")]
        assert not [record async for record in records(home)]
