"""The memory of tool loops: who called is who reads the result, and a memory that is lost harms nobody."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from clocks import FakeClock
from decisions import envelope, reply
from valkey_server import ValkeyServer

from pipeline.adapters.cache_valkey import ValkeyCache
from pipeline.adapters.loops import REST_S, LoopMemory
from pipeline.contracts import Message, Reply, Request, Served, ToolCall
from pipeline.errors import StoreUnavailable
from pipeline.ports import Cache

SECRET = b"key"


class Store:
    """A cache in memory that can be taken away."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False
        self.asked = 0

    async def get(self, key: str) -> bytes | None:
        self._reach()
        return self.kept.get(key)

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        self._reach()
        assert ttl_s > 0
        self.kept[key] = value

    def _reach(self) -> None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")


def call(name: str) -> ToolCall:
    return ToolCall(id=name, function={"name": "weather", "arguments": '{"city": "Bergen"}'})


def answering(*ids: str, tenant: str = "acme", session: str | None = None) -> Request:
    asked = Message(role="user", content="how is the weather?")
    called = Message(role="assistant", tool_calls=tuple(call(name) for name in ids))
    results = (Message(role="tool", content="rain", tool_call_id=name) for name in ids)
    return Request(tenant=tenant, session=session, messages=(asked, called, *results))


def calling(*ids: str, variant: str = "large") -> Reply:
    served = Served(route="chat", variant=variant, target=variant, model="m", tier=1, tiers=2)
    return reply(served=served, tool_calls=tuple(call(name) for name in ids))


def memory(store: Cache, secret: bytes = SECRET) -> LoopMemory:
    return LoopMemory(store, secret, FakeClock())


async def told(loops: LoopMemory, asked: Request, answered: Reply) -> None:
    loops.finished(envelope(request=asked), answered)
    await loops.close()


async def test_who_made_the_calls_is_known_when_their_results_come() -> None:
    store = Store()
    await told(memory(store), Request(tenant="acme", input="how is the weather?"), calling("c1", "c2"))

    assert await memory(store).variant_of(answering("c1", "c2")) == "large"
    assert await memory(store).variant_of(answering("c1", "c3")) is None


async def test_an_answer_without_calls_is_not_remembered_and_a_question_is_not_looked_up() -> None:
    store = Store()
    await told(memory(store), Request(tenant="acme", input="hi"), reply())
    plain = [
        Request(input="hi"),
        Request(messages=(Message(role="user", content="hi"),)),
        Request(messages=(*answering("c1").messages, Message(role="user", content="and tomorrow?"))),
        Request(messages=(Message(role="tool", content="rain", tool_call_id="c1"),)),
    ]

    assert [await memory(store).variant_of(request) for request in plain] == [None] * 4
    assert store.asked == 0


@pytest.mark.parametrize("changed", [{"tenant": "other"}, {"session": "another"}])
async def test_the_loop_of_somebody_else_is_not_found(changed: dict[str, str]) -> None:
    store = Store()
    await told(memory(store), Request(tenant="acme", input="hi"), calling("call_0"))

    assert await memory(store).variant_of(answering("call_0", **changed)) is None  # type: ignore[arg-type]
    assert await memory(store, b"other key").variant_of(answering("call_0")) is None


async def test_the_store_learns_no_name_and_no_id() -> None:
    store = Store()
    asked = Request(tenant="acme", session="s3cret", input="hi")
    await told(memory(store), asked, calling("c1"))

    assert not [key for key in store.kept if "acme" in key or "s3cret" in key or "c1" in key]


async def test_what_is_no_name_of_a_variant_is_nothing() -> None:
    store = Store()
    await told(memory(store), Request(tenant="acme", input="hi"), calling("c1"))
    store.kept = dict.fromkeys(store.kept, b"\xff not a name")

    assert await memory(store).variant_of(answering("c1")) is None


async def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    store, clock = Store(), FakeClock()
    loops = LoopMemory(store, SECRET, clock)
    store.away = True

    assert await loops.variant_of(answering("c1")) is None
    assert await loops.variant_of(answering("c1")) is None
    await told(loops, Request(tenant="acme", input="hi"), calling("c1"))
    assert store.asked == 1
    clock.time += REST_S
    store.away = False
    await told(loops, Request(tenant="acme", input="hi"), calling("c1"))
    assert await loops.variant_of(answering("c1")) == "large"


async def test_a_store_that_hangs_costs_a_moment() -> None:
    class Hanging(Store):
        async def get(self, key: str) -> bytes | None:
            await asyncio.sleep(60)
            return await super().get(key)

    assert await memory(Hanging()).variant_of(answering("c1")) is None


@pytest.fixture
async def valkey() -> AsyncIterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def test_two_processes_share_it_through_valkey_and_survive_its_loss(valkey: ValkeyServer) -> None:
    one, other = ValkeyCache(valkey.url), ValkeyCache(valkey.url)
    await told(memory(one), Request(tenant="acme", input="hi"), calling("c1"))

    assert await memory(other).variant_of(answering("c1")) == "large"
    valkey.kill()
    assert await memory(other).variant_of(answering("c1")) is None
    await one.close()
    await other.close()
