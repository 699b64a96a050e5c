"""Lines of a batch go to their provider as a file and come back, on real servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from servers import NatsServer
from whole import Whole, whole

from pipeline.adapters.results import StreamResults
from pipeline.contracts import LedgerEntry, Reply, Request, StageName
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.topology import STAGES

PRICE = {"input": 2.0, "output": 8.0, "source": "test", "as_of": "2026-01-01"}
QUICK = {"gather": 0.3, "every": 0.1, "least": 60.0, "spare": 5.0}


def batched(**rules: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        yaml = YAML()
        models = yaml.load(folder / "models.yaml")
        models["targets"]["small"]["price"] = PRICE
        models["targets"]["small"]["batches"] = {**QUICK, **rules}
        yaml.dump(models, folder / "models.yaml")

    return change


@contextlib.asynccontextmanager
async def cascade(
    tmp_path: Path,
    nats: NatsServer,
    valkey_url: str,
    small: str = "mini",
    sets: Sequence[Sequence[StageName]] = (STAGES,),
    **rules: object,
) -> AsyncIterator[Whole]:
    server = ScriptedServer()
    server.batches.takes_s = 0.3
    async with whole(
        tmp_path, nats, valkey_url, small=small, models=server, change=batched(**rules), sets=sets
    ) as running:
        yield running


async def answered(running: Whole, count: int, **more: object) -> dict[str, Reply]:
    for number in range(count):
        request = Request(id=f"r{number}", input=f"question {number}", lane="batch", **more)
        await running.client.enqueue(request)
    return await replies(running, count)


async def replies(running: Whole, count: int) -> dict[str, Reply]:
    results = StreamResults(running.link.streams)
    found: dict[str, Reply] = {}
    async with asyncio.timeout(30):
        while len(found) < count:
            for name in {f"r{number}" for number in range(count)} - found.keys():
                if (reply := await results.get("default", name)) is not None:
                    found[name] = reply
            await asyncio.sleep(0.05)
    return found


async def settled(running: Whole) -> list[LedgerEntry]:
    return [
        LedgerEntry.model_validate_json(stored.body)
        async for stored in running.link.streams.scan("LEDGER", subject="ledger.*.*.*.settle")
    ]


async def test_lines_go_in_one_file_and_come_back_once_at_half_the_price(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    async with cascade(tmp_path, nats, valkey_url) as running:
        found = await answered(running, 12)
        assert {reply.status for reply in found.values()} == {"answered"}
        assert running.models.batches.count == 1
        assert running.calls()["calls"] == 0, "none was called by itself"
        assert running.calls()["billed_total"] == 12
        records = await running.records()
        assert len(records) == 12
        for record in records:
            (made,) = record.attempts
            assert made.provider_batch == "batch_1"
            whole_price = made.usage.input_tokens * 2.0 + made.usage.output_tokens * 8.0
            assert made.cost_usd == pytest.approx(whole_price / 2 / 1_000_000)
        costs = {entry.attempt: entry.usd for entry in await settled(running)}
        assert sum(costs.values()) == pytest.approx(sum(record.cost_usd for record in records))
        await asyncio.sleep(0.5)
        left = {stored.subject.split(".")[1] async for stored in running.link.streams.scan("SHELF")}
        assert left <= {"target", "lease"}, "nothing of a line stays"
        assert [stored async for stored in running.link.streams.scan("STEPS")] == []
        assert not running.models.batches.files, "nothing stays at the provider"
