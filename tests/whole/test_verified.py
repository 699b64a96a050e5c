"""A model compares questions before a remembered answer is served: whole cascades over a real Valkey."""

import asyncio
from pathlib import Path

import pytest
from policy_files import write
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer

from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.cli.stairs import stairs
from pipeline.contracts import AuditRecord, Budget, LedgerEntry, Reply, Request
from pipeline.costs.again import again
from pipeline.costs.report import Report
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.settings import Settings
from pipeline.telemetry.observer import CombinedObserver
from pipeline.transport.memory import MemoryLink
from stages.app import BUILDERS, Parts
from stages.plan import again as planner

pytest.importorskip("onnxruntime")

FIRST = "What is the capital of France?"
AGAIN = "Could you please tell me what's the capital of France?"
SPAIN = "What is the capital of Spain?"
TIERS = ("{variants: {first: 1}}",)


pytestmark = pytest.mark.usefixtures("patience")


def plans(says: str, timeout: int = 5) -> Plans:
    verifier = f"verifier: {{variant: judge, timeout: {timeout}}}"
    route = f"    cache: {{semantic: {{within: tenant, {verifier}}}}}\n"
    return Plans({"first": "maxi", "judge": says}, TIERS, route=route)


async def ask(home: House, question: str, **fields: object) -> Reply:
    return await home.client.ask(Request.model_validate({"input": question, **fields}))


async def both(home: House, store: ValkeyAnswers, question: str = AGAIN, **fields: object) -> tuple[Reply, AuditRecord]:
    """The reply to the second of two questions, once the first one is remembered, and its record."""
    await ask(home, FIRST)
    async with asyncio.timeout(10):
        while (await store.size())[1] < 1:
            await asyncio.sleep(0.02)
    reply = await ask(home, question, **fields)
    return reply, (await home.records())[-1]


async def judged(home: House) -> list[LedgerEntry]:
    lines = [LedgerEntry.model_validate_json(stored.body) async for stored in home.link.streams.scan("LEDGER")]
    return [line for line in lines if line.purpose == "judge" and line.kind == "settle"]


async def test_an_answer_is_reused_where_the_model_says_yes(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    """What the call cost is in the reply, in the record and in the ledger, though no model answered."""
    async with house(tmp_path, plans("yes"), valkey.url) as home:
        reply, record = await both(home, store)
        paid = await judged(home)

    assert (reply.cache, reply.attempts) == ("hit", 1)
    assert reply.remembered is not None
    assert reply.remembered.kind == "semantic"
    assert [(made.stage, made.made_for, made.variant) for made in record.attempts] == [("recall", "judge", "judge")]
    assert reply.cost_usd == record.cost_usd == record.attempts[0].cost_usd
    assert reply.cost_usd is not None
    assert reply.cost_usd > 0
    assert [line.usd for line in paid] == [reply.cost_usd]
    assert paid[0].stage == "recall"
    step = next(step for step in record.trail if step.stage == "recall")
    assert step.facts["verified"] == pytest.approx(0.99, abs=0.05)
    assert not record.answers


@pytest.mark.parametrize(
    ("says", "why"),
    [("no", "said_no"), ("mini", "unclear"), ("error", "failed:target_unavailable"), ("hang", "failed:target_timeout")],
)
async def test_whatever_else_it_says_a_model_answers(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers, says: str, why: str
) -> None:
    """No, something else, an error and silence are no hit; the request is answered undegraded all the same."""
    async with house(tmp_path, plans(says), valkey.url) as home:
        reply, record = await both(home, store)

    assert (reply.status, reply.cache, reply.degraded) == ("answered", "miss", None)
    assert [(made.number, made.made_for) for made in record.attempts] == [(1, "judge"), (2, "answer")]
    assert next(step for step in record.trail if step.stage == "recall").facts["not_verified"] == why


async def test_an_unsure_yes_is_none(tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers) -> None:
    """The word counts as much as its log-probability says."""
    async with house(tmp_path, plans("unsure-yes"), valkey.url) as home:
        reply, record = await both(home, store)

    facts = next(step for step in record.trail if step.stage == "recall").facts
    assert reply.cache == "miss"
    assert facts["not_verified"] == "said_no"
    assert facts["verified"] == 0.5


async def test_nobody_is_asked_where_the_guard_says_no(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("yes"), valkey.url) as home:
        reply, record = await both(home, store, SPAIN)

    assert reply.cache == "miss"
    assert [made.made_for for made in record.attempts] == ["answer"]


async def test_the_very_same_question_needs_nobody(tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers) -> None:
    async with house(tmp_path, plans("no"), valkey.url) as home:
        reply, record = await both(home, store, FIRST)

    assert (reply.cache, record.attempts, reply.cost_usd) == ("hit", (), 0.0)


async def test_a_request_with_a_ceiling_keeps_its_money_for_an_answer(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    async with house(tmp_path, plans("yes"), valkey.url) as home:
        reply, record = await both(home, store, budget=Budget(max_cost_usd=0.02).model_dump())

    assert reply.cache == "miss"
    assert [made.made_for for made in record.attempts] == ["answer"]
    assert next(step for step in record.trail if step.stage == "recall").facts["not_verified"] == "ceiling"


async def test_a_late_word_leaves_time_for_an_answer(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    """It takes no more than a third of the time that is left, however long the policy would wait."""
    async with house(tmp_path, plans("hang", timeout=60), valkey.url) as home:
        reply, _ = await both(home, store, budget={"deadline_ms": 2000})

    assert reply.status == "answered"


@pytest.mark.parametrize("says", ["yes", "no"])
async def test_what_was_asked_is_told_planned_again_and_summed_up_once(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers, says: str
) -> None:
    """Its cost belongs to the request, whether that was a hit or not; it is the answer of no tier."""
    async with house(tmp_path, plans(says), valkey.url) as home:
        reply, record = await both(home, store)
        lines = [LedgerEntry.model_validate_json(stored.body) async for stored in home.link.streams.scan("LEDGER")]
    policy = load_folder(tmp_path / "policies", {})

    told = [line.plain for line in stairs(record) if "recall" in line.plain]
    assert len(told) == 1
    assert "judge by judge" in told[0]
    replayed = again(record, policy, planner)
    assert replayed.before == replayed.after
    report = Report()
    report.record(record)
    for line in lines:
        if line.request_id == record.request_id:
            report.line(line)
    assert report.total.attempts == len(record.attempts)
    assert report.total.cost == pytest.approx(reply.cost_usd)


async def test_a_policy_that_comes_to_name_a_model_needs_no_new_worker(tmp_path: Path) -> None:
    """What makes calls is made and started when a route first asks for it, once, and stopped with the worker."""
    policies = FixedPolicy(load_folder(write(tmp_path / "policies"), {}))
    parts = Parts(Settings.from_environment({}), MemoryLink(), policies, CombinedObserver())
    BUILDERS["recall"](parts)
    assert "attempts" not in vars(parts)

    attempts = await parts.attempts_late()
    assert parts.ledger._tasks
    running = set(parts.ledger._tasks)
    assert await parts.attempts_late() is attempts
    assert set(parts.ledger._tasks) == running
    for stop in parts.stops:
        await stop()
