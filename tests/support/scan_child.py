"""A scanner over a scan process of a test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fakes_pii import ECHO, child

from pipeline.adapters.pii import ProcessScanner


@asynccontextmanager
async def scanner(
    folder: Path, body: str = ECHO, budget: float = 1.0, wait: float = 10.0, **more: float
) -> AsyncIterator[ProcessScanner]:
    made = ProcessScanner(lambda: budget, start_wait_s=wait, command=child(folder, body), **more)
    try:
        yield made
    finally:
        await made.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not holds():
            await asyncio.sleep(0.01)
