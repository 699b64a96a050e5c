"""One suite for every `ports.Cache`: in memory, and in a real Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from clocks import FakeClock
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.cache_memory import MemoryCache
from pipeline.adapters.cache_valkey import PREFIX, ValkeyCache
from pipeline.errors import StoreUnavailable
from pipeline.ports import Cache


@dataclass
class Subject:
    """A cache, and how to let time pass for it."""

    cache: Cache
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "valkey"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        clock = FakeClock()
        yield Subject(MemoryCache(clock), clock.pass_by)
        return
    server: ValkeyServer = request.getfixturevalue("valkey")
    cache = ValkeyCache(server.url)
    yield Subject(cache, asyncio.sleep)
    await cache.close()


async def test_what_was_never_put_is_not_there(subject: Subject) -> None:
    assert await subject.cache.get("never") is None


async def test_what_was_put_is_there(subject: Subject) -> None:
    await subject.cache.put("there", b"value", 60)

    assert await subject.cache.get("there") == b"value"


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n", b"x" * 300_000], ids=["empty", "binary", "large"])
async def test_a_value_comes_back_byte_for_byte(subject: Subject, value: bytes) -> None:
    await subject.cache.put("bytes", value, 60)

    assert await subject.cache.get("bytes") == value


async def test_a_later_value_replaces_an_earlier_one(subject: Subject) -> None:
    await subject.cache.put("twice", b"first", 60)
    await subject.cache.put("twice", b"second", 60)

    assert await subject.cache.get("twice") == b"second"


async def test_keys_are_kept_apart(subject: Subject) -> None:
    await subject.cache.put("a:b", b"one", 60)
    await subject.cache.put("a:b:c", b"two", 60)

    assert await subject.cache.get("a:b") == b"one"
    assert await subject.cache.get("A:B") is None


async def test_a_value_is_gone_after_its_time(subject: Subject) -> None:
    await subject.cache.put("brief", b"value", 0.05)
    await subject.wait(0.12)

    assert await subject.cache.get("brief") is None


async def test_putting_again_gives_new_time(subject: Subject) -> None:
    await subject.cache.put("renewed", b"value", 0.05)
    await subject.cache.put("renewed", b"value", 60)
    await subject.wait(0.12)

    assert await subject.cache.get("renewed") == b"value"


async def test_many_may_ask_at_the_same_time(subject: Subject) -> None:
    await asyncio.gather(*(subject.cache.put(f"many{n}", str(n).encode(), 60) for n in range(64)))

    values = await asyncio.gather(*(subject.cache.get(f"many{n}") for n in range(64)))

    assert values == [str(n).encode() for n in range(64)]


async def test_the_memory_keeps_the_newest_only() -> None:
    cache = MemoryCache(FakeClock(), capacity=2)
    for key in ("a", "b", "c"):
        await cache.put(key, b"value", 60)

    assert [await cache.get(key) for key in ("a", "b", "c")] == [None, b"value", b"value"]


async def test_keys_in_valkey_carry_our_prefix(valkey: ValkeyServer) -> None:
    cache = ValkeyCache(valkey.url)
    await cache.put("prefixed", b"value", 60)

    assert await cache._calls.command("KEYS", f"{PREFIX}prefixed") == [f"{PREFIX}prefixed".encode()]
    await cache.close()


async def test_a_valkey_that_is_not_there_is_unavailable_at_once() -> None:
    cache = ValkeyCache("redis://127.0.0.1:1/0")
    started = time.monotonic()

    with pytest.raises(StoreUnavailable):
        await cache.get("key")
    with pytest.raises(StoreUnavailable):
        await cache.put("key", b"value", 60)

    assert time.monotonic() - started < 1
    await cache.close()


async def test_a_valkey_that_was_killed_is_unavailable_and_serves_again_once_it_is_back() -> None:
    with valkey_server() as server:
        cache = ValkeyCache(server.url)
        await cache.put("key", b"value", 60)
        server.kill()
        with pytest.raises(StoreUnavailable):
            await cache.get("key")
        server.start()

        assert await cache.get("key") is None
        await cache.close()


async def test_a_valkey_that_hangs_is_unavailable_after_a_moment() -> None:
    with valkey_server() as server:
        cache = ValkeyCache(server.url)
        await cache.put("key", b"value", 60)
        server.pause()
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await cache.get("key")
        assert time.monotonic() - started < 2
        server.resume()

        assert await cache.get("key") == b"value"
        await cache.close()


async def test_a_full_valkey_is_unavailable_for_writing() -> None:
    with valkey_server() as server:
        cache = ValkeyCache(server.url)
        await cache._calls.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable):
            await cache.put("key", b"x" * 10_000, 60)
        await cache.close()


async def test_calls_in_flight_end_as_unavailable_when_the_cache_is_closed() -> None:
    with valkey_server() as server:
        cache = ValkeyCache(server.url)
        await cache.put("key", b"value", 60)
        server.pause()
        asked = [asyncio.create_task(cache.get("key")) for _ in range(3)]
        await asyncio.sleep(0.01)
        await cache.close()

        ended = await asyncio.gather(*asked, return_exceptions=True)

        assert [type(end) for end in ended] == [StoreUnavailable] * 3
        server.resume()


async def test_a_caller_that_gave_up_does_not_spoil_the_answers_of_others(valkey: ValkeyServer) -> None:
    cache = ValkeyCache(valkey.url)
    await cache.put("shared", b"value", 60)
    asked = [asyncio.create_task(cache.get("shared")) for _ in range(8)]
    await asyncio.sleep(0)
    asked[0].cancel()
    asked[5].cancel()

    ended = await asyncio.gather(*asked, return_exceptions=True)

    assert [end for end in ended if isinstance(end, bytes)] == [b"value"] * 6
    await cache.close()
