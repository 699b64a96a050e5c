"""Lines of a batch go to their provider as a file and come back, on real servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from servers import NatsServer
from whole import Whole, whole

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.results import StreamResults
from pipeline.batch import Engine, Options
from pipeline.contracts import LedgerEntry, Reply, Request, StageName
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.topology import STAGES

PRICE = {"input": 2.0, "output": 8.0, "source": "test", "as_of": "2026-01-01"}
QUICK = {"gather": 0.15, "every": 0.05, "least": 60.0, "spare": 5.0}


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
    server.batches.takes_s = 0.1
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


async def left_over(running: Whole) -> list[str]:
    """What stays of lines: on the shelf, in queues, and at the provider."""
    streams = running.link.streams
    shelf = [each.subject async for each in streams.scan("SHELF") if each.subject.split(".")[1] in ("line", "answer")]
    queues = [each.subject async for each in streams.scan("STEPS")]
    return [*shelf, *queues, *running.models.batches.files]


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
        async with asyncio.timeout(10):
            while await left_over(running):
                await asyncio.sleep(0.02)


async def lines(count: int) -> AsyncIterator[bytes]:
    """Of a file."""
    for number in range(count):
        yield b'{"input":"question %d"}\n' % number


async def test_a_batch_of_many_more_lines_than_may_be_on_the_way_goes_in_full_files(
    tmp_path: Path, nats: NatsServer, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that wait for their files to fill hold no place: with four places, two files of sixty lines."""
    monkeypatch.setattr("pipeline.batch.feeder.LIMIT", 4)
    monkeypatch.setattr("pipeline.batch.flight.BEYOND_S", 0.02)
    monkeypatch.setattr("pipeline.batch.flight.YOUNG_S", 0.0)
    async with cascade(tmp_path, nats, valkey_url, max_lines=60, gather=600.0) as running:
        engine = Engine(running.link, SystemClock())
        info = await engine.put_file("default", lines(120), name="lines.jsonl")
        batch = await engine.create("default", info.id, Options())
        async with asyncio.timeout(30):
            while not (batch := await engine.get("default", batch.id)).ended:
                await asyncio.sleep(0.05)
        assert (batch.status, batch.counts.answered) == ("completed", 120)
        assert [row.line async for row in engine.rows(batch)] == list(range(1, 121))
        assert [upload.count(b"\n") for upload in running.models.batches.uploads] == [60, 60]
        assert running.calls()["calls"] == 0
        assert running.calls()["billed_total"] == 120


