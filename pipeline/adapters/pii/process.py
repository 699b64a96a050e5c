"""The child process seen from the event loop: started, started again, and given what is to be scanned."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from pipeline.adapters.pii import frames
from pipeline.adapters.pii.life import ENDED, Bystander, Job, Life, ScanFailed
from pipeline.adapters.pii.report import report_of
from pipeline.adapters.pii.steps import Scanned
from pipeline.ports import ScanReport

__all__ = ["COMMAND", "ProcessScanner", "english"]

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
_TRIES: Final = 3
"""Children that a job is given to, when others' texts bring them down."""
_MOST_WAITING: Final = 32 * 2**20
"""Characters that may be in flight together."""
_SENSELESS: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What an answer that makes no sense raises; it counts as the end of the child."""
_ABSENT: Final = "the scan process is not there"
_CROWDED: Final = "too many texts are waiting"
_MOST_PATIENCE: Final = 8
"""How many times longer a start may take after some that took too long: a machine may be slow for good."""
_log = logging.getLogger("stepwell.pii")


def _sendable(unit: str) -> str:
    """Lone surrogates have no UTF-8; they become question marks, which no detector looks for."""
    try:
        unit.encode()
    except UnicodeEncodeError:
        return unit.encode(errors="replace").decode()
    return unit


def english() -> tuple[str, ...]:
    """The languages of names when nobody says otherwise."""
    return ("en",)


class ProcessScanner:
    """Scans in a child process that is killed when it is silent for longer than the budget, and then replaced.

    The child works on all jobs together, step by step, and says what it works on. The budget of a job is its own time
    in the child, not the time that it waits for others: the child ends a job that is over it, and is killed when it
    does not even get to that. Then the job it worked on fails; the others are given to the next child, and those that
    were worked on together one by one. Start returns at once; until the child has loaded, scans wait, at most for
    `start_wait_s`; while it fails to load at all, they fail at once.

    Args:
        budget_s: seconds of work that a scan may take, read anew for each scan (a policy may change it).
        languages: the languages in which names are looked for, best first; read anew for each scan.
        names: load the language pipelines at the start, not when names are first asked for.
        extra: further Presidio recognisers to run in the child, as `package.module:Name`.
        start_wait_s: seconds that a scan waits for a child that is still loading.
        wait_s: seconds that a scan may take in all beyond its budget; more is a failed scan.
        load_s: seconds after which a child that has not loaded is killed; more after each that was, as a machine may be
            slow.
        grace_s: seconds of silence beyond the budget after which the child is killed.
        command: how the child is started; tests use their own.
    """

    def __init__(
        self,
        budget_s: Callable[[], float] = lambda: 2.0,
        *,
        languages: Callable[[], Sequence[str]] = english,
        names: bool = True,
        extra: Sequence[str] = (),
        start_wait_s: float = 20.0,
        wait_s: float = 10.0,
        load_s: float = 60.0,
        grace_s: float = 0.25,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._budget_s = budget_s
        self._languages = languages
        self._names = names
        self._start_wait_s = start_wait_s
        self._wait_s = wait_s
        self._load_s = load_s
        self._patience = 1
        self._grace_s = grace_s
        self._command = tuple(command)
        self._ids = count(1)
        self._life: Life | None = None
        self._child: Life | None = None
        self._halt = asyncio.Event()
        self._news = asyncio.Event()
        self._failing = False
        self._keeper: asyncio.Task[None] | None = None
        self._stopped = False
        self.extra = tuple(extra)
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

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which names are looked for."""
        return tuple(self._languages()) or english()

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to start the child, in the background. Needs a running event loop; a second call changes nothing."""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="pii-child")

    async def stop(self) -> None:
        """End the child; scans in flight and later ones fail."""
        self._stopped = True
        self._halt.set()
        self._news.set()
        if self._life is not None:
            self._life.kill()
        if self._keeper is not None:
            await self._keeper

    async def _keep(self) -> None:
        """Start the child again and again, with growing pauses while it does not even load."""
        pause = _PAUSE
        while not self._stopped:
            loaded = await self._live()
            self._failing = not loaded
            if self._failing:
                self._news.set()
            pause = _PAUSE if loaded else min(2 * pause, _LONGEST_PAUSE)
            self.restarts += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._halt.wait()

    async def _live(self) -> bool:
        """One life of the child, from start to end. Whether it got as far as loading."""
        try:
            child = self._life = await self._spawn()
        except OSError as error:
            _log.error("the scan process does not start: %s", type(error).__name__)
            return False
        if self._stopped:
            child.kill()
        try:
            return await self._converse(child)
        finally:
            self._news.clear()
            self._child = self._life = None
            await child.end()

    async def _spawn(self) -> Life:
        options = ["--names", ",".join(self.languages)] if self._names else []
        if self.extra:
            options += ["--extra", ",".join(self.extra)]
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT,
        )
        assert process.stdin is not None
        return Life(process, process.stdin, self._grace_s, self._start_wait_s)

    async def _converse(self, child: Life) -> bool:
        """Take the child's frames until it ends."""
        assert child.process.stdout is not None
        within = self._load_s * self._patience
        try:
            async with asyncio.timeout(within):
                hello = await frames.read(child.process.stdout)
            self._take_news(hello)
        except TimeoutError:
            _log.warning("scan process killed: it did not load within %.2f s; another is started", within)
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
            return False
        except (asyncio.IncompleteReadError, *_SENSELESS):
            if not self._stopped:
                _log.error("the scan process ended before it was ready")
            return False
        self._patience = 1
        self._child, self._failing = child, False
        self._news.set()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, *_SENSELESS):
            while True:
                frame = await frames.read(child.process.stdout)
                self._take_news(frame)
                child.hear(frame)
        return True

    def _take_news(self, frame: dict[str, Any]) -> None:
        """What scans now, and which model of names was passed over for it, and why: the child's own log is not seen."""
        self.engine = frame.get("engine", self.engine)
        for trouble in frame.get("troubles", ()):
            _log.warning("a model of names is passed over: %s; in force is %s", trouble, self.engine)

    # ------------------------------------------------------------ jobs

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan units in the child. Trouble of any kind is a failed report."""
        try:
            scanned = await self.scanned(units, names=names)
        except ScanFailed as failure:
            return ScanReport((), self.engine, "failed", str(failure))
        return report_of(scanned, self.engine)

    async def scanned(self, units: Sequence[str], *, names: bool) -> tuple[Scanned, ...]:
        """What each unit holds.

        Raises:
            ScanFailed: the child is not there, took too long, or died.
        """
        alone = False
        for _ in range(_TRIES):
            try:
                return await self._once(units, names=names, alone=alone)
            except Bystander as failure:
                alone = alone or failure.suspect
        raise ScanFailed(ENDED)

    async def _once(self, units: Sequence[str], *, names: bool, alone: bool) -> tuple[Scanned, ...]:
        child, budget = await self._loaded(), self._budget_s()
        number, characters = next(self._ids), sum(map(len, units))
        if child.jobs and child.characters + characters > _MOST_WAITING:
            raise ScanFailed(_CROWDED)
        answer: asyncio.Future[tuple[Scanned, ...]] = asyncio.get_running_loop().create_future()
        body = {"id": number, "units": list(map(_sendable, units)), "names": names, "alone": alone}
        body |= {"languages": self.languages, "budget": budget}
        child.give(number, Job(answer, budget, characters, len(units)), body)
        try:
            async with asyncio.timeout(budget + self._wait_s):
                return await answer
        except TimeoutError:
            raise ScanFailed(_CROWDED) from None
        finally:
            self._drop(child, number)

    def _drop(self, child: Life, number: int) -> None:
        """Nobody waits for a job any more: unless it was answered, the child need not go on with it."""
        if number in child.jobs and child is self._child:
            child.writer.write(frames.pack({"drop": number}))

    async def _loaded(self) -> Life:
        if not self._stopped:
            self.start()
        if self._child is None and not self._failing and not self._stopped:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._start_wait_s):
                    await self._news.wait()
        if self._child is None or self._stopped:
            raise ScanFailed(_ABSENT)
        return self._child
