"""The child process: `python -m pipeline.adapters.pii.child`. It reads jobs from standard input until that ends.

    {id, units, names, languages, budget, alone}    a job; `alone`: its names are looked for by themselves
    {drop: id}                                      nobody waits for that job any more
    {engine, troubles}                              to the parent: loaded, or loaded more; what could not be used
    {loading}                                       to the parent: a language pipeline is being loaded
    {at: [ids]}                                     to the parent: what is worked on now
    {id, types, units, languages, covered}          an answer; a span is [place of its type, start, end, score]
    {id, error}                                     a word or the name of an exception, never its text

All jobs that have arrived are worked on together, step by step (see `steps`). The next step belongs to the job that
would end it first if all were worked on at once, so that small texts overtake large ones and none waits for ever:
weighted fair queueing (Demers, Keshav and Shenker 1989). Wishes for names are answered up to sixteen at a time. A job
whose own work takes longer than its budget is ended between two steps; the parent kills this process when one step
takes too long.

    --names LANGUAGE,...      load the language pipelines at once
    --extra MODULE:NAME,...   further Presidio recognisers, see `presidio.plugged_in`
"""

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final

from pipeline.adapters.pii import frames
from pipeline.adapters.pii.patterns import PATTERNS, PatternScanner
from pipeline.adapters.pii.steps import MOST_SPANS, Ask, Plain, Scanned, TooMany

__all__ = ["Desk", "Engines", "main"]

TOGETHER: Final = 16
"""Texts in one pass of a language pipeline. More are slower, and keep others waiting."""
TOGETHER_LONG: Final = 6000
"""Characters in one pass."""
_BEAT: Final = 0.02
_NAMES_COST: Final = 8
"""What a character costs the language pipeline, in characters of the patterns."""


