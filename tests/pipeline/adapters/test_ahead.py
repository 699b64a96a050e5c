"""Work that begins in a callback of the loop is a part of the task that waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pipeline.adapters.ahead import Ahead


async def begun(work: Callable[[], Coroutine[Any, Any, Any]]) -> Ahead[Any]:
    """Begin it in a callback, as a part of the task that asks."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    came: asyncio.Future[Ahead[Any]] = loop.create_future()
    loop.call_soon(lambda: came.set_result(Ahead(work(), task)))
    return await came


async def test_what_waits_for_nothing_has_ended_before_it_is_awaited() -> None:
    async def work() -> str:
        return "done"

    ahead = await begun(work)
    assert ahead.ended
    assert ahead.returned("done")
    assert not ahead.returned("other")
    assert await ahead == "done"


async def test_what_waits_goes_on_where_it_is_awaited() -> None:
    steps: list[str] = []
    door = asyncio.Event()

    async def work() -> int:
        steps.append("first")
        await door.wait()
        steps.append("second")
        await asyncio.sleep(0)
        return 7

    ahead = await begun(work)
    assert (ahead.ended, steps) == (False, ["first"])
    door.set()
    assert await ahead == 7
    assert steps == ["first", "second"]


@pytest.mark.parametrize("turns", [0, 2])
async def test_what_it_raises_is_raised_where_it_is_awaited(turns: int) -> None:
    async def work() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise LookupError("nothing there")

    ahead = await begun(work)
    assert not ahead.returned(None)
    with pytest.raises(LookupError):
        await ahead


async def test_a_cancellation_of_the_task_reaches_it() -> None:
    heard: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def whole() -> None:
        await (await begun(work))

    task = asyncio.create_task(whole())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["cancelled"]


async def test_a_limit_of_time_that_is_set_before_it_waits_holds_while_it_waits() -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        return "never"

    assert await (await begun(work)) == "late"


async def test_it_counts_as_the_task_only_while_it_runs() -> None:
    seen: list[object] = []

    async def work() -> None:
        seen.append(asyncio.current_task())

    await begun(work)
    loop, after = asyncio.get_running_loop(), []
    loop.call_soon(lambda: after.append(asyncio.current_task()))
    await asyncio.sleep(0)
    assert seen == [asyncio.current_task()]
    assert after == [None]


async def test_what_is_dropped_ends_where_it_waits_and_others_go_on_to_wait_for_the_same() -> None:
    same: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    ended: list[str] = []

    async def work() -> str:
        try:
            return await same
        finally:
            ended.append("ended")

    ahead = await begun(work)
    ahead.drop()
    assert ended == ["ended"]

    async def wait() -> str:
        return await same

    other = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    same.set_result("here")
    assert await other == "here"


async def test_a_task_is_never_entered_twice() -> None:
    task = asyncio.current_task()
    assert task is not None
    work: Awaitable[None] = asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        Ahead(work, task)  # type: ignore[arg-type]
    await work
