"""What callers meet when money runs out, over the whole cascade: degraded answers, short waits, and true refusals."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer

from pipeline.client import Client
from pipeline.contracts import Parameters, Reply, Request

TARGETS = {"first": "mini", "cheap": "mini"}
LONG = Parameters(max_tokens=100)
"""At most 0.001 USD and a little for the question; a real answer of the scripted model is much shorter."""


def plans(tiers: str, budget: str) -> Plans:
    budgets = f"budgets:\n  - {{name: day, by: [tenant], per: day, limit: {{usd: 0.005}}, {budget}}}\n"
    return Plans(TARGETS, (tiers,), budgets=budgets)


async def at_once(home: House, tenant: str, number: int) -> list[Reply]:
    client = Client(home.link, tenant)
    asked = [Request(input=f"Question {n}", cache="off", parameters=LONG) for n in range(number)]
    return list(await asyncio.gather(*(client.ask(request) for request in asked)))


@pytest.mark.parametrize(
    "tiers",
    [
        "{variants: {first: 1, cheap: 0}}",
        "{variants: {first: 1}, fallbacks: [cheap]}",
        "{variants: {first: 0.9, cheap: 0.1}}",
        "{variants: {first: 1}}",
    ],
)
async def test_a_budget_that_degrades_refuses_nobody(tmp_path: Path, valkey: ValkeyServer, tiers: str) -> None:
    tenant = f"degrades-{len(tiers)}"
    async with house(tmp_path, plans(tiers, "action: degrade, degrade_to: [cheap]"), valkey.url) as home:
        replies = await at_once(home, tenant, 30)
        replies += [reply for _ in range(3) for reply in await at_once(home, tenant, 1)]
    assert Counter(reply.status for reply in replies) == {"answered": 33}
    told = {(reply.served.variant, reply.degraded) for reply in replies if reply.served is not None}
    assert told <= {("first", None), ("cheap", "budget"), ("cheap", None)}
    assert ("cheap", "budget") in told
    assert all(variant != "first" or degraded is None for variant, degraded in told)


async def test_who_waits_for_what_others_hold_is_answered_soon(tmp_path: Path, valkey: ValkeyServer) -> None:
    async with house(tmp_path, plans("{variants: {first: 1}}", "action: queue"), valkey.url) as home:
        replies = await asyncio.wait_for(at_once(home, "queues", 8), 60)
    assert Counter(reply.status for reply in replies) == {"answered": 8}


async def test_who_is_refused_for_what_others_hold_is_told_so_and_to_come_again_soon(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    async with house(tmp_path, plans("{variants: {first: 1}}", "action: refuse"), valkey.url) as home:
        replies = await at_once(home, "refuses", 30)
    refused = [reply.error for reply in replies if reply.error is not None]
    held = [error for error in refused if "held by requests" in error.message]
    assert held, "the first four hold all there is"
    assert {(error.code, error.retry_after_s) for error in held} == {("budget_refused", 1.0)}
