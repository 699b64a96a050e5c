"""What runs beside is ended, also what once swallows a cancellation."""

import asyncio
import contextlib

import pytest

from pipeline.batch import ending
from pipeline.batch.ending import end_all


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            swallowed += 1
        await asyncio.sleep(60)

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(0))]
    await asyncio.sleep(0)
    await end_all(tasks)
    assert swallowed == 2
    assert all(task.done() for task in tasks)
