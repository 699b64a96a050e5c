"""Requests and their answers over one inbox: a future for each, no subscription and no timer of its own."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from pipeline.errors import RequestTooLarge, TransportUnavailable
from pipeline.ports import Spoken
from pipeline.transport.nats.straight import listen, post, put, shorten

__all__ = ["Mux", "status_of"]

_log = logging.getLogger("stepwell.nats")
SWEEP_S = 0.25


def status_of(message: Msg) -> str | None:
    """The status code in the headers of a message from the server itself, such as 503 for "nobody listens"."""
    return message.headers.get("Status") if message.headers else None


class _Waiting(NamedTuple):
    subject: str
    future: "asyncio.Future[Msg]"
    until: float


class Mux:
    """Sends requests and matches answers by the last token of the inbox."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox() + "."
        self._numbers = itertools.count()
        self._waiting: dict[str, _Waiting] = {}
        self._sinks: dict[str, Callable[[Msg], None]] = {}
        self._ears: dict[str, Callable[[Spoken], None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Subscribe to the inbox and begin to watch for time-outs."""
        shorten(self._client)
        await listen(self._client, self._prefix + "*", self._receive)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Fail what still waits."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.fail_all("the connection was closed")

    def _receive(self, message: Msg) -> None:
        number = message.subject[len(self._prefix) :]
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            if not waiting.future.done():
                waiting.future.set_result(message)
            return
        sink = self._sinks.get(number)
        if sink is not None:
            sink(message)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for number, waiting in list(self._waiting.items()):
                if waiting.until <= now or waiting.future.done():
                    self._fail(number, f"NATS did not answer on {waiting.subject} in time")

    def _fail(self, number: str, reason: str) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_exception(TransportUnavailable(reason))

    def fail_all(self, reason: str) -> None:
        """Fail every request that waits, for instance because the connection is gone."""
        for number in list(self._waiting):
            self._fail(number, reason)

    def fail_subject(self, subject: str, reason: str) -> None:
        """Fail the requests to `subject`: the server denied them, and would otherwise only be silent.

        The client hands on what the server said in small letters.
        """
        for number, waiting in list(self._waiting.items()):
            if waiting.subject.lower() == subject.lower():
                self._fail(number, reason)

    async def request(
        self, subject: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None, timeout_s: float = 5.0
    ) -> Msg:
        """Send one request and await its one answer.

        Raises:
            TransportUnavailable: no answer within `timeout_s` seconds, or the connection is gone.
        """
        loop = self._loop
        number = str(next(self._numbers))
        future: asyncio.Future[Msg] = loop.create_future()
        self._waiting[number] = _Waiting(subject, future, loop.time() + timeout_s)
        try:
            address = self._prefix + number
            if not put(self._client, subject, body, address, headers):
                await self.send(subject, body, address, headers)
            return await future
        except BaseException:
            self._waiting.pop(number, None)
            raise

    async def send(self, subject: str, body: bytes, reply: str, headers: Mapping[str, str] | None = None) -> None:
        """Publish with an address for answers."""
        if put(self._client, subject, body, reply, headers):
            return
        try:
            await post(self._client, subject, body, reply, headers)
        except MaxPayloadError:
            message = f"{len(body)} bytes are more than NATS takes in one message ({self._client.max_payload})"
            raise RequestTooLarge(message) from None
        except (NatsError, OSError) as error:
            raise TransportUnavailable(f"NATS is not connected ({type(error).__name__})") from None

    async def tell(
        self, address: str, body: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish to an address. Where it is one of ours, what is said does not leave this process."""
        if not address.startswith(self._prefix):
            await post(self._client, address, body, reply, headers)
            return
        sink = self._sinks.get(address[len(self._prefix) :])
        if sink is not None:
            sink(Msg(self._client, address, reply, body, dict(headers) if headers else None))

    def hand(self, address: str, made: object, dump: Callable[[], bytes]) -> bool:
        """Give what was made to whoever waits at an address of ours, as it is. False: it has to be sent.

        Args:
            address: where to.
            made: what it is.
            dump: writes its bytes.
        """
        ear = self._ears.get(address[len(self._prefix) :]) if address.startswith(self._prefix) else None
        if ear is not None:
            ear(Spoken(address, made, dump))
        return ear is not None

    def open(self, sink: Callable[[Msg], None], ear: Callable[[Spoken], None] | None = None) -> str:
        """An address at which any number of messages go to `sink`, until `close`; to `ear` what never left."""
        number = str(next(self._numbers))
        self._sinks[number] = sink
        if ear is not None:
            self._ears[number] = ear
        return self._prefix + number

    def close(self, address: str) -> None:
        """No more messages at this address."""
        self._sinks.pop(address[len(self._prefix) :], None)
        self._ears.pop(address[len(self._prefix) :], None)