class Engines:
    """What scans: patterns alone, until names or plugged-in recognisers are wanted.

    Args:
        extra: recognisers to plug in, as `package.module:Name`.
    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self._extra = tuple(extra)
        self._plain = Plain(PatternScanner().scan_text, PATTERNS)
        self._full: Any = None
        self._told: set[str] = set()

    @property
    def version(self) -> str:
        """What scans, with versions."""
        return str((self._full or self._plain).version)

    def news(self) -> dict[str, Any]:
        """What scans now, and what should but could not be loaded; each such trouble is told once."""
        troubles = () if self._full is None else self._full.troubles
        fresh = [trouble for trouble in troubles if trouble not in self._told]
        self._told.update(fresh)
        return {"engine": self.version, "troubles": fresh}

    def lacks(self, languages: Sequence[str]) -> bool:
        """Whether names in `languages` need something to be loaded first."""
        return self._full is None or not self._full.tongues.ready(languages)

    def load(self, languages: Sequence[str]) -> None:
        """Load what names in `languages` need, and what is plugged in."""
        if self._full is None:
            self._full = _analyzer(self._extra, languages)
        self._full.tongues.load(languages)

    def steps(self, unit: str, *, names: bool, languages: Sequence[str]) -> Any:
        """The scan of one text in steps."""
        if self._full is not None:
            return self._full.steps(unit, names=names, languages=languages)
        return self._plain.steps(unit)

    def entities(self, asks: Sequence[Ask]) -> list[Any]:
        """The named things that are asked for, all in one language."""
        found = iter(self._full.tongues.entities(asks[0].language, [text for ask in asks for text in ask.texts]))
        return [list(islice(found, len(ask.texts))) for ask in asks]


def _analyzer(extra: Sequence[str], languages: Sequence[str]) -> Any:
    from pipeline.adapters.pii.languages import LanguageGuess
    from pipeline.adapters.pii.names import SmallEngine
    from pipeline.adapters.pii.presidio import Analyzer, plugged_in, registry, stay_offline
    from pipeline.adapters.pii.tongues import Tongues

    stay_offline()
    engine = SmallEngine()
    return Analyzer(engine, registry(plugged_in(extra)), Tongues(engine, LanguageGuess(languages)))


@dataclass(slots=True)
class _Task:
    """A job at work. `next` is its next step, `tag` when that would end on the clock that all jobs share."""

    number: int
    job: dict[str, Any]
    steps: Any
    next: Any = 0
    tag: float = 0.0
    spent: float = 0.0

    @property
    def cost(self) -> int:
        """What its next step costs."""
        return _NAMES_COST * self.next.length if isinstance(self.next, Ask) else self.next


def _all_units(engines: Engines, job: dict[str, Any]) -> Any:
    """The scan of a whole job in steps; ends with what each unit holds."""
    scanned: list[Scanned] = []
    spans = 0
    for unit in job["units"]:
        scanned.append((yield from engines.steps(unit, names=job["names"], languages=job["languages"])))
        spans += len(scanned[-1].spans)
        if spans > MOST_SPANS:
            raise TooMany
    return scanned


def _answer(number: int, scanned: list[Scanned]) -> dict[str, Any]:
    places: dict[str, int] = {}
    rows = [
        [[places.setdefault(span.type, len(places)), span.start, span.end, span.score] for span in unit.spans]
        for unit in scanned
    ]
    languages, covered = [unit.languages for unit in scanned], [unit.covered for unit in scanned]
    return {"id": number, "types": list(places), "units": rows, "languages": languages, "covered": covered}


class Desk:
    """The jobs at work, and whose turn it is.

    Args:
        engines: what scans.
        answers: where frames to the parent go.
    """

    def __init__(self, engines: Engines, answers: BinaryIO) -> None:
        self._engines = engines
        self._answers = answers
        self._tasks: dict[int, _Task] = {}
        self._clock = 0.0  # how much each job got so far, had all been worked on at once
        self._told: tuple[float, list[int]] = (0.0, [])

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._tasks

    def send(self, value: object) -> None:
        """Tell the parent."""
        self._answers.write(frames.pack(value))
        self._answers.flush()

    def take(self, frame: dict[str, Any]) -> None:
        """A job, or word that one is not needed any more."""
        if "drop" in frame:
            if self._tasks.pop(frame["drop"], None) is not None:
                self.send({"id": frame["drop"], "error": "dropped"})
            return
        number = frame["id"]
        try:
            self._prepare(frame)
        except Exception as error:  # noqa: BLE001 - a pipeline that does not load is this job's trouble
            self.send({"id": number, "error": type(error).__name__})
            return
        task = _Task(number, frame, _all_units(self._engines, frame), tag=self._clock)
        self._tasks[number] = task
        self._advance(task, None)

    def _prepare(self, job: dict[str, Any]) -> None:
        if job["names"] and self._engines.lacks(job["languages"]):
            self.send({"loading": True})
            self._engines.load(job["languages"])
            self.send(self._engines.news())

    def turn(self) -> None:
        """One step of the job whose step ends first, or the names of several."""
        first = min(self._tasks.values(), key=_tag)
        tasks = self._together(first) if isinstance(first.next, Ask) else [first]
        self._clock += sum(task.cost for task in tasks) / len(self._tasks)
        self._at(tasks)
        if isinstance(first.next, Ask):
            self._names(tasks)
        else:
            self._advance(first, None)

    def _at(self, tasks: list[_Task]) -> None:
        """Tell what is worked on now; while it is the same, now and then."""
        now, numbers = time.monotonic(), [task.number for task in tasks]
        if numbers != self._told[1] or now - self._told[0] > _BEAT:
            self._told = now, numbers
            self.send({"at": numbers})

    def _together(self, first: _Task) -> list[_Task]:
        """Those whose wishes are answered with that of `first`."""
        if first.job["alone"]:
            return [first]
        chosen, length, texts = [first], first.next.length, len(first.next.texts)
        for task in sorted(self._tasks.values(), key=_tag):
            if task is first or not isinstance(task.next, Ask) or task.job["alone"]:
                continue
            if task.next.language != first.next.language:
                continue
            length, texts = length + task.next.length, texts + len(task.next.texts)
            if texts > TOGETHER or length > TOGETHER_LONG:
                break
            chosen.append(task)
        return chosen

    def _names(self, tasks: list[_Task]) -> None:
        """Answer the wishes of `tasks`; when that goes wrong each by itself, so that one text fails its own job."""
        began = time.monotonic()
        try:
            answers = self._engines.entities([task.next for task in tasks])
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer to a job, not the end of the child
            if len(tasks) == 1:
                self._fail(tasks[0], type(error).__name__)
                return
            for task in tasks:
                self._at([task])
                self._names([task])
            return
        share = (time.monotonic() - began) / len(tasks)
        for task, answer in zip(tasks, answers, strict=True):
            task.spent += share
            self._advance(task, answer)

    def _advance(self, task: _Task, given: Any) -> None:
        """Take the next step of a job, and answer when it was the last."""
        began = time.monotonic()
        try:
            task.next = task.steps.send(given)
        except StopIteration as end:
            del self._tasks[task.number]
            self.send(_answer(task.number, end.value))
        except TooMany:
            self._fail(task, "too many findings")
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(task, type(error).__name__)
        else:
            task.spent += time.monotonic() - began
            task.tag += task.cost
            if task.spent > task.job["budget"]:
                self._fail(task, "timeout")

    def _fail(self, task: _Task, error: str) -> None:
        del self._tasks[task.number]
        self.send({"id": task.number, "error": error})


def _tag(task: _Task) -> float:
    return task.tag


def serve(jobs: int, answers: BinaryIO, *, names: Sequence[str] = (), extra: Sequence[str] = ()) -> None:
    """Answer jobs until the parent closes the pipe with descriptor `jobs`."""
    engines = Engines(extra)
    if names or extra:
        engines.load(names or ("en",))
    inbox, desk = frames.Inbox(jobs), Desk(engines, answers)
    desk.send(engines.news())
    gc.collect()
    gc.freeze()  # what is loaded stays: looking through it again and again is a pause in the middle of a scan
    while not inbox.ended:
        for frame in inbox.take(wait=desk.idle):
            desk.take(frame)
        if not desk.idle:
            desk.turn()


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes to standard error instead."""
    parser = argparse.ArgumentParser()
    for option in ("--names", "--extra"):
        parser.add_argument(option, type=_listed, default=())
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.fileno(), answers, names=given.names, extra=given.extra)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(filter(None, value.split(",")))


if __name__ == "__main__":
    main()
