"""How fast personal data is found, beside Presidio as it comes, and what hostile texts and random chunks do.

    make bench-pii
    make bench-pii ARGS=--json
    python -m bench.pii.speed [DATA] [--quick] [--json] [--markdown]

Speeds and the time of 300 words are CPU time of one core in this process, one text after the other, our scanners and
Presidio in turn on the same texts. Hostile texts go through the path of a worker and are wall-clock time, which a busy
machine makes longer. Every text is new: no memory of units helps.
"""

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.pii import engines
from bench.pii.engines import Engine
from bench.pii.rows import Data, Skipped, default_folder
from bench.pii.table import Figure, as_data, missed, print_figures
from bench.pii.texts import HOSTILE, dense, hostile, plain
from bench.pii.worker import Attack, attack, latencies, worker

__all__ = ["PARTS", "QUICK", "Run", "Size", "main"]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    texts: int = 200
    passes: int = 3
    splits: int = 1_000_000
    redactions: int = 4_000
    requests: int = 10_000
    pieces: int = len(HOSTILE)
    kilobytes: tuple[int, ...] = (50, 1024)
    names: bool = True


QUICK: Final = Size(texts=10, passes=1, splits=2_000, redactions=64, requests=40, pieces=3, kilobytes=(50,))
WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Run:
    """How much, from which seed, on which data."""

    size: Size
    seed: int
    data: Data


Part = Callable[[Run], Iterator[Figure]]


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _kwords(engine: Engine, passes: Sequence[Sequence[str]], at_once: int = 1) -> float:
    """Thousands of words per CPU second, the best of several passes over different texts."""
    best = 0.0
    for texts in passes:
        words = sum(len(text.split()) for text in texts)
        groups = [texts[at : at + at_once] for at in range(0, len(texts), at_once)]
        work = engine.together if at_once > 1 else lambda group: engine.scan(group[0])
        best = max(best, words / 1000 / _cpu(lambda groups=groups, work=work: [work(group) for group in groups]))
    return best


def speeds(run: Run) -> Iterator[Figure]:
    """Thousands of words per second and core, of patterns, of names, and of Presidio."""
    section = "kwords/s of one core"
    ours = engines.patterns()
    whole, rival = (engines.names(), engines.presidio()) if run.size.names else (None, None)
    for engine in filter(None, (ours, whole, rival)):
        engine.scan(dense(WORDS, -1))
    for name, passes in _sets(run):
        value, beside = _kwords(ours, passes), _kwords(rival, _fewer(passes[:1], 10)) if rival else None
        mark = ">= 130" if name == "dense texts" else ">= 600"
        yield Figure(section, f"patterns, {name}", value, mark, 0, None, _times(value, beside), "kwords/s")
    for name, make, at_once in _NAMED if whole and rival else ():
        made = range(run.seed, run.seed + max(run.size.texts, at_once))
        passes = _fewer([[make(n + 40_000 * p) for n in made] for p in range(run.size.passes)], 2)
        value, beside = _kwords(whole, passes, at_once), _kwords(rival, _fewer(passes[:1], 5))
        yield Figure(section, f"names, {name}", value, ">= 15", 0, None, _times(value, beside), "kwords/s")


_NAMED: Final = (
    ("plain texts", partial(plain, WORDS), 1),
    ("dense texts", partial(dense, WORDS), 1),
    ("sixteen plain prompts at once", partial(plain, 50), 16),
)


