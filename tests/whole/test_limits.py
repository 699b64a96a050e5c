"""Limits of rate, money and length as a program behind the HTTP door meets them, on the whole cascade."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest
from ruamel.yaml import YAML
from servers import NatsServer
from valkey_server import ValkeyServer, valkey_server
from whole import Whole, whole

from pipeline.adapters.results import StreamResults
from pipeline.client import Client
from pipeline.gateway import Limits, build_door
from pipeline.gateway.keys import key_ids
from pipeline.gateway.server import listening

LIMITED = {"name": "two-a-day", "match": "req.tenant == 'limited'", "by": ["key"], "per": "day", "requests": 2}
ONE = {"per": "day", "by": ["key"], "limit": {"requests": 1}}
BUDGETS = [
    {"name": "waits", "match": "req.tenant == 'patient'", "action": "queue", **ONE},
    {"name": "refuses", "match": "req.tenant == 'poor'", "action": "refuse", **ONE},
]


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def limits(folder: Path) -> None:
    """One request for each key where it waits or is refused, two where the rate is limited."""
    yaml = YAML()
    for name, key, more in (("limits.yaml", "rates", [LIMITED]), ("budgets.yaml", "budgets", BUDGETS)):
        document = yaml.load(folder / name)
        document[key] = [*(document.get(key) or []), *more]
        yaml.dump(document, folder / name)


@contextlib.asynccontextmanager
async def door(world: Whole) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client before a door of this cascade."""
    app = build_door(lambda tenant: Client(world.link, tenant), world.sources[0], key_id=key_ids(b"secret"))
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        async with openai.AsyncOpenAI(base_url=base, api_key="key-1", max_retries=0, timeout=60.0) as client:
            yield client
    finally:
        await runner.cleanup()


def asking(client: openai.AsyncOpenAI, tenant: str, text: str = "What is a queue?", **stepwell: object):  # type: ignore[no-untyped-def]
    return client.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": text}],
        extra_headers={"x-stepwell-tenant": tenant},
        extra_body={"stepwell": {"cache": "off", **stepwell}},
    )


async def test_limits_reach_the_caller_with_status_code_and_headers(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, change=limits) as world, door(world) as client:
        left = [(await asking(client, "limited")).headers["x-ratelimit-remaining-requests"] for _ in range(2)]
        assert left == ["1", "0"]
        with pytest.raises(openai.RateLimitError) as limited:
            await asking(client, "limited")
        assert limited.value.code == "rate_limited"
        headers = limited.value.response.headers
        assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
        assert 0 < int(headers["retry-after"]) <= 86_400
        await asking(client.with_options(api_key="key-2"), "limited")

        await asking(client, "poor")
        with pytest.raises(openai.RateLimitError) as refused:
            await asking(client, "poor")
        assert (refused.value.code, refused.value.response.headers["x-stepwell-rule"]) == ("budget_refused", "refuses")
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 86_400

        with pytest.raises(openai.BadRequestError) as long:
            await asking(client, "default", "word " * 40_000)
        assert (long.value.code, long.value.param) == ("context_length_exceeded", "messages")


async def test_who_waits_for_a_budget_is_told_at_the_deadline_and_nothing_was_called(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, change=limits) as world, door(world) as client:
        await asking(client, "patient")
        called = world.calls()["calls"]
        with pytest.raises(openai.InternalServerError) as late:
            await asking(client, "patient", deadline_ms=1500)
        assert (late.value.code, late.value.status_code) == ("deadline_exceeded", 504)
        request_id = late.value.response.headers["x-stepwell-request-id"]
        reply = await StreamResults(world.link.streams).get("patient", request_id)
        assert reply is not None
        assert reply.path[-2:] == ("draft:postponed", "draft:expired")
        assert world.calls()["calls"] == called
        record = next(record for record in await world.records() if record.request_id == request_id)
        (wait,) = [step for step in record.trail if step.outcome == "postponed"]
        assert wait.reasons == ("postponed", "waits")
