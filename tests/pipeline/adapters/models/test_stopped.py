"""Why a call ended whose request was stopped."""

import asyncio

import pytest

from pipeline.adapters.models.settle import CallFailure
from pipeline.adapters.models.stopped import taken_back
from pipeline.errors import Cancelled, TargetTimeout


async def stopped_with(reason: str | None) -> CallFailure:
    """What a call says that is stopped for this reason, and then goes on."""

    async def call() -> CallFailure:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as stopped:
            failure = taken_back(stopped)
            await asyncio.sleep(0)  # what comes after it can be waited for
            return failure
        raise AssertionError

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel(reason)
    failure = await task
    assert task.cancelling() == 0, "the task is not being cancelled any more"
    return failure


async def test_a_caller_who_takes_the_request_back_ends_the_call() -> None:
    assert isinstance(await stopped_with("cancelled"), Cancelled)


async def test_a_deadline_that_passes_is_a_timeout_that_may_be_charged() -> None:
    failure = await stopped_with("expired")
    assert isinstance(failure, TargetTimeout)
    assert failure.charged


@pytest.mark.parametrize("reason", [None, "the worker stops"])
async def test_a_worker_that_stops_ends_nothing(reason: str | None) -> None:
    with pytest.raises(asyncio.CancelledError):
        await stopped_with(reason)
