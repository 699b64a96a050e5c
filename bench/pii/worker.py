"""Scans through the path of a worker: patterns in process, the scan process behind it, and a bystander beside it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from bench.pii.texts import dense, hostile
from pipeline.adapters.pii import TieredScanner

__all__ = ["Attack", "attack", "latencies", "worker"]

_EVERY: Final = 0.01


@asynccontextmanager
async def worker(budget_s: float = 2.0) -> AsyncIterator[TieredScanner]:
    """A scanner as the composition root builds it, loaded and warm."""
    scanner = TieredScanner.with_children(lambda: budget_s, start_wait_s=60.0)
    scanner.start()
    try:
        for number in range(5):
            await scanner.scan([dense(300, 10_000 + number)], names=True)
            await scanner.scan([dense(300, 10_000 + number)], names=False)
        yield scanner
    finally:
        await scanner.stop()


class Attack(NamedTuple):
    """Seconds until there was an answer, the answer's state, and how its bystanders fared.

    `bystander` is the longest that one waited, `asked` how many there were, `lost` how many were not scanned in full.
    """

    seconds: float
    state: str
    bystander: float
    asked: int
    lost: int


async def attack(scanner: TieredScanner, piece: str, size: int, *, names: bool) -> Attack:
    """Scan a hostile text while small requests go on."""
    waited: list[tuple[float, str]] = []
    over = asyncio.Event()
    beside = asyncio.create_task(_small_requests(scanner, waited, over, names=names))
    await asyncio.sleep(2 * _EVERY)
    started = time.perf_counter()
    report = await scanner.scan([hostile(piece, size)], names=names)
    seconds = time.perf_counter() - started
    over.set()
    await beside
    longest = max(wait for wait, _ in waited)
    return Attack(seconds, report.scan, longest, len(waited), sum(state != "complete" for _, state in waited))


async def _small_requests(
    scanner: TieredScanner, waited: list[tuple[float, str]], over: asyncio.Event, *, names: bool
) -> None:
    """One request after the other of thirty words, each new; every wait and state is noted."""
    number = time.monotonic_ns()
    while not over.is_set():
        number += 1
        text = dense(30, number)
        due = time.perf_counter() + _EVERY
        await asyncio.sleep(_EVERY)
        report = await scanner.scan([text], names=names)
        waited.append((time.perf_counter() - due, report.scan))


async def latencies(scanner: TieredScanner, texts: list[str], *, names: bool) -> list[float]:
    """Seconds of one scan after the other, waiting included."""
    taken = []
    for text in texts:
        started = time.perf_counter()
        await scanner.scan([text], names=names)
        taken.append(time.perf_counter() - started)
    return taken
