"""Start the parts in order, keep them alive, and leave nothing behind."""

import asyncio
import os
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from pipeline.embedded.child import Spec, end, last_words, spawn
from pipeline.embedded.home import Home
from pipeline.embedded.identity import ProcessId
from pipeline.embedded.options import Options
from pipeline.embedded.parts import Waves
from pipeline.embedded.state import Condition, PartState, RunState, write_state
from pipeline.errors import NotRunning, first_of

__all__ = ["Supervisor", "back_off"]

Watcher = Callable[[RunState], None]

_POLL_S: Final = 0.1
_WATCH_S: Final = 5.0
_SILENCES: Final = 4
"""A watched part that is silent to so many probes in a row is restarted. One that only computes still answers."""
_SETTLED_S: Final = 60.0
_GRACE_S: Final = 25.0
"""Longer than a worker takes at most to end what it holds."""


def back_off(restarts: int) -> float:
    """Seconds to wait before the restart with this number, counted from 0: 0.5, 1, 2, 4, 8, then always 10."""
    return min(10.0, 0.5 * 2.0 ** min(restarts, 5))


class Supervisor:
    """Owns the processes of one data folder."""

    def __init__(
        self, options: Options, waves: Waves, environment: Mapping[str, str], watcher: Watcher = lambda _: None
    ) -> None:
        self._home = Home(options.home)
        self._waves = waves
        self._environment = environment
        self._watcher = watcher
        self._processes: dict[str, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        this = ProcessId.of(os.getpid())
        assert this is not None
        parts = tuple(PartState(spec.name, "waiting", port=spec.port) for wave in waves for spec in wave)
        self.state = RunState(this, options, ready=False, parts=parts)

    async def start(self) -> None:
        """Bring up every wave; return when all parts answer.

        Raises:
            NotRunning: a part ended or did not answer in time. Whatever was started is stopped again.
        """
        try:
            for wave in self._waves:
                await self._start_wave(wave)
        except BaseException:
            await self.stop()
            raise
        self._keepers = [asyncio.create_task(self._keep(spec)) for wave in self._waves for spec in wave if spec.ready]
        self._publish(replace(self.state, ready=True))

    async def stop(self) -> None:
        """End every part, the last started first, and forget the state."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for wave in reversed(self._waves):
            await asyncio.gather(*(self._stop_part(spec) for spec in wave))
        self._home.state.unlink(missing_ok=True)

    async def _start_wave(self, wave: tuple[Spec, ...]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for spec in wave:
                    group.create_task(self._start_part(spec))
        except ExceptionGroup as failures:
            raise first_of(failures, NotRunning) from None

    async def _start_part(self, spec: Spec) -> None:
        process = await self._spawn(spec, "starting")
        if spec.ready is None:
            await self._run_to_end(spec, process)
            return
        await self._until_ready(spec, process)
        self._mark(spec, condition="ready")

    async def _spawn(self, spec: Spec, condition: Condition) -> Process:
        process = await spawn(spec, self._environment, self._home.logs)
        self._processes[spec.name] = process
        self._mark(spec, condition=condition, process=ProcessId.of(process.pid), started_at=time.time())
        return process

    async def _run_to_end(self, spec: Spec, process: Process) -> None:
        try:
            code = await asyncio.wait_for(process.wait(), spec.patience_s)
        except TimeoutError:
            raise self._trouble(spec, f"did not end within {spec.patience_s:.0f} s") from None
        if code != 0:
            raise self._trouble(spec, f"ended with code {code}")
        self._mark(spec, condition="done", process=None)

    async def _until_ready(self, spec: Spec, process: Process) -> None:
        assert spec.ready is not None
        limit = time.monotonic() + spec.patience_s
        while not await spec.ready():
            if process.returncode is not None:
                raise self._trouble(spec, f"ended with code {process.returncode}")
            if time.monotonic() > limit:
                raise self._trouble(spec, f"did not answer within {spec.patience_s:.0f} s")
            await asyncio.sleep(_POLL_S)

    def _trouble(self, spec: Spec, what: str) -> NotRunning:
        words = last_words(self._home.logs, spec.name)
        said = f" and said last: {words[:300]}" if words else ""
        return NotRunning(f"{spec.name} {what}{said}; its log is {self._home.logs / (spec.name + '.log')}")

    async def _keep(self, spec: Spec) -> None:
        """Restart the part whenever it ends, or no longer answers."""
        restarts = 0
        while True:
            process = self._processes[spec.name]
            began = time.monotonic()
            await self._until_ended(spec, process)
            if time.monotonic() - began > _SETTLED_S:
                restarts = 0
            self._mark(spec, condition="restarting", restarts=self._part(spec).restarts + 1)
            await asyncio.sleep(back_off(restarts))
            restarts += 1
            await self._restart(spec)

    async def _restart(self, spec: Spec) -> None:
        process = await self._spawn(spec, "restarting")
        try:
            await self._until_ready(spec, process)
        except NotRunning:
            await end(process, _GRACE_S)
            return
        self._mark(spec, condition="ready")

    async def _until_ended(self, spec: Spec, process: Process) -> None:
        if not spec.watched or spec.ready is None:
            await process.wait()
            return
        silences = 0
        while process.returncode is None and silences < _SILENCES:
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _WATCH_S)
            silences = 0 if await spec.ready() else silences + 1
        await end(process, _GRACE_S)

    async def _stop_part(self, spec: Spec) -> None:
        process = self._processes.get(spec.name)
        if process is None or self._part(spec).condition == "done":
            return
        await end(process, _GRACE_S)
        self._mark(spec, condition="stopped", process=None)

    def _part(self, spec: Spec) -> PartState:
        return next(part for part in self.state.parts if part.name == spec.name)

    def _mark(self, spec: Spec, **changes: object) -> None:
        parts = tuple(
            replace(part, **changes) if part.name == spec.name else part  # type: ignore[arg-type]  # fields of PartState
            for part in self.state.parts
        )
        self._publish(replace(self.state, parts=parts))

    def _publish(self, state: RunState) -> None:
        self.state = state
        write_state(self._home.state, state)
        self._watcher(state)
