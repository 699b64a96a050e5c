"""The work queue of this process, what a worker holds of it, and the caller who waits for the end."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.contracts import Chunk, Lane, Reply, StageName
from pipeline.ports import Caller, Handler
from pipeline.topology import ROWS, later_subject
from pipeline.transport.answers import error_headers, inbox_body
from pipeline.transport.claims import Claims
from pipeline.transport.memory.core import MemoryCore
from pipeline.transport.memory.subjects import matches
from pipeline.transport.turns import Turns

__all__ = ["MemoryTransport"]


@dataclass(slots=True)
class MemoryDelivery:
    """A message held by a worker of this process."""

    stage: StageName
    lane: Lane
    body: bytes
    delivered: int
    transport: "MemoryTransport"
    row: int = 0
    tenant: str = ""
    settled: bool = False
    durable: bool = True

    async def working(self) -> None:
        """Nothing times out in memory."""

    async def ack(self) -> None:
        """Done."""
        self.settled = True

    async def retry(self, delay_s: float) -> None:
        """Back into the queue after the delay."""
        self.settled = True
        self.transport.redeliver(self, delay_s)


class MemoryCaller:
    """A caller who waits at an inbox of this process."""

    def __init__(self, core: MemoryCore, address: str, streaming: bool) -> None:
        self._core = core
        self._address = address
        self._streaming = streaming

    async def chunk(self, chunk: Chunk) -> bool:
        """Send a piece; False when nobody listens any more."""
        await self._core.publish(self._address, chunk.model_dump_json().encode())
        return self._core.listens(self._address)

    async def reply(self, reply: Reply) -> None:
        """Send the reply, and the empty message that ends a stream."""
        body = reply.model_dump_json(exclude_none=True).encode()
        await self._core.publish(self._address, inbox_body(reply, body), error_headers(reply.error))
        if self._streaming:
            await self._core.publish(self._address, b"")


class MemoryTransport:
    """Queues in memory. A message whose worker vanished is not noticed: there are no other processes."""

    def __init__(self, core: MemoryCore, claims: Claims) -> None:
        self._core = core
        self._claims = claims
        self._queues: dict[tuple[Lane, StageName], Turns[MemoryDelivery]] = {}
        self._wake: dict[tuple[Lane, StageName], asyncio.Event] = defaultdict(asyncio.Event)
        self._seen: set[str] = set()
        self._later: dict[str, tuple[asyncio.TimerHandle, MemoryDelivery]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._on_the_way: dict[Lane, Counter[str]] = defaultdict(Counter)

    async def on_the_way(self, lane: Lane) -> Mapping[str, int]:
        """How many messages of each tenant wait or are held."""
        return +self._on_the_way[lane]

    def _queue(self, lane: Lane, stage: StageName) -> Turns[MemoryDelivery]:
        return self._queues.setdefault((lane, stage), Turns(ROWS[lane]))

    def _put(self, delivery: MemoryDelivery) -> None:
        self._on_the_way[delivery.lane][delivery.tenant] += 1
        self._queue(delivery.lane, delivery.stage).put(delivery.row, delivery)
        self._wake[delivery.lane, delivery.stage].set()

    def redeliver(self, delivery: MemoryDelivery, delay_s: float) -> None:
        """Deliver again, later."""
        again = replace(delivery, delivered=delivery.delivered + 1, settled=False)
        asyncio.get_running_loop().call_later(delay_s, self._put, again)

    async def hand_over(self, lane: Lane, stage: StageName, body: bytes, message_id: str, row: int = 0) -> bool:
        """Queue `body` for `stage`."""
        if message_id in self._seen:
            return False
        self._seen.add(message_id)
        body = await self._claims.deposit(message_id, body)
        self._put(MemoryDelivery(stage, lane, body, 1, self, row, message_id.partition(".")[0]))
        return True

    async def postpone(
        self, lane: Lane, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        """Queue `body` for `stage`, later."""
        if message_id in self._seen:
            return False
        self._seen.add(message_id)
        body = await self._claims.deposit(message_id, body)
        delivery = MemoryDelivery(stage, lane, body, 1, self, row, message_id.partition(".")[0])
        place = later_subject(lane, stage, message_id)
        timer = asyncio.get_running_loop().call_later(max(0.0, delay_s), self._due, place)
        self._later[place] = timer, delivery
        return True

    def _due(self, place: str) -> None:
        self._put(self._later.pop(place)[1])

    async def wake(self, lane: Lane, key: str) -> bool:
        """Hand out what waits."""
        found = [place for place in self._later if matches(f"step.later.{lane}.*.{key}.>", place)]
        for place in found:
            self._later[place][0].cancel()
            self._due(place)
        return bool(found)

    async def consume(self, stage: StageName, lane: Lane, handler: Handler, slots: int) -> None:
        """Start handing out."""
        self._loops.append(asyncio.create_task(self._pump(stage, lane, handler, asyncio.Semaphore(slots))))

    async def _pump(self, stage: StageName, lane: Lane, handler: Handler, slots: asyncio.Semaphore) -> None:
        queue, wake = self._queue(lane, stage), self._wake[lane, stage]
        while True:
            await slots.acquire()
            while not queue.waiting:
                wake.clear()
                await wake.wait()
            task = asyncio.ensure_future(self._hand_out(handler, queue.take()))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: slots.release())

    async def _hand_out(self, handler: Handler, delivery: MemoryDelivery) -> None:
        reference = delivery.body
        try:
            delivery.body = await self._claims.collect(reference) or reference
            await handler(delivery)
        finally:
            self._on_the_way[delivery.lane][delivery.tenant] -= 1

    def seize(self, _stage: StageName, _lane: Lane) -> Callable[[], None] | None:
        """Everything goes through the queue here."""
        return None

    def caller(self, address: str, streaming: bool) -> Caller:
        """The caller at `address`."""
        return MemoryCaller(self._core, address, streaming)

    async def stop(self, grace_s: float) -> None:
        """Take no more and let what runs end."""
        for loop in self._loops:
            loop.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
