"""Calls that come while others are under way go together, and each caller gets its own answer or its own error."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.adapters.together import BATCH, Together
from pipeline.errors import StoreUnavailable


class Line:
    """A connection that answers each number with its double once it is let; `trouble` goes wrong instead."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.open = asyncio.Event()
        self.trouble: Exception | None = None
        self.failures = 0

    async def send(self, calls: Sequence[int]) -> list[object]:
        self.sent.append(list(calls))
        await self.open.wait()
        if self.trouble is not None:
            raise self.trouble
        return [ValueError(call) if call < 0 else 2 * call for call in calls]

    def failed(self) -> None:
        self.failures += 1


async def asking(queue: Together[int], *calls: int) -> list["asyncio.Task[object]"]:
    tasks = [asyncio.create_task(queue.ask(call)) for call in calls]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_others_are_under_way_is_sent_together_after_them() -> None:
    line = Line()
    queue = Together("the line", line.send)
    first = await asking(queue, 1)
    more = await asking(queue, *range(2, BATCH + 4))
    line.open.set()
    answers = await asyncio.gather(*first, *more)
    assert answers == [2 * call for call in range(1, BATCH + 4)]
    assert [len(batch) for batch in line.sent] == [1, BATCH, 2]


async def test_one_that_goes_wrong_is_an_error_to_its_caller_alone() -> None:
    line = Line()
    queue = Together("the line", line.send)
    tasks = await asking(queue, 5, -1, 4)
    line.open.set()
    _, one, other = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(one, StoreUnavailable)
    assert one.message == "the line at STEPWELL_VALKEY does not answer (ValueError)"
    assert other == 8


async def test_where_nothing_is_answered_all_are_told_and_the_next_call_goes_out() -> None:
    line = Line()
    queue = Together("the line", line.send, line.failed)
    line.trouble = OSError("gone")
    line.open.set()
    told = await asyncio.gather(*await asking(queue, 1, 2), return_exceptions=True)
    assert [type(error) for error in told] == [StoreUnavailable] * 2
    assert line.failures == 1
    line.trouble = None
    assert await queue.ask(3) == 6


async def test_a_caller_that_no_longer_waits_disturbs_nobody() -> None:
    line = Line()
    queue = Together("the line", line.send)
    gone, stays = await asking(queue, 1, 2)
    gone.cancel()
    line.open.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_who_still_waits_at_the_end_is_told() -> None:
    queue = Together("the line", Line().send)
    under_way, waiting = (*await asking(queue, 1), *await asking(queue, 2))
    await queue.close()
    for task in (under_way, waiting):
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await task