async def test_what_a_batch_left_out_is_called_by_itself_at_the_usual_price(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    """The batch expires after half of its lines; each line is answered once all the same."""
    async with cascade(tmp_path, nats, valkey_url, "mini-expires") as running:
        found = await answered(running, 6)
        assert {reply.status for reply in found.values()} == {"answered"}
        made = [record.attempts[0] for record in await running.records()]
        assert sorted(each.provider_batch or "" for each in made) == ["", "", "", "batch_1", "batch_1", "batch_1"]
        for each in made:
            share = 0.5 if each.provider_batch else 1.0
            usual = (each.usage.input_tokens * 2.0 + each.usage.output_tokens * 8.0) / 1_000_000
            assert each.cost_usd == pytest.approx(usual * share)
        assert running.models.batches.count == 1
        assert running.calls()["billed_total"] == 6


@pytest.mark.slow
async def test_a_line_that_the_provider_refuses_goes_the_way_of_a_refused_call(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    """Here: the next tier answers, by itself, since its target has no batches."""
    async with cascade(tmp_path, nats, valkey_url, "reject") as running:
        found = await answered(running, 3)
        assert {reply.served.tier for reply in found.values() if reply.served} == {1}
        for record in await running.records():
            first, second = record.attempts
            assert (first.error_code, first.cost_usd, first.provider_batch) == ("target_rejected", 0.0, None)
            assert (second.stage, second.provider_batch) == ("escalate", None)


@pytest.mark.slow
async def test_interactive_requests_and_those_in_a_hurry_never_wait(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    async with cascade(tmp_path, nats, valkey_url) as running:
        await running.client.enqueue(Request(id="r0", input="now", lane="interactive"))
        await running.client.enqueue(Request(id="r1", input="soon", lane="batch", budget={"deadline_ms": 20_000}))
        found = await replies(running, 2)
        assert {reply.status for reply in found.values()} == {"answered"}
        assert running.models.batches.count == 0


async def test_no_file_holds_what_its_target_may_not_see(tmp_path: Path, nats: NatsServer, valkey_url: str) -> None:
    """A line with personal data goes to who may see it, and the file of the other one does not know it."""
    mail = "erika.mustermann@example.com"

    def change(folder: Path) -> None:
        batched()(folder)
        yaml = YAML()
        models = yaml.load(folder / "models.yaml")
        models["targets"]["small"] |= {"external": True, "provider": "elsewhere"}
        yaml.dump(models, folder / "models.yaml")
        residency = yaml.load(folder / "residency.yaml")
        del residency["examples"]
        yaml.dump(residency, folder / "residency.yaml")

    server = ScriptedServer()
    server.batches.takes_s = 0.1
    async with whole(tmp_path, nats, valkey_url, models=server, change=change) as running:
        for number, text in enumerate([f"Write to {mail}", "Write to nobody"]):
            await running.client.enqueue(Request(id=f"r{number}", input=text, lane="batch"))
        await replies(running, 2)
        sent = b"".join(server.batches.uploads)
        assert mail.encode() not in sent
        found = {record.request_id: record for record in await running.records()}
        assert {made.target for made in found["r0"].attempts} == {"large"}
        assert b"nobody" in sent


@pytest.mark.slow
async def test_a_request_that_was_taken_back_leaves_its_answer_unused_and_others_are_answered(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    async with cascade(tmp_path, nats, valkey_url, gather=1.0) as running:
        for number in range(2):
            await running.client.enqueue(Request(id=f"r{number}", input=f"question {number}", lane="batch"))
        async with asyncio.timeout(10):
            while len([each async for each in running.link.streams.scan("SHELF", subject="shelf.line.>")]) < 2:
                await asyncio.sleep(0.02)
        await running.link.publish("cancel.default.r0", b"")
        found = await replies(running, 2)
        assert found["r1"].status == "answered"
        assert found["r0"].error is not None
        assert found["r0"].error.code == "cancelled"


async def test_requests_that_are_taken_back_end_at_once_and_their_batch_is_cancelled_at_the_provider(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    """Although their batch would take longer than the test, and their deadlines are far."""
    async with cascade(tmp_path, nats, valkey_url) as running:
        running.models.batches.takes_s = 1000
        for number in range(2):
            await running.client.enqueue(Request(id=f"r{number}", input=f"question {number}", lane="batch"))
        async with asyncio.timeout(10):
            while running.models.batches.count == 0:
                await asyncio.sleep(0.02)
        for number in range(2):
            await running.client.cancel(f"r{number}")
        found = await replies(running, 2)
        assert {reply.error.code for reply in found.values() if reply.error} == {"cancelled"}
        async with asyncio.timeout(10):
            while await left_over(running):
                await asyncio.sleep(0.02)
        assert running.calls()["billed_total"] == 0
        assert await settled(running) == []


@pytest.mark.slow
async def test_who_shelves_who_wakes_and_who_goes_on_may_be_different_workers(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    sets: tuple[tuple[StageName, ...], ...] = (
        ("classify", "plan", "recall", "check", "audit"),
        ("draft",),
        ("escalate",),
    )
    async with cascade(tmp_path, nats, valkey_url, sets=sets) as running:
        found = await answered(running, 8)
        assert {reply.status for reply in found.values()} == {"answered"}
        assert running.models.batches.count == 1
        assert running.calls()["billed_total"] == 8
        assert len(await running.records()) == 8
