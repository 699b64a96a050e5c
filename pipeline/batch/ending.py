"""Ending what runs beside."""

import asyncio
from collections.abc import Collection
from typing import Any, Final

__all__ = ["end_all"]

AGAIN_S: Final = 0.5


async def end_all(tasks: "Collection[asyncio.Task[Any]]") -> None:
    """Cancel the tasks, and again those that go on: a wait that ends in the same moment swallows a cancellation.

    Returns when all have ended, however they did.
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN_S)
