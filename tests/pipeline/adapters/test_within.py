"""Waiting is bounded as by `asyncio.timeout`, and one timer serves all who wait."""

import asyncio
import socket
import time

import pytest

from pipeline.adapters.within import Within


async def test_what_is_there_in_time_is_not_disturbed() -> None:
    within = Within(0.2)
    with within():
        await asyncio.sleep(0)
    await asyncio.sleep(0.25)
    with within():
        assert await asyncio.sleep(0.01, "there") == "there"


async def test_each_of_many_has_its_own_time() -> None:
    within = Within(0.1)
    ended: list[str] = []

    async def wait(name: str, before_s: float, seconds: float) -> None:
        await asyncio.sleep(before_s)
        try:
            with within():
                await asyncio.sleep(seconds)
            ended.append(f"{name} done")
        except TimeoutError:
            ended.append(f"{name} late")

    await asyncio.gather(wait("c", 0.08, 5), wait("a", 0, 5), wait("b", 0.02, 0), wait("d", 0.04, 5))
    assert ended == ["b done", "a late", "d late", "c late"]


async def test_one_bound_inside_another_tells_which_of_them_it_was() -> None:
    inner, outer = Within(0.02), Within(0.5)
    with outer():
        with pytest.raises(TimeoutError), inner():
            await asyncio.sleep(5)
        await asyncio.sleep(0)


async def test_who_was_kept_waiting_by_a_busy_loop_gets_what_came_meanwhile() -> None:
    """What is read in the same turn of the loop in which the time is over counts."""
    within, loop = Within(0.03), asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    reader.setblocking(False)

    async def wait() -> bytes:
        with within():
            return await loop.sock_recv(reader, 1)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    writer.send(b"x")
    time.sleep(0.1)  # noqa: ASYNC251 - the loop is busy for longer than anybody waits
    assert await waiting == b"x"
    reader.close()
    writer.close()


async def test_a_busy_loop_excuses_nobody_for_ever() -> None:
    within = Within(0.01)
    began = asyncio.get_running_loop().time()

    async def busy() -> None:
        while True:
            time.sleep(0.02)  # noqa: ASYNC251
            await asyncio.sleep(0)

    other = asyncio.create_task(busy())
    with pytest.raises(TimeoutError), within():
        await asyncio.sleep(60)
    other.cancel()
    assert asyncio.get_running_loop().time() - began < 60
