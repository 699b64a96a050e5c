"""The child process seen from the event loop: jobs in flight, a time budget, kill and restart."""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from pipeline.adapters.pii import frames
from pipeline.adapters.pii.spans import merge
from pipeline.contracts import Finding
from pipeline.ports import ScanReport

__all__ = ["COMMAND", "ProcessScanner", "UnitFindings"]

COMMAND: Final = (sys.executable, "-m", "pipeline.adapters.pii.child")
ENVIRONMENT: Final = {
    "PYTHONPATH": str(Path(__file__).parents[3]),
    "PYTHONSAFEPATH": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "REGEX_TIMEOUT_SECONDS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 15.0
_log = logging.getLogger("stepwell.pii")

UnitFindings = tuple[tuple[Finding, ...], ...]
"""The findings of each unit, in the order of the units."""


class ScanFailed(Exception):
    """A scan has no result. The message is a short word for the report: timeout, crashed, unavailable."""


class _Bystander(ScanFailed):
    """The child ended while it worked on another text."""


@dataclass(slots=True)
class _Job:
    answer: asyncio.Future[UnitFindings]
    watch: asyncio.TimerHandle


@dataclass(slots=True)
class _Child:
    """One life of the process. `progress_at` is when it last answered, or last began to have something to do."""

    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    jobs: dict[int, _Job] = field(default_factory=dict)
    progress_at: float = 0.0

    def settle(self, frame: dict[str, Any]) -> None:
        """Hand an answer to whoever waits for it."""
        self.progress_at = time.monotonic()
        job = self.jobs.pop(frame["id"], None)
        if job is None:
            return
        job.watch.cancel()
        if job.answer.done():
            return
        if "error" in frame:
            job.answer.set_exception(ScanFailed("timeout" if frame["error"] == "TimeoutError" else frame["error"]))
        else:
            job.answer.set_result(_findings(frame["findings"]))

    def overdue(self, number: int, budget: float) -> None:
        """The time of a job is over: its waiter goes on, and a child that made no progress for so long is killed."""
        job = self.jobs[number]
        if not job.answer.done():
            job.answer.set_exception(ScanFailed("timeout"))
        idle = time.monotonic() - self.progress_at
        if idle >= budget:
            self.kill()
        else:
            job.watch = asyncio.get_running_loop().call_later(budget - idle, self.overdue, number, budget)

    def kill(self) -> None:
        """End the process at once. The keeper notices and starts another."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """Kill, let every waiter know, and reap."""
        self.kill()
        for place, job in enumerate(self.jobs.values()):
            job.watch.cancel()
            if not job.answer.done():
                job.answer.set_exception(_Bystander("crashed") if place else ScanFailed("crashed"))
        self.jobs.clear()
        self.writer.close()
        await self.process.wait()


def _findings(rows: list[list[list[Any]]]) -> UnitFindings:
    return tuple(tuple(Finding(type=kind, count=n, score=score) for kind, n, score in unit) for unit in rows)


def _sendable(unit: str) -> str:
    """Lone surrogates have no UTF-8; they become question marks, which no detector looks for."""
    try:
        unit.encode()
    except UnicodeEncodeError:
        return unit.encode(errors="replace").decode()
    return unit


class ProcessScanner:
    """Scans in a child process that is killed when it takes longer than the budget, and then replaced.

    Jobs are answered one after the other. When the child is killed or dies, the job it worked on fails; those behind it
    are given to the next child, once. The child keeps its own time only to skip jobs that waited too long. Start
    returns at once; until the child has loaded, scans wait, at most for `start_wait_s`; while it fails to load at all,
    they fail at once.

    Args:
        budget_s: seconds that a scan may take, read anew for each scan (a policy may change it).
        start_wait_s: seconds that a scan waits for a child that is still loading.
        command: how the child is started; tests use their own.
    """

    def __init__(
        self,
        budget_s: Callable[[], float] = lambda: 2.0,
        *,
        start_wait_s: float = 20.0,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._budget_s = budget_s
        self._start_wait_s = start_wait_s
        self._command = tuple(command)
        self._ids = count(1)
        self._child: _Child | None = None
        self._news = asyncio.Event()
        self._failing = False
        self._keeper: asyncio.Task[None] | None = None
        self._stopped = False
        self.engine = "names-not-loaded"
        self.restarts = 0

    @property
    def ready(self) -> bool:
        """Whether the child has loaded and takes jobs."""
        return self._child is not None

    @property
    def in_flight(self) -> int:
        """How many jobs the child has not answered yet."""
        return 0 if self._child is None else len(self._child.jobs)

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to start the child, in the background. Needs a running event loop; a second call changes nothing."""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="pii-child")

    async def stop(self) -> None:
        """End the child; scans in flight and later ones fail."""
        self._stopped = True
        if self._keeper is None:
            return
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        self._keeper = None

    async def _keep(self) -> None:
        """Start the child again and again, with growing pauses while it does not even load."""
        pause = _PAUSE
        while True:
            loaded = await self._live()
            self._failing = not loaded
            if self._failing:
                self._news.set()
            pause = _PAUSE if loaded else min(2 * pause, _LONGEST_PAUSE)
            self.restarts += 1
            await asyncio.sleep(pause)

    async def _live(self) -> bool:
        """One life of the child, from start to end. Whether it got as far as loading."""
        try:
            process = await self._spawn()
        except OSError as error:
            _log.error("the scan process does not start: %s", type(error).__name__)
            return False
        assert process.stdin is not None
        child = _Child(process, process.stdin)
        loaded = False
        try:
            loaded = await self._converse(child)
        finally:
            self._news.clear()
            self._child = None
            await child.end()
        return loaded

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT,
        )

    async def _converse(self, child: _Child) -> bool:
        """Take the child's frames until it ends."""
        assert child.process.stdout is not None
        try:
            hello = await frames.read(child.process.stdout)
        except (asyncio.IncompleteReadError, ValueError):
            _log.error("the scan process ended before it was ready")
            return False
        self.engine = hello["engine"]
        self._child, self._failing = child, False
        self._news.set()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            while True:
                child.settle(await frames.read(child.process.stdout))
        return True

    # ------------------------------------------------------------ jobs

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan units in the child. Trouble of any kind is a failed report."""
        try:
            findings = await self.findings(units, names=names)
        except ScanFailed as failure:
            return ScanReport((), self.engine, "failed", str(failure))
        return ScanReport(merge(findings), self.engine)

    async def findings(self, units: Sequence[str], *, names: bool) -> UnitFindings:
        """The findings of each unit.

        Raises:
            ScanFailed: the child is not there, took too long, or died.
        """
        try:
            return await self._once(units, names=names)
        except _Bystander:  # another text brought the child down while this one waited its turn
            return await self._once(units, names=names)

    async def _once(self, units: Sequence[str], *, names: bool) -> UnitFindings:
        child = await self._loaded()
        return await self._submit(child, units, names=names, budget=self._budget_s()).answer

    async def _loaded(self) -> _Child:
        if self._stopped:
            raise ScanFailed("unavailable")
        self.start()
        if self._child is None and not self._failing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._start_wait_s):
                    await self._news.wait()
        if self._child is None:
            raise ScanFailed("unavailable")
        return self._child

    def _submit(self, child: _Child, units: Sequence[str], *, names: bool, budget: float) -> _Job:
        loop, number, now = asyncio.get_running_loop(), next(self._ids), time.monotonic()
        job = _Job(loop.create_future(), loop.call_later(budget, child.overdue, number, budget))
        if not child.jobs:
            child.progress_at = now
        child.jobs[number] = job
        body = {"id": number, "units": list(map(_sendable, units)), "names": names, "before": now + budget}
        child.writer.write(frames.pack(body))
        return job
