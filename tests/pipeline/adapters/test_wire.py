"""One kept connection to a real Valkey: answers in their order, and never those of another question."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.wire import BATCH, FAILURES, Wire


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    with valkey_server(tmp_path) as server:
        yield server


@pytest.fixture
async def wire(valkey: ValkeyServer) -> AsyncIterator[Wire]:
    made = Wire(valkey.url, 0.5, 0.3)
    yield made
    await made.close()


async def test_answers_come_in_the_order_of_the_commands(wire: Wire) -> None:
    assert await wire.exchange([("SET", "a", b"\x00\r\n"), ("GET", "a"), ("INCRBY", "n", 7), ("GET", "none")]) == [
        b"OK", b"\x00\r\n", 7, None,
    ]  # fmt: skip


async def test_what_the_server_refuses_is_an_answer_and_spoils_no_other(wire: Wire) -> None:
    first, refused, last = await wire.exchange([("SET", "a", "b"), ("INCR", "a"), ("GET", "a")])
    assert (first, last) == (b"OK", b"b")
    assert isinstance(refused, ResponseError)


async def test_an_answer_that_came_too_late_is_nobodys(wire: Wire, valkey: ValkeyServer) -> None:
    await wire.exchange([("SET", "a", "old")])
    valkey.pause()
    with pytest.raises(FAILURES):
        await wire.exchange([("GET", "a")])
    valkey.resume()
    assert await wire.exchange([("INCR", "n")]) == [1]


async def test_who_stops_waiting_leaves_no_answer_behind(wire: Wire, valkey: ValkeyServer) -> None:
    await wire.exchange([("SET", "a", "old")])
    valkey.pause()
    asking = asyncio.create_task(wire.exchange([("GET", "a")]))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    valkey.resume()
    assert await wire.exchange([("INCR", "n")]) == [1]


async def test_every_new_connection_is_greeted_and_one_whose_greeting_fails_carries_nothing(
    valkey: ValkeyServer,
) -> None:
    greeted: list[int] = []

    async def greet(connection: Any) -> None:
        await connection.on_connect()
        greeted.append(len(greeted))
        if len(greeted) == 2:
            raise OSError("not this one")

    wire = Wire(valkey.url, 0.5, 0.5, greet)
    try:
        assert await wire.exchange([("INCR", "n"), ("INCR", "n")]) == [1, 2]
        await wire.exchange([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")])
        with pytest.raises(FAILURES):
            await wire.exchange([("INCR", "n")])
        assert await wire.exchange([("INCR", "n")]) == [3]
        assert greeted == [0, 1, 2]
    finally:
        await wire.close()


async def test_a_connection_that_the_server_closed_is_replaced_without_an_error(
    wire: Wire, valkey: ValkeyServer
) -> None:
    await wire.exchange([("SET", "a", "b")])
    other = Wire(valkey.url, 0.5, 0.5)
    await other.exchange([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
    await other.close()
    assert await wire.exchange([("GET", "a")]) == [b"b"]


async def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(FAILURES):
        await Wire("redis://127.0.0.1:1/0", 0.5, 0.5).exchange([("PING",)])


async def test_calls_of_one_moment_go_out_together_and_what_comes_meanwhile_after_them(
    wire: Wire, valkey: ValkeyServer
) -> None:
    await wire.exchange([("SET", "n", "0")])
    valkey.pause()
    asked = [wire.ask("INCR", "n") for _ in range(3)]
    await asyncio.sleep(0.02)
    asked += [wire.ask("INCR", "n") for _ in range(BATCH + 1)]
    valkey.resume()
    assert await asyncio.gather(*asked) == list(range(1, BATCH + 5))


async def test_a_call_that_is_not_waited_for_any_more_is_not_sent(wire: Wire, valkey: ValkeyServer) -> None:
    await wire.exchange([("SET", "n", "0")])
    valkey.pause()
    first, gone = wire.ask("INCR", "n"), wire.ask("GET", "n")
    await asyncio.sleep(0.02)
    late = wire.ask("INCRBY", "n", 10)
    late.cancel()
    gone.cancel()
    valkey.resume()
    assert await first == 1
    assert await wire.exchange([("GET", "n")]) == [b"1"]


async def test_who_waits_when_it_is_closed_is_told(wire: Wire, valkey: ValkeyServer) -> None:
    await wire.exchange([("SET", "a", "b")])
    valkey.pause()
    asked = wire.ask("GET", "a")
    await asyncio.sleep(0.02)
    later = wire.ask("GET", "a")
    await wire.close()
    for each in (asked, later):
        with pytest.raises(RedisConnectionError):
            await each
    valkey.resume()
