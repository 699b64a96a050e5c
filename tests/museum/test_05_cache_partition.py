"""Museum 5: a remembered answer never reaches another tenant, nor another prompt, tool list, schema, model or region.

vLLM-SR #2134, #3423; Bifrost PR #5769: caches served across tenants, prompts and models, let callers lower the
threshold of likeness, and stored errors and partial answers. Here: whole cascades over a real Valkey.
"""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from accepted import SECRET, envelope
from stairs_house import House, Plans, house
from valkey_server import ValkeyServer

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_answers import PREFIX, ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.client import Client
from pipeline.contracts import Reply, Request

QUESTION = "How deep is the well?"
TOOL = {"type": "function", "function": {"name": "measure", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"metres": {"type": "integer"}}, "required": ["metres"]}
TIERS = ("{variants: {first: 1}}", "{variants: {second: 1}}")
SEMANTIC = "    cache: {semantic: {within: tenant, similarity: 0.95}}\n"
VERIFIED = "    cache: {semantic: {within: tenant, similarity: 0.95, verifier: {variant: judge, timeout: 10}}}\n"
"""A model that says yes to everything."""


pytestmark = pytest.mark.usefixtures("patience")


def plans(route: str = "", **models: str) -> Plans:
    return Plans({"first": "maxi", "second": "maxi", **models}, TIERS, route=route)


async def ask(home: House, tenant: str = "default", **fields: Any) -> Reply:
    content = {} if "messages" in fields else {"input": QUESTION}
    request = Request.model_validate_json(json.dumps({**content, **fields}))
    return await Client(home.link, tenant).ask(request)


