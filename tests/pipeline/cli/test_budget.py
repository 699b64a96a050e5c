"""`stepwell budget` against a real server."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk
from fakes_money import budget, charge, ledger, lines, spent, with_money
from policy_files import MODELS, write
from servers import NatsServer
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.money.counters import Bucket
from pipeline.adapters.money.fold import Fold
from pipeline.adapters.money.memory import MemoryCounters
from pipeline.adapters.money.valkey import ValkeyCounters
from pipeline.cli import budget as verbs
from pipeline.contracts import Cover
from pipeline.policy.models import Allowance
from pipeline.ports import Link
from pipeline.transport.memory import MemoryLink

BUDGETS = """
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - name: day
    by: [tenant]
    per: day
    limit: {usd: 0.01}
  - name: idle
    per: total
    limit: {tokens: 1000}
"""


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    folder = tmp_path / "policies"
    price = "price: {input: 1.0, output: 2.0, source: a list, as_of: 2026-10-01}"
    models = MODELS.replace("    context_window: 4096", f"    context_window: 4096\n    {price}")
    write(folder, models=models, budgets=BUDGETS)
    monkeypatch.setenv("STEPWELL_POLICIES", str(folder))
    return Desk(nats, monkeypatch, verbs)


async def _spending(link: Link) -> None:
    worker = ledger(MemoryCounters(), link.streams, SystemClock(), grace_s=0.0)
    await worker.reserve(charge(1, 0.004))
    await worker.settle(charge(1, 0.004), 0.003, spent(), estimated=False)
    await worker.reserve(charge(2, 0.002))


def test_each_counter_with_what_is_spent_held_and_left(desk: Desk) -> None:
    desk.given(_spending)
    rows = desk.reads("budget", "show")
    assert isinstance(rows, list)
    day, idle = rows
    assert (day["budget"], day["scope"]) == ("day", "tenant=acme")
    assert (day["spent"]["usd"], day["held"]["usd"], day["left"]) == (0.003, 0.002, {"usd": 0.005})
    assert (day["used"], day["warns"], day["spent"]["requests"]) == (0.5, False, 2)
    assert 0 < day["resets_at"] - time.time() <= 86_400
    assert (idle["budget"], idle["left"], idle["resets_at"]) == ("idle", {"tokens": 1000}, None)
    assert [row["budget"] for row in desk.reads("budget", "show", "idle")] == ["idle"]  # type: ignore[union-attr, call-overload, index]


def test_a_person_sees_a_table(desk: Desk) -> None:
    desk.given(_spending)
    shown = desk.types("budget", "show").output
    for words in ("tenant=acme", "0.01 USD", "0.005 USD", "50 %", "1,000 tokens", "never"):
        assert words in shown, shown
    other = desk.types("budget", "show", "other")
    assert (other.exit_code, "no budget other is in force; there are day, idle" in other.output) == (2, True)


def test_every_kind_of_limit_has_a_row_of_what_is_left() -> None:
    covers = (Cover(budget="day", scope="all"),)
    limit = Allowance(usd=1.0, tokens=500, requests=3)
    policy, fold = with_money(budget(limit=limit)), Fold()

    async def spend() -> None:
        streams = MemoryLink().streams
        worker = ledger(MemoryCounters(), streams, SystemClock(), budget(limit=limit), grace_s=0.0)
        await worker.reserve(charge(1, 0.25, covers=covers))
        for number, entry in enumerate(await lines(streams), 1):
            fold.take(entry, number)

    asyncio.run(spend())
    (row,) = verbs.counters_of(policy, fold, time.time())
    assert row["left"] == {"usd": 0.75, "tokens": 400, "requests": 2}


@pytest.fixture
def counting() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


CAPS = """
escalations:
  - {name: few, share: 0.25, burst: 4, pace: true}
"""


def test_caps_on_escalations_are_shown_as_they_are_counted(
    desk: Desk, counting: ValkeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "policies" / "budgets.yaml").write_text(BUDGETS + CAPS)
    desk.given(_spending)
    monkeypatch.setenv("STEPWELL_VALKEY", counting.url)
    (unused,) = desk.reads("budget", "show", "few")  # type: ignore[misc]
    assert (unused["scope"], unused["left"], unused["state"]) == ("", None, "unknown")

    async def escalate() -> None:
        counters = ValkeyCounters(counting.url)
        bucket = Bucket("few|route=chat", 0.25, 4, paced=True)
        try:
            for number in range(6):
                await counters.asked(f"r{number}", [bucket], keep_s=60.0)
                await counters.take(f"e{number}", [bucket], keep_s=60.0)
        finally:
            await counters.close()

    asyncio.run(escalate())
    (row,) = desk.reads("budget", "show", "few")  # type: ignore[misc]
    assert row["scope"] == "route=chat"
    assert row["state"] == "empty"
    assert row["left"] < 1
    assert row["lately"] > 0.15
    assert row["price"] > 0
    shown = desk.types("budget", "show").output
    for words in ("cap on escalations", "route=chat", "25 %", "empty"):
        assert words in shown, shown


def test_without_a_valkey_it_is_said_that_each_worker_counts_for_itself(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_VALKEY", "redis://127.0.0.1:1/0")
    (tmp_path / "policies" / "budgets.yaml").write_text(BUDGETS + CAPS)
    desk.given(_spending)
    assert "for itself" in desk.types("budget", "show").output