def _fewer(passes: Sequence[Sequence[str]], part: int) -> list[Sequence[str]]:
    return [texts[: max(3, len(texts) // part)] for texts in passes]


def _times(value: float, beside: float | None) -> str:
    return f"default Presidio {beside:.1f}, {value / beside:.1f} times" if beside else ""


def _sets(run: Run) -> Iterator[tuple[str, list[list[str]]]]:
    for name, make in (("plain prompts", partial(plain, 50)), ("dense texts", partial(dense, WORDS))):
        yield name, [[make(run.seed + 10_000 * p + n) for n in range(run.size.texts)] for p in range(run.size.passes)]
    try:
        yield "GSM8K questions", [run.data.texts("gsm8k-four-systems")[: 3 * run.size.texts]]
    except Skipped:
        return


def waits(run: Run) -> Iterator[Figure]:
    """CPU time of 300 words, each engine on each text in turn."""
    section = f"CPU time of {WORDS} words"
    made = [engines.patterns(), *([engines.names(), engines.presidio()] if run.size.names else [])]
    taken: dict[str, list[float]] = {engine.name: [] for engine in made}
    for number in range(-5, run.size.texts):
        text = (dense if number % 2 else plain)(WORDS, run.seed + 77_000 + number)
        for engine in made:
            seconds = _cpu(lambda engine=engine, text=text: engine.scan(text))
            if number >= 0:
                taken[engine.name].append(1000 * seconds)
    marks = {"patterns": (5, 0.05), "patterns and names": (35, 0.35)}
    rival = taken.get("default Presidio")
    for name, values in taken.items():
        bound, share = marks.get(name, (0, 0))
        yield Figure(section, f"{name}, p50", _quantile(values, 0.5), "", len(values), unit="ms")
        mark = f"<= {bound}" if bound else ""
        yield Figure(section, f"{name}, p99", _quantile(values, 0.99), mark, len(values), unit="ms")
        if rival and bound:
            ratio = _quantile(values, 0.99) / _quantile(rival, 0.99)
            yield Figure(section, f"{name}, p99 over default Presidio's", ratio, f"<= {share}", len(values))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def through_worker(run: Run) -> Iterator[Figure]:
    """The wait of a request at a worker, and hostile texts beside small requests."""
    yield from asyncio.run(_through_worker(run.size, run.seed))


async def _through_worker(size: Size, seed: int) -> list[Figure]:
    figures: list[Figure] = []
    async with worker() as scanner:
        for names in (False, True):
            texts = [dense(WORDS, seed + 99_000 + 500 * names + n) for n in range(size.texts)]
            taken = [1000 * value for value in await latencies(scanner, texts, names=names)]
            for share in (0.5, 0.99):
                measure = f"{'with' if names else 'without'} names, p{100 * share:g}"
                value = _quantile(taken, share)
                figures.append(Figure(f"wait for {WORDS} words at a worker", measure, value, "", len(taken), unit="ms"))
        for kilobytes in size.kilobytes:
            for names in (False, True):
                found = {piece: await attack(scanner, piece, 1024 * kilobytes, names=names)
                         for piece in HOSTILE[: size.pieces]}  # fmt: skip
                figures.extend(_hostile(kilobytes, names, found))
    return figures


def _hostile(kilobytes: int, names: bool, found: dict[str, Attack]) -> Iterator[Figure]:
    section = f"{kilobytes} KB of hostile text at a worker, {'with' if names else 'without'} names"
    worst = sorted(found.items(), key=lambda item: -item[1].seconds)
    note = ", ".join(f"{piece!r} {one.seconds:.2f} s {one.state}" for piece, one in worst[:6])
    states = {one.state for one in found.values()}
    mark = "<= 0.5" if kilobytes == 50 else "<= 3"
    yield Figure(section, "slowest answer", worst[0][1].seconds, mark, len(found), None, note, "s")
    bad = sum(one.state not in ("complete", "partial", "failed") for one in found.values())
    note = ", ".join(f"{state} {sum(one.state == state for one in found.values())}" for state in sorted(states))
    yield Figure(section, "texts without an answer", bad, "<= 0", len(found), None, note)
    beside = max(found.items(), key=lambda item: item[1].bystander)
    note = f"beside {beside[0]!r}"
    yield Figure(section, "longest wait of a bystander", beside[1].bystander, "<= 0.5", len(found), None, note, "s")
    lost = {piece: one.lost for piece, one in found.items() if one.lost}
    note = ", ".join(f"beside {piece!r} {number}" for piece, number in lost.items())
    asked = sum(one.asked for one in found.values())
    yield Figure(section, "bystanders without a complete scan", sum(lost.values()), "<= 0", asked, None, note)


def in_process(run: Run) -> Iterator[Figure]:
    """CPU time of hostile texts in the pattern tier alone."""
    ours = engines.patterns()
    for kilobytes in run.size.kilobytes:
        texts = {piece: hostile(piece, 1024 * kilobytes) for piece in HOSTILE[: run.size.pieces]}
        taken = {piece: _cpu(partial(ours.scan, text)) for piece, text in texts.items()}
        worst = sorted(taken.items(), key=lambda item: -item[1])
        note = ", ".join(f"{piece!r} {seconds:.2f}" for piece, seconds in worst[:6])
        mark = "<= 0.5" if kilobytes == 50 else ""
        measure = f"{kilobytes} KB, slowest"
        yield Figure("CPU time of hostile text, patterns", measure, worst[0][1], mark, len(taken), None, note, "s")


def streams(run: Run) -> Iterator[Figure]:
    """Random splits of streams."""
    from bench.pii.streams import redacted, restored

    for name, work, splits in (("restored", restored, run.size.splits), ("redacted", redacted, run.size.redactions)):
        try:
            done = work(splits, run.seed)
        except ImportError as error:
            yield Figure("random splits of streams", f"{name}, mismatches", None, note=f"{error.name} is not there")
            continue
        note = f"{done.changed} had something to change"
        note += f", at most {done.held} characters held" if done.held else ""
        yield Figure(
            "random splits of streams", f"{name}, mismatches", done.mismatches, "<= 0", done.splits, None, note
        )


def residency(run: Run) -> Iterator[Figure]:
    """Generated requests under random policies, to targets that fail: what reached whom it must not reach."""
    from bench.pii.residency import fuzz

    tally = asyncio.run(fuzz(run.size.requests, run.seed))
    measure = "requests, policies and failing targets: violations"
    yield Figure("residency", measure, len(tally.violations), "<= 0", run.size.requests)


PARTS: Final[tuple[Part, ...]] = (speeds, waits, in_process, through_worker, streams, residency)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.pii.speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", default=None, help="folder of evaluation data")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--markdown", action="store_true", help="for documents")
    parser.add_argument("--seed", type=int, default=7, help="of all texts")
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    parser.add_argument("--only", choices=[part.__name__ for part in PARTS], help="one part")
    given = parser.parse_args()
    engines.settle_threads()
    run = Run(QUICK if given.quick else Size(), given.seed, Data(given.data or default_folder()))
    parts = [part for part in PARTS if given.only in (None, part.__name__)]
    figures: list[Figure] = []
    for part in parts:
        print(f"{part.__name__} ...", file=sys.stderr)
        figures.extend(part(run))
    head = {"seed": given.seed, "python": platform.python_version(), "missed": len(missed(figures))}
    if given.json:
        print(json.dumps({**head, "figures": as_data(figures)}, indent=2))
    else:
        print(", ".join(f"{name} {value}" for name, value in head.items()))
        print_figures(figures, markdown=given.markdown)


if __name__ == "__main__":
    main()
