"""Commands over one kept connection to a Valkey or Redis: those of one moment go out together, answered in their order.

The client of the library takes a connection out of its pool for every batch, looks whether it is alive, times every
read by itself and packs in Python; under load that cost five times what the commands do. Connecting, authentication,
TLS and reading answers remain the library's. What comes while answers are awaited goes out together after them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from hiredis import PushNotification, pack_command
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

__all__ = ["BATCH", "FAILURES", "Argument", "Connected", "Wire"]

Argument = str | int | float | bytes
Connected = Callable[[Any], Awaitable[None]]
"""Told of every new connection, before anything else goes over it."""
FAILURES: Final = (RedisError, OSError, TimeoutError)
"""What a call may raise."""
BATCH: Final = 128
"""Commands that are sent together at most."""


class _Call:
    """A command on its way."""

    __slots__ = ("answer", "packed", "sent")

    def __init__(self, packed: bytes, answer: "asyncio.Future[Any]") -> None:
        self.packed = packed
        self.answer = answer
        self.sent = False


class _Reading(asyncio.Protocol):
    """Takes the place of the library's reader once a connection was greeted."""

    def __init__(self, heard: Callable[[bytes], None], lost: Callable[["_Reading", Exception], None]) -> None:
        self._heard = heard
        self._lost = lost

    def data_received(self, data: bytes) -> None:
        self._heard(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self, exc or RedisConnectionError("the server closed the connection"))


class Wire:
    """One connection, for one batch at a time. Belongs to one event loop.

    A connection that turns out to be gone is replaced once for what was under way, which may then have been carried out
    twice.

    Args:
        url: a `redis://` or `rediss://` address with a database number.
        connect_s: seconds for a connection to come about.
        answer_s: seconds for all answers of a batch to be there.
        connected: greets every new connection; None: as the library does.
    """

    def __init__(self, url: str, connect_s: float, answer_s: float, connected: Connected | None = None) -> None:
        # A call without an answer is not repeated by the library: whether it happened is the caller's question.
        # Each batch has one time-out of its own; the library would time every write and every answer beside it.
        pool = ConnectionPool.from_url(
            url,
            socket_connect_timeout=connect_s,
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=connected,
        )
        self._connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
        self._connect_s = connect_s + answer_s
        self._answer_s = answer_s
        self._waiting: deque[_Call] = deque()
        self._sent: deque[_Call] = deque()
        self._reading: _Reading | None = None
        self._transport: Any = None
        self._parser: Any = None
        self._sending = False
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at = 0.0

    def ask(self, *command: Argument) -> "asyncio.Future[Any]":
        """The answer to come. Where the server refuses the command, that is a `ResponseError`, not raised.

        It raises what is in `FAILURES` where there is none; what was sent may have happened all the same.
        """
        packed: bytes = pack_command(command)  # type: ignore[arg-type]  # its types know of one argument only
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Call(packed, answer))
        if not self._sending and not self._sent and self._connecting is None:
            self._sending = True
            loop.call_soon(self._send)
        return answer

    async def exchange(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers to several commands. Raises as `ask` does."""
        return await asyncio.gather(*[self.ask(*command) for command in commands])

    async def close(self) -> None:
        """Close the connection. Calls that still wait are told."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        self._part()
        _fail([*self._sent, *self._waiting], RedisConnectionError("closed"))
        self._sent.clear()
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        await self._connection.disconnect(nowait=True)

    # ------------------------------------------------------------ out

    def _send(self) -> None:
        """Send what waits, unless answers are awaited."""
        self._sending = False
        if self._sent or self._connecting is not None:
            return
        if self._reading is None:
            self._connecting = asyncio.ensure_future(self._connect())
            return
        pieces: list[bytes] = []
        while self._waiting and len(pieces) < BATCH:
            call = self._waiting.popleft()
            if not call.answer.done():
                self._sent.append(call)
                pieces.append(call.packed)
        if not pieces:
            return
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._answer_s, self._look)
        self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _look(self) -> None:
        """Look whether the oldest batch waits for too long. One timer serves all that follow each other."""
        self._timer = None
        if not self._sent:
            return
        loop = asyncio.get_running_loop()
        left = self._sent_at + self._answer_s - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._look)
            return
        self._part()
        _fail(self._sent, TimeoutError("no answer in time"))
        self._sent.clear()
        self._send()

    async def _connect(self) -> None:
        """Have a connection that was greeted to the end, or none; then those who wait are told."""
        connection = self._connection
        try:
            async with asyncio.timeout(self._connect_s):
                await connection.disconnect(nowait=True)
                await connection.connect()
        except Exception as error:  # noqa: BLE001  whatever it was, who waits has to know
            _fail(self._waiting, error)
            self._waiting.clear()
            await connection.disconnect(nowait=True)
        else:
            self._transport = connection._writer.transport
            self._parser = connection._parser._reader
            self._reading = reading = _Reading(self._heard, self._lost)
            self._transport.set_protocol(reading)
        finally:
            self._connecting = None
        if self._reading is not None and self._transport.is_closing():
            self._lost(self._reading, RedisConnectionError("the server closed the connection"))
        elif self._waiting:
            self._send()

    # ------------------------------------------------------------ in

    def _heard(self, data: bytes) -> None:
        parser, sent = self._parser, self._sent
        parser.feed(data)
        while sent:
            answer = parser.gets()
            if answer is NOT_ENOUGH_DATA:
                return
            if isinstance(answer, PushNotification):
                continue
            if isinstance(answer, RedisConnectionError) and self._reading is not None:
                self._lost(self._reading, answer)
                return
            call = sent.popleft()
            if not call.answer.done():
                call.answer.set_result(answer)
        if self._waiting:
            self._send()

    def _lost(self, reading: _Reading, error: Exception) -> None:
        """The connection is gone: what was under way goes out over a new one, once."""
        if reading is not self._reading:
            return
        self._part()
        again = [call for call in self._sent if not call.sent]
        _fail([call for call in self._sent if call.sent], error)
        self._sent.clear()
        for call in reversed(again):
            call.sent = True
            self._waiting.appendleft(call)
        if self._waiting:
            self._send()

    def _part(self) -> None:
        """Leave the connection: what still comes over it is nobody's."""
        self._reading = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


def _fail(calls: Sequence[_Call] | deque[_Call], error: BaseException) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)
