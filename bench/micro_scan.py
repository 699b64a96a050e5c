"""What the scan process does under load: batches, bystanders, memory.

    python bench/micro_scan.py [--seconds 5]

Prints, for this machine as it is loaded now: p50 and p99 of one scan of 300 words with and without names; thousands of
words a second for 64 waiting short texts, names looked for together and one at a time; the wait of a small request
alone and beside a stream of hostile texts; and the memory of both children. CPU time is that of the quick child for
one call, and says more than waits do where others work as well. Texts are made up here.
"""

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import psutil

from pipeline.adapters.pii import ProcessScanner, TieredScanner

PROSE = (
    "please write the report about our customer in Berlin and tell Marianne Voss that the invoice of Hartwell Foods "
    "was paid on Monday while the other one from Denver is still open because nobody answered when I called the office"
)
HOSTILE = ("1 ", "a.", "(((", "AB12 ", "0.0.0.")


def text(words: int, seed: int) -> str:
    """A text of that many words."""
    draw, words_of_it = random.Random(seed), PROSE.split()
    return " ".join(draw.choice(words_of_it) for _ in range(words))


@asynccontextmanager
async def scanner() -> AsyncIterator[TieredScanner]:
    """The scanner of a worker, loaded."""
    made = TieredScanner.with_children(start_wait_s=60.0)
    made.start()
    try:
        await made.scan([text(30, 1), text(2000, 2)], names=False)
        await made.scan([text(30, 1)], names=True)
        yield made
    finally:
        await made.stop()


async def waits(scan: Callable[[int], Awaitable[object]], seconds: float, pause: float = 0.0) -> list[float]:
    """Milliseconds of one call after the other; the first is the CPU time of one, on average, in the quick child."""
    taken, end, number, before = [0.0], time.perf_counter() + seconds, 0, quick_cpu()
    while time.perf_counter() < end or number < 20:
        number += 1
        began = time.perf_counter()
        await scan(number)
        taken.append(1e3 * (time.perf_counter() - began))
        await asyncio.sleep(pause)
    taken[0] = 1e3 * (quick_cpu() - before) / number
    return taken


def quick_cpu() -> float:
    """Seconds of CPU time of the child that was started with names."""
    children = [child for child in psutil.Process(os.getpid()).children() if "--names" in child.cmdline()]
    return sum(child.cpu_times().user + child.cpu_times().system for child in children)


def shown(name: str, taken: Sequence[float]) -> None:
    """One line."""
    cpu, *taken = taken
    cuts = statistics.quantiles(taken, n=100)
    waited = f"p50 {cuts[49]:7.2f}  p99 {cuts[98]:7.2f}  longest {max(taken):7.2f} ms"
    print(f"{name:50} CPU {cpu:6.2f}  {waited}  n {len(taken)}")


async def latency(made: TieredScanner, seconds: float) -> None:
    """300 words, each text new."""
    for names in (False, True):
        taken = await waits(lambda number, names=names: made.scan([text(300, number)], names=names), seconds)
        shown(f"300 words, names {names}", taken)


async def batches(words: int = 30, texts: int = 64) -> None:
    """Many short texts at once, and the same with batches of one."""
    for mode in ("together", "one at a time"):
        process = ProcessScanner(start_wait_s=60.0)
        try:
            await process.scan(["warm"], names=True)
            units = [text(words, number) for number in range(texts)]
            best, used = 0.0, quick_cpu()
            for _ in range(5):
                began = time.perf_counter()
                if mode == "together":
                    await asyncio.gather(*(process.scan([unit], names=True) for unit in units))
                else:
                    for unit in units:
                        await process.scan([unit], names=True)
                best = max(best, texts * words / (time.perf_counter() - began) / 1e3)
            cpu = 5 * texts * words / (quick_cpu() - used) / 1e3
            print(f"{texts} texts of {words} words, names, {mode:13} {best:9.1f} kwords/s, {cpu:.1f} in CPU time")
        finally:
            await process.stop()


async def bystanders(made: TieredScanner, seconds: float) -> None:
    """A small request each 10 ms, alone and beside one hostile megabyte after the other."""
    for names in (False, True):
        ask = lambda number, names=names: made.scan([f"{time.monotonic_ns()} {text(30, number)}"], names=names)  # noqa: E731
        shown(f"30 words, names {names}, alone", await waits(ask, seconds, 0.01))
        attack = asyncio.create_task(_hostile(made, names=names))
        shown(f"30 words, names {names}, beside hostile megabytes", await waits(ask, seconds, 0.01))
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)


async def _hostile(made: TieredScanner, *, names: bool) -> None:
    number = 0
    while True:
        number += 1
        piece = HOSTILE[number % len(HOSTILE)]
        await made.scan([piece * (1_000_000 // len(piece)) + str(number)], names=names)


def memory() -> None:
    """Resident memory of the children."""
    for child in psutil.Process(os.getpid()).children():
        print(f"{' '.join(child.cmdline()[2:]):58} {child.memory_info().rss / 2**20:9.0f} MiB")


async def run(seconds: float) -> None:
    """All figures."""
    async with scanner() as made:
        memory()
        await latency(made, seconds)
        await bystanders(made, seconds)
        memory()
    await batches()


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    asyncio.run(run(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
