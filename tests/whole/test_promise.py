"""From traffic to a promise and back: labels are recorded, a gate is made of them, and the next requests obey it."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cascade import FakeClock
from click.testing import Result
from ruamel.yaml import YAML
from servers import NatsServer, until
from typer.testing import CliRunner
from valkey_server import ValkeyServer
from whole import Whole, whole

from pipeline.adapters.results import StreamResults
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app
from pipeline.contracts import AuditRecord, Request
from pipeline.policy.load import load_folder
from stages.allocate import Watch
from stages.app import run_worker

pytest.importorskip("sklearn", reason="the extra train is not installed")
pytest.importorskip("plotext", reason="the extra train is not installed")
CLI = make_app(Hooks(run_worker))
FILE = "calibrators/faq.json"
ASKED = 200


@dataclass
class Desk:
    """The command line in front of a running cascade."""

    house: Whole

    async def types(self, *words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, CLI, list(words))

    async def reads(self, *words: str) -> Any:
        done = await self.types(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


def one_route(folder: Path, accept: dict[str, object]) -> None:
    """The route chat alone, whose first tier is now a sure model and now an unsure one that says other things."""
    yaml = YAML()
    models = yaml.load(folder / "models.yaml")
    models["targets"]["doubtful"] = {**models["targets"]["small"], "model": "unsure-contrary"}
    models["variants"]["doubtful"] = {"target": "doubtful"}
    yaml.dump(models, folder / "models.yaml")
    routes = yaml.load(folder / "routes.yaml")
    chat = next(route for route in routes["routes"] if route["name"] == "chat")
    chat["tiers"][0]["variants"] = {"small": 0.6, "doubtful": 0.4}
    chat["accept"] = accept
    routes["routes"], routes["examples"] = [chat], []
    yaml.dump(routes, folder / "routes.yaml")


def promised(folder: Path) -> None:
    yaml = YAML()
    routes = yaml.load(folder / "routes.yaml")
    routes["routes"][0]["accept"] = {"confidence": "promised", "calibrator_file": FILE, "explore": 0.5}
    yaml.dump(routes, folder / "routes.yaml")


async def ask(house: Whole, numbers: range, task: str = "faq") -> list[AuditRecord]:
    """So many requests; their records."""
    before = len(await house.records())
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            # The draws of a request follow from its id, so that they fall in the same way each time.
            about = {"id": f"{task}-{number}", "metadata": {"task": task}}
            question = Request(input=f"How deep is well number {number}?", cache="off", **about)
            assert (await house.client.ask(question)).status == "answered"

    await asyncio.gather(*(one(number) for number in numbers))
    records: list[AuditRecord] = []
    async with asyncio.timeout(20):
        while len(records := await house.records()) < before + len(numbers):
            await asyncio.sleep(0.02)
    return records[before:]


def first_check(record: AuditRecord) -> dict[str, Any]:
    return dict(next(step.facts for step in record.trail if step.stage == "check"))


def reasons(record: AuditRecord) -> list[str]:
    return [reason for step in record.trail for reason in step.reasons]


async def test_records_make_a_promise_and_the_promise_decides_the_next_requests(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded, calibrated, applied, decided by, shown and watched."""
    loose = {"confidence": 0.5, "explore": 0.5}
    async with whole(tmp_path, nats, valkey.url, change=lambda folder: one_route(folder, loose)) as house:
        for name, value in {
            "STEPWELL_NATS": nats.url,
            "STEPWELL_SECRET": "test-secret",
            "STEPWELL_HOME": str(tmp_path / "home"),
            "STEPWELL_POLICIES": str(house.policies),
            "STEPWELL_WHO": "ann",
            "COLUMNS": "200",
            **house.environment,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        desk = Desk(house)

        recorded = await ask(house, range(ASKED))
        labelled = judged_by_the_next_tier(recorded)

        file = house.policies / FILE
        made = await desk.reads("calibrate", "--route", "chat", "--alpha", "0.1", "--out", str(file))
        segment = next(each for each in made["segments"] if each["task"] == "faq")
        assert made["gate"]["source"] == "what was recorded, route chat"
        assert 50 < made["gate"]["labels"] <= labelled
        assert segment["threshold"] is not None, segment
        assert Path(made["file"]) == file

        promised(house.policies)
        applied = await desk.types("policy", "apply", str(house.policies), "--why", "a promise", "--yes")
        assert applied.exit_code == 0, applied.output
        revision = load_folder(house.policies, house.environment).revision
        await until(lambda: all(source.current().revision == revision for source in house.sources), 10)

        later = await ask(house, range(1000, 1040))
        name = decided_by_the_gate(later, segment["threshold"])
        for record in await ask(house, range(2000, 2004), task="another"):
            assert record.threshold == 1.0, "nothing was promised for this task"
            assert record.served is not None
            assert record.served.tier == 1
            assert "everything escalates: for the task another" in " ".join(reasons(record))

        (shown,) = await desk.reads("confidence", "show", "chat")
        assert shown["calibrator"] == name
        assert "at most 10 of 100 answers are wrong and kept" in shown["sentences"]["faq"]

        link = house.link
        await Watch(
            link.streams, StreamResults(link.streams), link.bucket("calibration"), house.sources[0], FakeClock()
        ).round()
        (row,) = [row for row in await desk.reads("confidence", "watch", "chat") if row["segment"] == "faq"]
        assert row["labels"] == sum(record.explored is not None for record in later)
        assert (row["wrong"], row["state"]) == (0, "watched")


def judged_by_the_next_tier(records: list[AuditRecord]) -> int:
    """How many drafts were judged: those that were unsure, and a share of the others, with its propensity."""
    explored = [record for record in records if record.explored is not None]
    unsure = [record for record in records if record.explored is None and record.served and record.served.tier == 1]
    kept = [record for record in records if record.served and record.served.tier == 0]
    assert min(len(explored), len(unsure), len(kept)) > 15, "else this test says nothing"
    assert all((record.explored, record.stays) == (0.5, True) for record in explored)
    assert all(record.drafted["agrees_with_next"] == 1.0 for record in explored)
    differ = [record.drafted["agrees_with_next"] < 0.5 for record in unsure]
    assert sum(differ) > 0.7 * len(differ), "else this test says nothing"
    assert all(record.drafted["logprob_mean"] is not None for record in explored + unsure)
    assert all(not record.degraded for record in records)
    return len(explored) + len(unsure)


def decided_by_the_gate(records: list[AuditRecord], threshold: float) -> str:
    """Every draft was held against the promised threshold by its probability; who fell short went on."""
    facts = [first_check(record) for record in records]
    (name,) = {fact["calibrator"] for fact in facts}
    assert name.startswith(FILE)
    assert all(fact["threshold"] == threshold for fact in facts)
    assert all(fact["confidence"] != fact["raw_confidence"] for fact in facts)
    for record, fact in zip(records, facts, strict=True):
        stays = fact["confidence"] >= threshold
        assert "for the task faq at most 10 of 100 answers are wrong" in " ".join(reasons(record))
        assert stays == (record.explored is not None or (record.served is not None and record.served.tier == 0))
    assert len({fact["confidence"] >= threshold for fact in facts}) == 2, "else this test says nothing"
    return str(name)
