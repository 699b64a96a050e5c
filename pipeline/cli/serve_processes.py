"""Several processes of the door at one port: the system shares connections out, and one that dies is started again.

Each of them counts for itself: `/metrics` at the shared port is that of whichever process answers, so each serves its
own at `--metrics-port` and the ports after it. What keys may have in a minute is counted over all of them where there
is a Valkey; what they may have at a time, by each for itself.
"""

import asyncio
import errno
import logging
import os
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.embedded.supervisor import back_off
from pipeline.errors import PortInUse

__all__ = ["Slot", "slot_of", "supervise"]

_log = logging.getLogger("stepwell.serve")

SLOT_VARIABLE: Final = "STEPWELL_DOOR_SLOT"
"""Tells a process that it is one of several: `<which>/<id of the process that keeps it>`."""
_EARLY_S: Final = 10.0
_SETTLED_S: Final = 60.0
_SAID: Final = (1, 2)
"""Exit codes of a command that has said what is wrong; another try would say it again."""


class Slot(NamedTuple):
    """Which of several processes one is, and the one that keeps it alive."""

    number: int
    keeper: int


def slot_of(environment: Mapping[str, str]) -> Slot | None:
    """What a process was told; None: it is alone."""
    number, _, keeper = environment.get(SLOT_VARIABLE, "").partition("/")
    return Slot(int(number), int(keeper)) if number.isdigit() and keeper.isdigit() else None


async def supervise(command: Sequence[str], count: int, host: str, port: int, patience_s: float) -> int:
    """Keep `count` processes alive until a signal says so; the exit code.

    Raises:
        PortInUse: another program has the port.
    """
    _check(host, port)
    family = _Family(command, patience_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, family.stop.set)
    await asyncio.gather(*(family.keep(slot) for slot in range(count)))
    return family.code


class _Family:
    """The processes."""

    def __init__(self, command: Sequence[str], patience_s: float) -> None:
        self._command = command
        self._patience_s = patience_s
        self.stop = asyncio.Event()
        self.code = 0

    async def keep(self, slot: int) -> None:
        """Keep one process alive."""
        restarts, first = 0, True
        while not self.stop.is_set():
            begun = time.monotonic()
            environment = {**os.environ, SLOT_VARIABLE: f"{slot}/{os.getpid()}"}
            process = await asyncio.create_subprocess_exec(*self._command, env=environment)
            code = await self._until_ended(process)
            if code is None:
                return
            lived = time.monotonic() - begun
            if first and lived < _EARLY_S and code in _SAID:
                self.code = code
                self.stop.set()
                return
            first, restarts = False, 0 if lived > _SETTLED_S else restarts
            pause = back_off(restarts)
            restarts += 1
            _log.warning("process %d of the door ended with code %d: started again in %.1f s", slot, code, pause)
            await self._pause(pause)

    async def _until_ended(self, process: Process) -> int | None:
        """The code that it ended with by itself; None: it was told to end."""
        ending, told = asyncio.create_task(process.wait()), asyncio.create_task(self.stop.wait())
        await asyncio.wait({ending, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not self.stop.is_set():
            return await ending
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(ending, self._patience_s)
        except TimeoutError:
            process.kill()
            await process.wait()
        return None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return


def _check(host: str, port: int) -> None:
    """Whether the port is free: processes that share one would also share it with a stranger that does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(f"port {port} of {host} is taken: stop its owner, or choose another with --port") from None
