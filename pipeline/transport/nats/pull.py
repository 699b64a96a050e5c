"""Continuous pull from the rows of a queue: asks for as much as there is room, and asks again before it runs dry.

nats-py's own `fetch` stalls between calls; this keeps requests open and counts what each of them still owes. Each row
has a consumer of its own, and a request is open to each of them, so that no row waits for another one; what comes from
several of them while all slots are taken waits here, a little from each, and is served in turn.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from pipeline.transport.nats.mux import status_of
from pipeline.transport.nats.straight import listen, post, put
from pipeline.transport.turns import Turns

__all__ = ["Puller", "row_of"]

_log = logging.getLogger("stepwell.nats")

EXPIRES_S: Final = 30.0
HEARTBEAT_S: Final = 5.0
SILENT_S: Final = 12.0
"""Without a word for so long a request is taken for lost, for instance because the server restarted."""
TICK_S: Final = 1.0
AHEAD: Final = 8
"""Of each row, one for so many slots is pulled ahead while all slots are taken; where there is but one row, none."""
KEEP_S: Final = 1.0
"""How often the server is told that what waits here is still ours."""
_NANO: Final = 1_000_000_000


def row_of(subject: str) -> int:
    """The row that a message stood in: `step.<lane>.<stage>.<row>.<tenant>`, or none was named."""
    tokens = subject.split(".", 4)
    return int(tokens[3]) if len(tokens) > 4 else 0


class _Row:
    """One consumer, and what it was asked for."""

    def __init__(self, stream: str, consumer: str) -> None:
        self.consumer = consumer
        self.subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self.owed: dict[str, int] = {}
        self.owes = 0
        """In all."""
        self.heard = 0.0
        self.missed = False
        """It was said that nobody hands it out."""

    def ask(self, address: str, wanted: int) -> None:
        self.owed[address] = wanted
        self.owes += wanted

    def end(self, address: str) -> None:
        self.owes -= self.owed.pop(address, 0)

    def forget(self) -> None:
        self.owed.clear()
        self.owes = 0

    def got(self) -> None:
        """A message. It keeps its own subject, so it is counted for the oldest request: they are served in order."""
        oldest = next(iter(self.owed), None)
        if oldest is None:
            return
        self.owes -= 1
        self.owed[oldest] -= 1
        if self.owed[oldest] <= 0:
            del self.owed[oldest]


class _Ahead:
    """A message that waits here for its turn."""

    __slots__ = ("kept_at", "message")

    def __init__(self, message: Msg, now: float) -> None:
        self.message = message
        self.kept_at = now


class Puller:
    """Feeds messages of the rows to `take`, never more than `slots` at a time.

    Args:
        client: the connection.
        stream: where the consumers are.
        consumers: one for each row, the front one first.
        slots: how many messages are taken at a time, until `limit` says otherwise.
        take: takes one.
    """

    def __init__(
        self, client: Client, stream: str, consumers: Sequence[str], slots: int, take: Callable[[Msg], None]
    ) -> None:
        self._client = client
        self._inbox = client.new_inbox() + "."
        self._numbers = itertools.count()
        self._rows = [_Row(stream, consumer) for consumer in consumers]
        self._slots = slots
        self._ahead = max(1, slots // AHEAD) if len(consumers) > 1 else 0
        self._turns: Turns[_Ahead] = Turns(len(consumers) - 1)
        self._take = take
        self.busy = 0
        """How many are being worked on."""
        self.taken = 0
        """How many ever were."""
        self._stopped = False
        self._room = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Ask for the first messages."""
        now = asyncio.get_running_loop().time()
        for row in self._rows:
            row.heard = now
        self._subscription = await listen(self._client, self._inbox + "*", self._receive)
        await self._refill()
        self._loop = asyncio.create_task(self._keep_asking())

    async def stop(self) -> None:
        """Ask for no more. What arrives all the same, and what waits for its turn, is handed back at once."""
        self._stopped = True
        if self._loop is not None:
            self._loop.cancel()
        for row in self._rows:
            row.forget()
        for waiting in self._turns.clear():
            await self._client.publish(waiting.message.reply, b"-NAK")
        if self._subscription is not None:
            await self._subscription.drain()

    def ask_again(self) -> None:
        """The connection was lost and is back: nothing that was asked before will be answered."""
        for row in self._rows:
            row.forget()
        self._room.set()

    def done(self) -> None:
        """A message that was taken is settled: there is room for another one."""
        self.busy -= 1
        if self._turns.waiting:
            self._serve()
        if not self._room.is_set() and self._wants():
            self._room.set()

    def _wants(self) -> bool:
        """Whether a row has to be asked since a slot is free. What a row behind may fill grows while few are alone."""
        few = self._slots - self.busy - self._turns.waiting <= self._slots // 4
        return any(self._wanted(number) for number in (range(len(self._rows)) if few else (0,)))

    def limit(self, slots: int) -> None:
        """Take so many at a time from now on. What is being worked on goes on."""
        more, self._slots = slots > self._slots, slots
        if more:
            self._serve()
            if self._wanted(0) > 0:
                self._room.set()

    def seize(self) -> bool:
        """Take a slot for work that does not come from the rows, if one is free and nobody waits; then `done` it."""
        if self._stopped or self._turns.waiting or self.busy >= self._slots:
            return False
        self.busy += 1
        self.taken += 1
        return True

    def _serve(self) -> None:
        """Begin what waits here, while there is room."""
        while self._turns.waiting and self.busy < self._slots and not self._stopped:
            self._begin(self._turns.take().message)

    def _begin(self, message: Msg) -> None:
        self.busy += 1
        self.taken += 1
        self._take(message)

    def _wanted(self, number: int) -> int:
        """How many to ask a row for now. The front one may fill all slots that are free, another one a part of them."""
        if self._stopped:
            return 0
        free = self._slots - self.busy - self._turns.waiting
        goal = max(free if number == 0 else min(free, self._slots // 4), self._ahead)
        there = self._rows[number].owes + self._turns.held(number)
        return goal - there if there <= goal // 2 else 0

    async def _refill(self) -> None:
        for number, row in enumerate(self._rows):
            wanted = self._wanted(number)
            if wanted > 0:
                await self._ask(row, number, wanted)

    async def _ask(self, row: _Row, number: int, wanted: int) -> None:
        address = f"{self._inbox}{next(self._numbers)}-{number}"
        row.ask(address, wanted)
        question = {"batch": wanted, "expires": int(EXPIRES_S * _NANO), "idle_heartbeat": int(HEARTBEAT_S * _NANO)}
        try:
            await post(self._client, row.subject, orjson.dumps(question), address)
        except (NatsError, OSError):
            row.end(address)

    def _receive(self, message: Msg) -> None:
        status = status_of(message)
        now = asyncio.get_running_loop().time()
        if status is None and self._stopped:
            put(self._client, message.reply, b"-NAK")  # where it cannot be sent, the server notices the silence
        elif status is None:
            self._got(message, now)
        else:
            number = int(message.subject.rpartition("-")[2])
            self._rows[number].heard = now
            if status != "100":
                self._ended(number, message.subject, status, message)

    def _got(self, message: Msg, now: float) -> None:
        number = row_of(message.subject)
        row = self._rows[number]
        row.heard = now
        row.got()
        if self.busy < self._slots:
            self._begin(message)
        else:
            self._turns.put(number, _Ahead(message, now))
        if self._wanted(number) > 0:
            self._room.set()

    def _ended(self, number: int, address: str, status: str, message: Msg) -> None:
        """The request is over: it expired (408), found nothing (404), or the consumer moved or is gone (409, 503)."""
        row = self._rows[number]
        row.end(address)
        if status in ("409", "503"):
            text = (message.headers or {}).get("Description", "nobody answers")
            _log.info("pull from %s ended: %s; asking again shortly", row.consumer, text)
            if status == "503" and not row.missed:
                row.missed = True
                _log.warning("nobody hands out %s: where that lasts, run `stepwell provision`", row.consumer)
            return  # the next tick asks again, so that a missing consumer is not hammered
        if self._wanted(number) > 0:
            self._room.set()

    async def _keep_asking(self) -> None:
        """Ask when there is room, and once in a while whether the last request is still alive."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), TICK_S)
            self._room.clear()
            now = loop.time()
            for row in self._rows:
                if now - row.heard > SILENT_S:
                    row.heard = now
                    row.forget()
            await self._refill()
            await self._keep(now)

    async def _keep(self, now: float) -> None:
        """What waits for its turn is still ours."""
        for waiting in self._turns.everything() if self._turns.waiting else ():
            if now - waiting.kept_at >= KEEP_S:
                waiting.kept_at = now
                await post(self._client, waiting.message.reply, b"+WPI")
