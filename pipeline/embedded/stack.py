"""The embedded default as one thing: up while the block runs, gone after it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from pipeline.embedded.child import last_words
from pipeline.embedded.home import Home
from pipeline.embedded.options import Options
from pipeline.embedded.parts import waves
from pipeline.embedded.preflight import end_leftovers, owned, require_free_ports, require_policies
from pipeline.embedded.state import RunState, running
from pipeline.embedded.supervisor import Supervisor
from pipeline.errors import NotRunning

__all__ = ["bring_down", "check", "detach", "serve", "stack"]

Watcher = Callable[[RunState], None]

_DETACH_PATIENCE_S: Final = 420.0
_DOWN_PATIENCE_S: Final = 60.0


def check(options: Options) -> None:
    """Find out whether `options` can be started, without starting anything.

    Raises:
        SetupError: not so; the message says what to do.
    """
    home = Home(options.home)
    home.prepare()
    with owned(home):
        require_policies(options)
        require_free_ports(options, waves(options))


@asynccontextmanager
async def stack(options: Options, watcher: Watcher) -> AsyncIterator[RunState]:
    """Everything up and answering inside the block; nothing left after it.

    Raises:
        SetupError: it cannot be started; the message says what to do.
    """
    home = Home(options.home)
    home.prepare()
    with owned(home):
        end_leftovers(home)
        require_policies(options)
        parts = waves(options)
        require_free_ports(options, parts)
        supervisor = Supervisor(options, parts, options.environment(os.environ), watcher)
        await supervisor.start()
        try:
            yield supervisor.state
        finally:
            await asyncio.shield(supervisor.stop())


async def serve(options: Options, watcher: Watcher = lambda _: None) -> None:
    """Keep everything up until SIGINT, SIGTERM or SIGHUP."""
    stop = asyncio.Event()
    with _on_signals(stop.set):
        up = asyncio.create_task(_stay_up(options, watcher))
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({up, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        up.cancel()
        await asyncio.wait({up})
    if not up.cancelled():
        up.result()


async def _stay_up(options: Options, watcher: Watcher) -> None:
    async with stack(options, watcher):
        await asyncio.Event().wait()


@contextmanager
def _on_signals(action: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def detach(options: Options) -> RunState:
    """Start a supervisor of its own in the background and return when everything answers.

    Raises:
        SetupError: it cannot be started, or ended before it was ready.
    """
    check(options)
    home = Home(options.home)
    log = os.open(home.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    command = (sys.executable, "-m", "pipeline.embedded", options.to_json())
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    os.close(log)
    limit = time.monotonic() + _DETACH_PATIENCE_S
    while time.monotonic() < limit and process.returncode is None:
        state = running(home.state)
        if state is not None and state.ready and state.supervisor.pid == process.pid:
            return state
        await asyncio.sleep(0.2)
    raise NotRunning(f"it did not come up: {last_words(home.logs, 'supervisor') or 'see ' + str(home.logs)}")


async def bring_down(home: Home) -> bool:
    """Stop the Stepwell of a data folder. False: none was running.

    Raises:
        NotRunning: it was asked to stop and has not within a minute.
    """
    state = running(home.state)
    supervisor = state.supervisor.process() if state else None
    if supervisor is None:
        return end_leftovers(home) > 0
    supervisor.terminate()
    limit = time.monotonic() + _DOWN_PATIENCE_S
    while supervisor.is_running() and supervisor.status() != "zombie":
        if time.monotonic() > limit:
            raise NotRunning(f"the supervisor (pid {supervisor.pid}) was asked to stop and still runs; see {home.logs}")
        await asyncio.sleep(0.1)
    return True
