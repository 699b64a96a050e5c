"""Each bound on waiting ends a wait as `asyncio.timeout` does, and passes on what is not its own."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pipeline.adapters.patience import Patience
from pipeline.adapters.within import Within

Bound = Callable[[float], AbstractContextManager[object]]


def _patience(seconds: float) -> Patience:
    return Patience(asyncio.get_running_loop().time() + seconds)


def _within(seconds: float) -> AbstractContextManager[object]:
    return Within(seconds)()


@pytest.fixture(params=[_patience, _within], ids=["patience", "within"])
def bound(request: pytest.FixtureRequest) -> Bound:
    """What makes a bound of so many seconds."""
    made: Bound = request.param
    return made


async def test_what_is_not_there_in_time_is_a_time_out_and_the_task_goes_on(bound: Bound) -> None:
    with pytest.raises(TimeoutError), bound(0.02):
        await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_who_is_cancelled_by_somebody_else_is_cancelled_and_nothing_rings_afterwards(bound: Bound) -> None:
    async def wait() -> None:
        with bound(0.05):
            await asyncio.sleep(5)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.08)


async def test_who_is_cancelled_by_both_is_cancelled(bound: Bound) -> None:
    async def wait() -> None:
        with bound(0.02):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                task.cancel()
                raise

    task = asyncio.create_task(wait())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_inside_stays_what_it_is(bound: Bound) -> None:
    with pytest.raises(ValueError, match="mine"), bound(1):
        raise ValueError("mine")
