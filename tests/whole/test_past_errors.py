"""Errors at questions like one, in a whole cascade: drafts fail, outcomes speak, and the next answer is weighed so."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from patience import have_patience
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.cache_answers import PREFIX, ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.past_entries import PastEntries
from pipeline.calibrate.recorded import labels_of
from pipeline.client import Client
from pipeline.contracts import AuditRecord, OutcomeEvent, Request
from pipeline.settings import Settings

pytest.importorskip("usearch")
pytest.importorskip("onnxruntime")

TWO = ("{variants: {first: 1}}", "{variants: {second: 1}}")
WELLS = tuple(f"How deep is the well in the {where} garden?" for where in ("old", "north", "south", "east", "lower"))
LIKE = "How deep is the well in the west garden?"


SECRET = "the secret of workers that share a store"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one secret, since what is heard elsewhere is to be read here."""
    have_patience(monkeypatch)
    bare = Settings.from_environment({"STEPWELL_SECRET": SECRET})
    monkeypatch.setattr(Settings, "from_environment", lambda _environment: bare)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[ValkeyAnswers]:
    made = ValkeyAnswers(valkey.url)
    await made._calls.command("FLUSHALL")
    yield made
    await made.close()


def plans(first: str, accept: str = "confidence: 0.5, past_errors: {}") -> Plans:
    return Plans({"first": first, "second": "maxi"}, TWO, f"    accept: {{{accept}}}\n    cache: {{enabled: false}}\n")


async def asked(home: House, question: str) -> AuditRecord:
    reply = await home.client.ask(Request(input=question))
    return next(record for record in await home.records() if record.request_id == reply.id)


async def kept(store: ValkeyAnswers, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await store._calls.command("KEYS", PREFIX + "past:*")) < count:
            await asyncio.sleep(0.02)


async def test_drafts_that_another_tier_contradicted_weigh_on_the_next_one_of_their_tenant_alone(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("unsure-contrary"), valkey.url) as home:
        for count, question in enumerate(WELLS, start=1):
            before = await asked(home, question)
            assert before.drafted["neighbours_right"] is None
            await kept(store, count)
        like = await asked(home, LIKE)
        assert like.drafted["neighbours_right"] == pytest.approx(0.0, abs=0.01)
        reply = await Client(home.link, "other").ask(Request(input=LIKE))
        other = next(record for record in await home.records() if record.request_id == reply.id)
        assert other.tenant == "other"
        assert other.drafted["neighbours_right"] is None


async def test_what_callers_say_of_answers_counts_and_calibration_sees_it(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("mini"), valkey.url) as home:
        records = [await asked(home, question) for question in WELLS]
        await kept(store, len(WELLS))
        entries = PastEntries(store, SECRET.encode(), SystemClock())
        outcomes = [
            OutcomeEvent(id=f"e{n}", request_id=record.request_id, reward=1.0 if n == 0 else 0.0)
            for n, record in enumerate(records)
        ]
        for outcome in outcomes:
            await entries.heard(outcome)
        like = await asked(home, LIKE)
        share = like.signals["neighbours_right"]
        assert share is not None
        assert 0.05 < share < 0.5
        said = OutcomeEvent(id="last", request_id=like.request_id, reward=0.0)
        label = labels_of(await home.records(), [*outcomes, said])[-1]
        assert label.inputs["neighbours_right"] == share


async def test_a_route_that_does_not_ask_keeps_nothing(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("unsure-contrary", "confidence: 0.5"), valkey.url) as home:
        record = await asked(home, LIKE)
        assert record.drafted["neighbours_right"] is None
    assert await store._calls.command("KEYS", PREFIX + "past:*") == []


async def test_without_a_store_the_trail_says_why_nobody_knows(tmp_path: Path) -> None:
    async with house(tmp_path, plans("unsure-contrary")) as home:
        record = await asked(home, LIKE)
        assert record.status == "answered"
        assert "no_store" in [step.facts.get("neighbours") for step in record.trail if step.stage == "check"]
