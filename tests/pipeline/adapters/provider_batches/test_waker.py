"""Requests are woken no faster than the cascade takes them, and all of them are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pipeline.adapters.provider_batches import waker
from pipeline.adapters.provider_batches.waker import Waker
from pipeline.contracts import Lane
from pipeline.errors import TransportUnavailable


class Queues:
    """Whoever is woken stands in a queue until it is taken."""

    def __init__(self) -> None:
        self.standing: list[str] = []
        self.most = 0
        self.taken: list[str] = []
        self.broken: set[str] = set()

    async def wake(self, lane: Lane, key: str) -> bool:
        if key in self.broken:
            raise TransportUnavailable("not now")
        self.standing.append(key)
        self.most = max(self.most, len(self.standing))
        return True

    async def on_the_way(self, lane: Lane) -> dict[str, int]:
        held = len(self.standing)
        self.taken += self.standing[:10]
        del self.standing[:10]
        return {"t": held}


@contextlib.asynccontextmanager
async def running(queues: Queues, monkeypatch: pytest.MonkeyPatch, **changes: object) -> AsyncIterator[Waker]:
    for name, value in ({"PAUSE_S": 0.0, "AWAKE": 20, "LEAST": 1} | changes).items():
        monkeypatch.setattr(waker, name, value)
    transport: Any = queues
    made = Waker(transport)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def woken(queues: Queues, count: int) -> list[str]:
    async with asyncio.timeout(5):
        while len(queues.taken) + len(queues.standing) < count:
            await asyncio.sleep(0)
    return [*queues.taken, *queues.standing]


async def test_no_more_are_awake_than_may_be_and_each_is_woken_once_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queues, keys = Queues(), [f"t.{number}" for number in range(200)]
    async with running(queues, monkeypatch) as made:
        for key in keys * 2:
            made.add(key)
        assert await woken(queues, 200) == keys
    assert queues.most <= 21


async def test_some_are_woken_even_where_the_queues_are_full_of_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = Queues()
    async with running(queues, monkeypatch, AWAKE=0, LEAST=3) as made:
        for number in range(9):
            made.add(f"t.{number}")
        assert len(await woken(queues, 9)) == 9


async def test_one_that_cannot_be_woken_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named again when the shelf is looked through."""
    queues = Queues()
    queues.broken = {"t.0"}
    async with running(queues, monkeypatch) as made:
        for number in range(3):
            made.add(f"t.{number}")
        assert await woken(queues, 2) == ["t.1", "t.2"]
        queues.broken = set()
        made.add("t.0")
        assert "t.0" in await woken(queues, 3)
