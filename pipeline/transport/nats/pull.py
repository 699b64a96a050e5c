"""Continuous pull from a durable consumer: asks for as much as there is room, and asks again before it runs dry.

nats-py's own `fetch` stalls between calls; this keeps requests open and counts what each of them still owes.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from typing import Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from pipeline.transport.nats.mux import status_of

__all__ = ["Puller"]

_log = logging.getLogger("stepwell.nats")

EXPIRES_S: Final = 30.0
HEARTBEAT_S: Final = 5.0
SILENT_S: Final = 12.0
"""Without a word for so long a request is taken for lost, for instance because the server restarted."""
TICK_S: Final = 1.0
_NANO: Final = 1_000_000_000


class Puller:
    """Feeds messages of one consumer to `take`, never more than `slots` at a time."""

    def __init__(self, client: Client, stream: str, consumer: str, slots: int, take: Callable[[Msg], None]) -> None:
        self._client = client
        self._inbox = client.new_inbox() + "."
        self._numbers = itertools.count()
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._consumer = consumer
        self._slots = slots
        self._take = take
        self._busy = 0
        self._owed: dict[str, int] = {}
        self._heard = 0.0
        self._stopped = False
        self._room = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Ask for the first messages."""
        self._heard = asyncio.get_running_loop().time()
        self._subscription = await self._client.subscribe(self._inbox + "*", cb=self._receive)
        await self._refill()
        self._loop = asyncio.create_task(self._keep_asking())

    async def stop(self) -> None:
        """Ask for no more. What arrives all the same is handed back at once."""
        self._stopped = True
        if self._loop is not None:
            self._loop.cancel()
        self._owed.clear()
        if self._subscription is not None:
            await self._subscription.drain()

    def ask_again(self) -> None:
        """The connection was lost and is back: nothing that was asked before will be answered."""
        self._owed.clear()
        self._room.set()

    def done(self) -> None:
        """A message that was taken is settled: there is room for another one."""
        self._busy -= 1
        if self._wants():
            self._room.set()

    def _wants(self) -> bool:
        owed = sum(self._owed.values())
        return not self._stopped and owed + self._busy < self._slots and owed <= self._slots // 4

    async def _refill(self) -> None:
        if not self._wants():
            return
        wanted = self._slots - self._busy - sum(self._owed.values())
        address = self._inbox + str(next(self._numbers))
        self._owed[address] = wanted
        question = {"batch": wanted, "expires": int(EXPIRES_S * _NANO), "idle_heartbeat": int(HEARTBEAT_S * _NANO)}
        try:
            await self._client.publish(self._subject, orjson.dumps(question), reply=address)
        except (NatsError, OSError):
            self._owed.pop(address, None)

    async def _receive(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = status_of(message)
        if status is None and self._stopped:
            await self._client.publish(message.reply, b"-NAK")
        elif status is None:
            self._got(message)
        elif status != "100":
            self._ended(message.subject, status, message)

    def _got(self, message: Msg) -> None:
        """A message. It keeps its own subject, so it is counted for the oldest request: they are served in order."""
        oldest = next(iter(self._owed), None)
        if oldest is not None:
            self._owed[oldest] -= 1
            if self._owed[oldest] <= 0:
                del self._owed[oldest]
        self._busy += 1
        self._take(message)
        if self._wants():
            self._room.set()

    def _ended(self, address: str, status: str, message: Msg) -> None:
        """The request is over: it expired (408), found nothing (404), or the consumer moved or is gone (409, 503)."""
        self._owed.pop(address, None)
        if status in ("409", "503"):
            text = (message.headers or {}).get("Description", "nobody answers")
            _log.info("pull from %s ended: %s; asking again shortly", self._consumer, text)
            return  # the next tick asks again, so that a missing consumer is not hammered
        if self._wants():
            self._room.set()

    async def _keep_asking(self) -> None:
        """Ask when there is room, and once in a while whether the last request is still alive."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), TICK_S)
            self._room.clear()
            if loop.time() - self._heard > SILENT_S:
                self._heard = loop.time()
                self._owed.clear()
            await self._refill()
