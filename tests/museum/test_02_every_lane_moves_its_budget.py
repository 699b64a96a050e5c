"""Museum 2: every lane and every kind of attempt moves the budget that it should, and only that one.

LiteLLM #38176, #38816: judges and shadows went past every budget, or moved somebody else's.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_money import lines
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.money.counters import dollars
from pipeline.adapters.money.fold import Fold
from pipeline.client import Client
from pipeline.contracts import LedgerEntry, Reply, Request

BUDGETS = """\
budgets:
  - {name: chat, match: req.lane == "interactive", by: [tenant], per: total, limit: {usd: 1.0}}
  - {name: batch, match: req.lane == "batch", by: [tenant], per: total, limit: {usd: 1.0}}
  - {name: escalations, stages: escalate, per: total, limit: {usd: 1.0}}
  - {name: models, by: [variant], per: total, limit: {usd: 1.0}}
"""
TIERS = ("{variants: {small: 1}, fallbacks: [spare]}", "{variants: {large: 1}}")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def plans(small: str = "mini", spare: str = "mini-spare", **others: str) -> Plans:
    route = "    accept: {confidence: 0.9}\n"
    models = {"small": small, "spare": spare, "large": "maxi", **others}
    return Plans(models, TIERS, route=route, budgets=BUDGETS)


async def moved(home: House) -> dict[str, float]:
    """What each counter stands at, by the lines of the ledger."""
    fold = Fold()
    for number, entry in enumerate(await lines(home.link.streams), 1):
        fold.take(entry, number)
    assert not fold.pending, "all that was set aside was settled"
    return {f"{slot.budget} {slot.scope}": dollars(total.nano) for slot, total in fold.spent.items() if total.nano}


async def settled(home: House) -> list[LedgerEntry]:
    return [entry for entry in await lines(home.link.streams) if entry.kind == "settle"]


async def ask(home: House, tenant: str = "acme") -> Reply:
    return await Client(home.link, tenant).ask(Request(input="How deep is the well?", cache="off"))


async def costs(home: House) -> dict[str, float]:
    """What the record says that each variant cost."""
    (record,) = await home.records()
    return {attempt.variant: round(attempt.cost_usd or 0.0, 9) for attempt in record.attempts}


async def test_a_draft_moves_the_budget_of_chat_and_of_its_model(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        reply = await ask(home)
        assert reply.cost_usd is not None
        cost = round(reply.cost_usd, 9)
        assert await moved(home) == {"chat tenant=acme": cost, "models variant=small": cost}
        (entry,) = await settled(home)
        assert (entry.purpose, entry.lane, entry.variant) == ("draft", "interactive", "small")


async def test_two_tenants_move_each_their_own(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        for tenant in ("acme", "other"):
            await ask(home, tenant)
        counters = await moved(home)
        assert counters["chat tenant=acme"] == counters["chat tenant=other"]
        assert counters["models variant=small"] == round(2 * counters["chat tenant=acme"], 9)


async def test_a_batch_moves_the_budget_of_batches_and_not_that_of_chat(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        client = Client(home.link, "acme")
        name = await client.enqueue(Request(input="How deep is the well?", cache="off", lane="batch"))
        async with asyncio.timeout(20):
            while (reply := await client.result(name)) is None:
                await asyncio.sleep(0.02)
        assert reply.cost_usd is not None
        cost = round(reply.cost_usd, 9)
        assert await moved(home) == {"batch tenant=acme": cost, "models variant=small": cost}


async def test_an_escalation_moves_the_budget_of_escalations_and_its_draft_does_not(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    async with house(tmp_path, plans("unsure"), valkey.url) as home:
        assert (await ask(home)).escalated
        cost = await costs(home)
        assert await moved(home) == {
            "chat tenant=acme": round(cost["small"] + cost["large"], 9),
            "escalations all": cost["large"],
            "models variant=small": cost["small"],
            "models variant=large": cost["large"],
        }
        assert [entry.purpose for entry in await settled(home)] == ["draft", "escalate"]


async def test_a_fallback_moves_the_budget_of_the_model_that_answered(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans("429"), valkey.url) as home:
        reply = await ask(home)
        assert reply.served is not None
        assert reply.served.variant == "spare"
        assert reply.cost_usd is not None
        cost = round(reply.cost_usd, 9)
        assert await moved(home) == {"chat tenant=acme": cost, "models variant=spare": cost}
        assert [entry.purpose for entry in await settled(home)] == ["fallback"]


async def test_a_call_that_broke_off_moves_them_too(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans("truncated"), valkey.url) as home:
        await ask(home)
        counters = await moved(home)
        broken = next(entry for entry in await settled(home) if entry.variant == "small")
        assert broken.estimated
        assert broken.usd is not None
        assert counters["models variant=small"] == round(broken.usd, 9) > 0


async def test_a_remembered_answer_moves_nothing(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        request = Request(input="How deep is the well?")
        await home.client.ask(request)
        before = await moved(home)
        await asyncio.sleep(0.1)
        assert (await home.client.ask(request)).cache == "hit"
        assert await moved(home) == before
