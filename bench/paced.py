"""Interactive requests at a fixed rate, whatever became of those before."""

import asyncio
from collections.abc import Callable

from bench.drive import Ask, Latencies
from pipeline.client import DEFAULT_TIMEOUT_S
from pipeline.errors import StepwellError

__all__ = ["Paced"]


class Paced:
    """Interactive requests every 1/rate seconds, whether or not earlier ones were answered."""

    def __init__(self, ask: Ask, rate: float) -> None:
        self._ask = ask
        self._rate = rate
        self._seconds: list[float] = []
        self.failed = 0

    async def run(self, enough: Callable[[], bool]) -> Latencies:
        """Ask until it is enough. The latencies of all, those that failed with all that their callers would wait."""
        loop = asyncio.get_running_loop()
        start, number, tasks = loop.time(), 0, set[asyncio.Task[None]]()
        while not enough():
            task = asyncio.ensure_future(self._one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(max(0.0, start + number / self._rate - loop.time()))
        await asyncio.gather(*tasks)
        return Latencies(tuple(sorted(self._seconds)))

    async def _one(self, number: int) -> None:
        try:
            self._seconds.append(await self._ask(number))
        except (StepwellError, RuntimeError):
            self.failed += 1
            self._seconds.append(DEFAULT_TIMEOUT_S)
