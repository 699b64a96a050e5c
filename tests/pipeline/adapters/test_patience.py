"""One limit that is set anew many times bounds what is awaited, as `asyncio.timeout` does when it is moved."""

import asyncio
import socket
import time

import pytest
import uvloop

from pipeline.adapters.patience import Patience


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _waits(first_s: float, *then_s: float) -> None:
    """Wait for what never comes, with one limit after the other; a pause without a limit between them."""
    with Patience(_now() + first_s) as patience:
        for seconds in then_s:
            patience.rest()
            await asyncio.sleep(0.03)
            patience.wait(seconds)
        await asyncio.sleep(5)


async def test_the_limit_in_force_ends_the_wait() -> None:
    with pytest.raises(TimeoutError):
        await _waits(0.02)


async def test_an_earlier_limit_that_was_replaced_by_a_later_one_ends_nothing() -> None:
    with Patience(_now() + 0.02) as patience:
        patience.wait(5)
        await asyncio.sleep(0.06)


async def test_a_later_limit_is_kept_though_the_timer_rang_for_an_earlier_one() -> None:
    with pytest.raises(TimeoutError):
        await _waits(0.04, 0.05)


async def test_an_earlier_limit_after_a_later_one_is_kept() -> None:
    with pytest.raises(TimeoutError):
        await _waits(30, 0.02)


async def test_at_rest_nothing_ends_and_afterwards_it_is_bounded_again() -> None:
    with pytest.raises(TimeoutError):
        await _waits(0.01, 0.02)


async def test_a_limit_that_is_over_ends_the_first_wait() -> None:
    with pytest.raises(TimeoutError), Patience(_now() - 1):
        await asyncio.sleep(5)


async def test_limits_that_move_on_make_no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stream costs for each of its pieces."""
    with Patience(_now() + 5) as patience:
        monkeypatch.setattr(patience, "_loop", _CountsTimers(patience._loop))
        for _ in range(100):
            patience.wait(10)
            patience.rest()
        assert patience._loop.timers == 0  # type: ignore[attr-defined]


async def test_after_an_error_inside_nothing_rings() -> None:
    with pytest.raises(ValueError, match="odd"), Patience(_now() + 0.02):
        raise ValueError("odd")
    await asyncio.sleep(0.04)


class _CountsTimers:
    """The loop, which counts the timers that are asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = loop
        self.timers = 0

    def time(self) -> float:
        return self._inner.time()

    def call_at(self, when: float, callback: object) -> asyncio.TimerHandle:
        self.timers += 1
        return self._inner.call_at(when, callback)  # type: ignore[arg-type]


def test_what_came_while_the_process_had_no_time_is_read_before_the_wait_is_given_up() -> None:
    """On a loop that rings before it reads."""

    async def late() -> bytes:
        near, far = socket.socketpair()
        near.setblocking(False)
        with near, far, Patience(_now() + 0.05) as _:
            reading = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(near, 16))
            await asyncio.sleep(0)
            far.send(b"the answer")
            time.sleep(0.4)  # noqa: ASYNC251 - no time for this process is what is tested
            return await reading

    assert uvloop.run(late()) == b"the answer"


def test_a_wait_for_what_never_comes_ends_though_the_process_was_late() -> None:
    async def late() -> None:
        with Patience(_now() + 0.05):
            await asyncio.sleep(0)
            time.sleep(0.4)  # noqa: ASYNC251 - no time for this process is what is tested
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        uvloop.run(late())
