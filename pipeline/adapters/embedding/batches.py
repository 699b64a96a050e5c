"""One encoder for many requests: texts that come within a few milliseconds go through it together.

A text that comes alone waits for nobody: batches form while one is being encoded, and grow with the load. The same
text asked for twice is encoded once, also while it is under way.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pipeline.adapters.embedding.minilm import Floats

__all__ = ["KEPT", "LARGEST", "LINGER_S", "Batches"]

LARGEST: Final = 16
"""Texts in one batch at most."""
LINGER_S: Final = 0.002
"""How long a batch waits for more, where requests have lately come together; one that comes alone goes at once."""
KEPT: Final = 512
"""Vectors that are kept: a request that was looked up is remembered with the same one."""


class Batches:
    """Vectors of texts, encoded off the event loop. Belongs to one event loop.

    Args:
        encode: encodes texts, in a thread of its own.
        largest: texts in one batch at most.
        linger_s: how long a batch waits for more.
    """

    def __init__(
        self, encode: Callable[[Sequence[str]], Floats], *, largest: int = LARGEST, linger_s: float = LINGER_S
    ) -> None:
        self._encode = encode
        self._largest = largest
        self._linger_s = linger_s
        self._thread = ThreadPoolExecutor(1, "stepwell-embedding")
        self._asked: OrderedDict[str, asyncio.Future[Floats]] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Floats]] = {}
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._sender: asyncio.Task[None] | None = None
        self._last = 0

    async def vector(self, text: str) -> Floats:
        """The vector of one text. Raises what `encode` raised."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        waiting = self._asked.get(text) or self._under_way.get(text)
        if waiting is None:
            waiting = self._asked[text] = asyncio.get_running_loop().create_future()
            # Whoever asked may have stopped waiting: an error that nobody reads is no defect.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._empty())
        # Others may wait for the same text: one who stops waiting stops alone.
        return await asyncio.shield(waiting)

    async def close(self) -> None:
        """Encode nothing any more; who still waits is cancelled."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        for waiting in (*self._asked.values(), *self._under_way.values()):
            waiting.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _empty(self) -> None:
        while self._asked:
            if len(self._asked) < self._largest and self._last > 1:
                await asyncio.sleep(self._linger_s)
            batch = [self._asked.popitem(last=False) for _ in range(min(self._largest, len(self._asked)))]
            self._under_way = dict(batch)
            self._last = len(batch)
            await self._encoded(batch)
            self._under_way = {}
        self._last = 0

    async def _encoded(self, batch: Sequence[tuple[str, "asyncio.Future[Floats]"]]) -> None:
        texts = [text for text, _ in batch]
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, texts)
        except Exception as error:  # noqa: BLE001  whoever asked is told of any failure
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (text, waiting), row in zip(batch, rows, strict=True):
            self._keep(text, row)
            if not waiting.done():
                waiting.set_result(row)

    def _keep(self, text: str, row: Floats) -> None:
        self._kept[text] = row
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
