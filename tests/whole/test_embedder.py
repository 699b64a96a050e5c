"""Questions that mean the same, found by the vectors of a model of the policy."""

import asyncio
from pathlib import Path

import pytest
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer

from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.contracts import AuditRecord, Budget, LedgerEntry, Reply, Request

pytest.importorskip("usearch")

FIRST = "What is the capital of France?"
AGAIN = "what is the capital of France"
SPAIN = "What is the capital of Spain?"
TIERS = ("{variants: {first: 1}}",)
BUDGETS = """\
budgets:
  - {name: all, limit: {usd: 10}}
"""


pytestmark = pytest.mark.usefixtures("patience")


class Embedding(Plans):
    """The same, but for a target that makes vectors and does not answer."""

    def files(self, url: str) -> dict[str, str]:
        files = super().files(url)
        head, _, rest = files["models"].partition("  near:\n")
        own, _, after = rest.partition("variants:\n")
        own = own.replace("capabilities: [chat, logprobs, json_schema, stream]", "capabilities: [embedding]")
        files["models"] = f"{head}  near:\n{own}variants:\n{after}"
        return files


def plans(embedder: str = "embedder") -> Plans:
    semantic = "semantic: {within: tenant, similarity: 0.6, embedder: near}"
    route = f"    cache: {{{semantic}}}\n"
    return Embedding({"first": "maxi", "near": embedder}, TIERS, route=route, budgets=BUDGETS)


async def ask(home: House, question: str, **fields: object) -> Reply:
    return await home.client.ask(Request.model_validate({"input": question, **fields}))


async def remembered(home: House, store: ValkeyAnswers) -> None:
    await ask(home, FIRST)
    async with asyncio.timeout(10):
        while (await store.size())[1] < 1:
            await asyncio.sleep(0.02)


async def last(home: House) -> AuditRecord:
    return (await home.records())[-1]


async def lines(home: House) -> list[LedgerEntry]:
    return [LedgerEntry.model_validate_json(stored.body) async for stored in home.link.streams.scan("LEDGER")]


async def test_its_vectors_find_a_question_that_means_the_same(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        await remembered(home, store)
        reply = await ask(home, AGAIN)
        assert (reply.cache, reply.remembered and reply.remembered.kind) == ("hit", "semantic")
        other = await ask(home, SPAIN)
        assert other.cache == "miss"
        assert home.called() == {"maxi": 2, "embedder": 3}


async def test_what_a_vector_costs_is_paid_as_an_embedding_and_nothing_else(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        await remembered(home, store)
        reply = await ask(home, AGAIN)
        settled = [line for line in await lines(home) if line.kind == "settle" and line.request_id == reply.id]
        assert [(line.purpose, line.stage, line.target) for line in settled] == [("embedding", "recall", "near")]
        assert reply.cost_usd == settled[0].usd
        assert settled[0].usd is not None
        assert settled[0].usd > 0
        record = await last(home)
        assert [made.made_for for made in record.attempts] == ["embedding"]
        step = next(step for step in record.trail if step.stage == "recall")
        said = {name: step.facts[name] for name in ("made_for", "made", "embedder", "cost_usd")}
        assert said == {"made_for": "embedding", "made": 1, "embedder": "near", "cost_usd": reply.cost_usd}


async def test_where_it_fails_the_request_goes_on_and_says_why(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("embedder-error"), valkey.url) as home:
        reply = await ask(home, FIRST)
        assert (reply.status, reply.cache) == ("answered", "miss")
        step = next(step for step in (await last(home)).trail if step.stage == "recall")
        assert (step.facts["likeness"], step.facts["no_vector"]) == ("no_vector", "failed:target_unavailable")


async def test_a_request_with_a_ceiling_pays_for_no_vector(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans(), valkey.url) as home:
        await ask(home, FIRST, budget=Budget(max_cost_usd=1.0).model_dump())
        assert "embedder" not in home.called()


async def test_who_may_not_see_the_question_as_it_is_makes_no_vector_of_it(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    told = plans()
    rule = (
        "rules:\n  - {id: hidden, when: 'target.name == \"near\"', action: mask, types: [EMAIL],"
        " reason: it need not know}\n"
    )

    class Hiding(Embedding):
        def files(self, url: str) -> dict[str, str]:
            files = super().files(url)
            return {**files, "residency": files["residency"] + rule}

    hiding = Hiding(told.targets, told.tiers, route=told.route, budgets=told.budgets)
    async with house(tmp_path, hiding, valkey.url) as home:
        reply = await ask(home, "Write to ada@example.org about the capital of France.")
        assert reply.status == "answered"
        assert "embedder" not in home.called()