def inner(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


OTHERS: list[dict[str, Any]] = [
    {"tenant": "other"},
    {"messages": [{"role": "system", "content": "Answer as a pirate."}, {"role": "user", "content": QUESTION}]},
    {"messages": [{"role": "assistant", "content": "Ask."}, {"role": "user", "content": QUESTION}]},
    {"tools": [TOOL]},
    {"response_schema": SCHEMA},
    {"pin": "second"},
    {"origin": "EU"},
    {"provider": {"only": ["second"]}},
    {"parameters": {"temperature": 0.1}},
    {"parameters": {"max_tokens": 50}},
    {"quality_floor": 0.01},
]


@pytest.mark.parametrize("route", ["", SEMANTIC, VERIFIED], ids=["exact", "semantic", "verified"])
async def test_no_two_of_them_share_an_answer(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers, route: str
) -> None:
    """Each is asked twice, at first in one order and then in the other: the second time it hits its own answer."""
    async with house(tmp_path, plans(route, judge="yes"), valkey.url) as home:
        kinds: list[dict[str, Any]] = [{}, *OTHERS]
        first = {str(kind): await ask(home, id=f"first-{n}", **kind) for n, kind in enumerate(kinds)}
        await asyncio.sleep(0.1)
        again = {str(kind): await ask(home, id=f"again-{n}", **kind) for n, kind in reversed(list(enumerate(kinds)))}

    assert "hit" not in {reply.cache for reply in first.values()}
    assert sum(reply.status == "answered" for reply in first.values()) >= len(OTHERS) - 1
    origins = {kind: reply.remembered and reply.remembered.request_id for kind, reply in again.items()}
    assert all(origin in (None, first[kind].id) for kind, origin in origins.items())
    assert origins["{}"] == first["{}"].id


@pytest.mark.parametrize(
    "difference",
    [{"revision": "rev-2"}, {"data_class": "confidential"}, {"plan": {"route": "labels"}}, {"tenant": "other"}],
    ids=str,
)
async def test_neither_do_another_revision_class_or_route(store: ValkeyAnswers, difference: dict[str, Any]) -> None:
    cache = AnswerCache(store, SECRET, SystemClock())
    await cache.remember(envelope(), 60)

    assert (await cache.find(envelope())).hit is not None
    assert (await cache.find(envelope(**difference))).hit is None


@pytest.mark.parametrize("model", ["error", "429", "reject", "truncated"])
async def test_neither_errors_nor_refusals_nor_partial_answers_are_stored(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers, model: str
) -> None:
    async with house(tmp_path, plans(first=model, second=model), valkey.url) as home:
        await ask(home)
        assert await store.size() == (0, 0)
        assert (await ask(home)).cache == "miss"


async def test_a_cut_or_degraded_answer_is_not_stored(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    """Cut off by its length; and one that the route did not find sure enough, served since there was no better."""
    async with house(tmp_path, plans(), valkey.url) as home:
        cut = await ask(home, parameters={"max_tokens": 1})
        assert cut.finish_reason == "length"
    unsure = "    accept: {confidence: 1.0}\n    max_escalations: 0\n"
    async with house(inner(tmp_path, "other"), plans(unsure, first="mini"), valkey.url) as home:
        degraded = await ask(home)
        assert degraded.degraded is not None
    assert await store.size() == (0, 0)


async def test_an_accepted_answer_is_stored(tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers) -> None:
    """Else the tests above would pass with a cache that never stores."""
    async with house(tmp_path, plans(), valkey.url) as home:
        await ask(home)
        hit = await ask(home)
    assert hit.cache == "hit"
    assert await store.size() == (1, 0)


async def test_values_moved_between_tenants_are_no_answers(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    """Somebody who can write to the store copies every value over every other one: 0 of them are served."""
    tenants = [f"tenant{n}" for n in range(6)]
    async with house(tmp_path, plans(), valkey.url) as home:
        for tenant in tenants:
            await ask(home, tenant=tenant, input=f"What is the secret of {tenant}?")
        keys = [key for key in await store._calls.command("KEYS", PREFIX + "*") if b":" not in key[len(PREFIX) :]]
        assert len(keys) == len(tenants)
        values = dict(zip(keys, await store._calls.command("MGET", *keys), strict=True))
        wrong = 0
        for one, other in itertools.permutations(keys, 2):
            await store._calls.command("SET", one, values[other])
        for tenant in tenants:
            reply = await ask(home, tenant=tenant, input=f"What is the secret of {tenant}?")
            wrong += reply.cache == "hit"
    assert wrong == 0


async def test_a_tenant_cannot_poison_what_another_one_is_answered(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    """The attacker asks first, in many dresses, what its victim will ask, also within the same names of users."""
    dresses = [QUESTION, f" {QUESTION}\n", QUESTION.lower(), f"{QUESTION}?", "How deep is this well?"]
    async with house(tmp_path, plans(SEMANTIC), valkey.url) as home:
        for number, dress in enumerate(dresses):
            await ask(home, id=f"evil-{number}", tenant="attacker", user="ada", session="s", input=dress)
        await asyncio.sleep(0.1)
        served = [await ask(home, tenant="victim", user="ada", session="s", input=dress) for dress in dresses]

    origins = [reply.remembered.request_id for reply in served if reply.remembered is not None]
    assert not [origin for origin in origins if origin.startswith("evil")]


async def test_a_caller_raises_the_threshold_of_likeness_and_never_lowers_it(
    tmp_path: Path, valkey: ValkeyServer, store: ValkeyAnswers
) -> None:
    pytest.importorskip("onnxruntime")
    alike = "How deep is the well, please?"
    async with house(tmp_path, plans(SEMANTIC.replace("0.95", "0.6")), valkey.url) as home:
        await ask(home)
        await asyncio.sleep(0.5)
        lenient = await ask(home, input=alike)
        assert (await ask(home, input="How deep is the well please?", cache_similarity=1.0)).cache == "miss"
    async with house(inner(tmp_path, "strict"), plans(SEMANTIC.replace("0.95", "0.999")), valkey.url) as home:
        await ask(home)
        await asyncio.sleep(0.5)
        assert (await ask(home, input=alike, cache_similarity=0.0)).cache == "miss"
    assert lenient.remembered is not None
