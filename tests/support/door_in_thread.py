"""A door in a thread of its own, for clients that block."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager


@contextlib.contextmanager
def in_thread(door: Callable[[], AbstractAsyncContextManager[str]]) -> Iterator[str]:
    """Bring a door up in a thread; its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made = door()
    base = asyncio.run_coroutine_threadsafe(made.__aenter__(), loop).result(30)
    try:
        yield base
    finally:
        asyncio.run_coroutine_threadsafe(made.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
