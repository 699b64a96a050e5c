"""One life of the child process: the jobs it holds, the watch over its progress, and who is to blame for its end."""

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.adapters.pii import frames
from pipeline.adapters.pii.report import TOO_MANY
from pipeline.adapters.pii.spans import Span
from pipeline.adapters.pii.steps import Scanned

__all__ = ["ENDED", "Bystander", "Job", "Life", "ScanFailed"]

ENDED: Final = "the scan process ended"
_SAID: Final = {TOO_MANY: TOO_MANY, "dropped": "nobody waited for it"}
_LAST_S: Final = 1.0
"""Seconds that a child which closed its output has to end by itself."""
_log = logging.getLogger("stepwell.pii")


class ScanFailed(Exception):
    """A scan has no result. The message is a short phrase for the report; it follows on "scan failed:"."""


class Bystander(ScanFailed):
    """The child ended while it worked on other texts, or on this one together with others."""

    def __init__(self, *, suspect: bool) -> None:
        super().__init__(ENDED)
        self.suspect = suspect


@dataclass(slots=True)
class Job:
    """Texts that were given to the child, and who waits for what they hold."""

    answer: asyncio.Future[tuple[Scanned, ...]]
    budget: float
    characters: int
    texts: int


@dataclass(slots=True)
class Life:
    """One life of the process. `progress_at` is when it last spoke, or last began to have something to do."""

    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    grace: float
    load_s: float
    jobs: dict[int, Job] = field(default_factory=dict)
    at: tuple[int, ...] = ()
    loading: bool = False
    progress_at: float = 0.0
    reason: str = ENDED
    watch: asyncio.TimerHandle | None = None
    killed: bool = False

    @property
    def characters(self) -> int:
        """How much text it holds."""
        return sum(job.characters for job in self.jobs.values())

    def give(self, number: int, job: Job, body: dict[str, Any]) -> None:
        """Hand a job over, and see to it that the child makes progress from now on."""
        if not self.jobs:
            self.progress_at = time.monotonic()
        self.jobs[number] = job
        self.writer.write(frames.pack(body))
        due = asyncio.get_running_loop().time() + self._allowed()
        if self.watch is None or self.watch.when() > due:
            self._look_again(self._allowed())

    def hear(self, frame: dict[str, Any]) -> None:
        """A sign of progress: what is worked on, that something is loaded, or an answer."""
        self.progress_at = time.monotonic()
        self.loading = "loading" in frame
        if "at" in frame:
            self.at = tuple(frame["at"])
        elif "id" in frame:
            self._settle(frame)

    def _settle(self, frame: dict[str, Any]) -> None:
        result = None if "error" in frame else _scanned(frame)
        job = self.jobs.pop(frame["id"], None)
        if job is None or job.answer.done():
            return
        if result is None:
            job.answer.set_exception(ScanFailed(_because(frame["error"], job.budget)))
        else:
            job.answer.set_result(result)

    def _working(self) -> list[Job]:
        """The jobs at work; all, when it did not say which."""
        return [self.jobs[number] for number in self.at if number in self.jobs] or list(self.jobs.values())

    def _allowed(self) -> float:
        """How long it may be silent: as long as the job at work may take, and a little for the answer."""
        if self.loading:
            return self.load_s
        return max(job.budget for job in self._working()) + self.grace

    def _look_again(self, delay: float) -> None:
        if self.watch is not None:
            self.watch.cancel()
        self.watch = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        """Kill a child that made no progress for too long; look again later otherwise."""
        self.watch = None
        if not self.jobs:
            return
        left = self._allowed() - (time.monotonic() - self.progress_at)
        if left > 0:
            self._look_again(left)
            return
        if self.loading:
            _log.warning("scan process killed: loading what finds names took longer than %.2f s", self.load_s)
            self.reason = f"what finds names did not load within {self.load_s:g} s"
        else:
            working = self._working()
            characters, texts = sum(job.characters for job in working), sum(job.texts for job in working)
            _log.warning(
                "scan process killed: %d characters in %d texts took longer than %.2f s",
                characters,
                texts,
                self._allowed(),
            )
            self.reason = _slow(max(job.budget for job in working))
        self.kill()

    def kill(self) -> None:
        """End the process at once. The keeper notices and starts another.

        It is signalled once: a signal to a process that ended reaps it, and then asyncio waits for one that is gone.
        """
        if self.killed:
            return
        self.killed = True
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """Let every waiter know, kill, and reap. Who was worked on alone is to blame; the others may try again."""
        if self.watch is not None:
            self.watch.cancel()
        at = [number for number in self.at if number in self.jobs]
        for number, job in self.jobs.items():
            if not job.answer.done():
                blamed = at == [number]
                failure = ScanFailed(self.reason) if blamed else Bystander(suspect=number in at)
                job.answer.set_exception(failure)
        self.jobs.clear()
        self.writer.close()
        assert self.process.stdout is not None
        if not self.killed and self.process.stdout.at_eof():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_S):
                    await self.process.wait()  # it is about to end by itself
        self.kill()
        await self.process.wait()
        await self.process.stdout.read()  # to its end, so that the pipe closes while the event loop still runs


def _slow(budget: float) -> str:
    return f"it took longer than {budget:g} s"


def _because(error: str, budget: float) -> str:
    """The phrase for what the child calls `error`: a word of its own, or the name of an exception."""
    return _slow(budget) if error == "timeout" else _SAID.get(error, f"it broke with {error}")


def _scanned(frame: dict[str, Any]) -> tuple[Scanned, ...]:
    types = frame["types"]
    return tuple(
        Scanned(tuple(Span(types[place], start, end, score) for place, start, end, score in rows), tuple(seen), covered)
        for rows, seen, covered in zip(frame["units"], frame["languages"], frame["covered"], strict=True)
    )
