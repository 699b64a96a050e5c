"""Answers go to inboxes of who asks, and nowhere else: workers may publish where callers may not."""

import asyncio
from collections.abc import AsyncIterator

import nats as client_of_nats
import pytest
from nats.aio.client import Client as Bare
from servers import NatsServer
from small_cascade import SmallCascade

from pipeline.topology import VERBS, is_inbox

ELSEWHERE = (
    "$KV.batches.batch.default.W7",
    "audit.victim.decision",
    "result.victim.order-7",
    "cancel.victim.order-9",
    "ledger.victim.r.draft-1.settle",
    "step.interactive.audit",
    "request.ask.victim",
    "$JS.API.STREAM.DELETE.RESULTS",
    "_INBOX_tenant.other.abc",
    "_INBOXX",
    "x._INBOX.a",
)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_what_is_no_inbox_of_the_tenant_is_none(address: str) -> None:
    assert not is_inbox(address, "shop")


@pytest.mark.parametrize("address", ["_INBOX.a", "_INBOX.a.b", "_INBOX_door.a.7", "_INBOX_tenant.shop.a"])
def test_inboxes_of_clients_are_inboxes(address: str) -> None:
    assert is_inbox(address, "shop")


@pytest.fixture
async def asked(nats: NatsServer) -> AsyncIterator[tuple[SmallCascade, Bare]]:
    """A cascade on a real server, and a client that names the subjects of answers itself."""
    bare = await client_of_nats.connect(nats.url)
    async with SmallCascade(nats) as cascade:
        yield cascade, bare
    await bare.close()


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_answers_where_no_inbox_is(asked: tuple[SmallCascade, Bare], verb: str) -> None:
    """Neither a reply nor an error lands in a stream, in a bucket, or at somebody else."""
    _, bare = asked
    heard: list[str] = []

    async def hear(message: object) -> None:
        heard.append(message.subject)  # type: ignore[attr-defined]

    for subject in ELSEWHERE:
        await bare.subscribe(subject, cb=hear)
    await bare.flush()
    for subject in ELSEWHERE:
        await bare.publish(f"request.{verb}.shop", b'{"input": "hello"}', reply=subject)
        await bare.publish(f"request.{verb}.shop", b"nonsense", reply=subject)
        for control in ("PING", "INFO.stepwell", "STATS.stepwell") if not is_inbox(subject) else ():
            await bare.publish(f"$SRV.{control}", b"", reply=subject)
    answer = await bare.request("request.ask.shop", b'{"input": "hello"}', timeout=10)
    assert b'"answered"' in answer.data
    assert (await bare.request("$SRV.PING.stepwell", b"", timeout=5)).data
    await asyncio.sleep(0.2)  # what would come comes before this
    assert heard == []
