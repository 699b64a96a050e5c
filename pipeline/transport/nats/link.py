"""One connection to NATS and everything that hangs on it."""

import asyncio
import contextlib
import functools
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.micro.request import Request as ServiceRequest
from nats.micro.service import EndpointConfig, Service, ServiceConfig

from pipeline.errors import NotRunning, NoWorker
from pipeline.ports import Bucket, Conversation, Endpoint, Incoming, Objects, Spoken, Streams, Subscription
from pipeline.settings import Settings
from pipeline.transport.claims import BUCKET, Claims
from pipeline.transport.nats.announced import Announced, Tally
from pipeline.transport.nats.mux import Mux, status_of
from pipeline.transport.nats.objects import NatsObjects
from pipeline.transport.nats.queue import NatsTransport
from pipeline.transport.nats.streams import NatsBucket, NatsStreams

__all__ = ["NatsLink", "connect"]

_log = logging.getLogger("stepwell.nats")

_DENIED: Final = re.compile(r"permissions violation for publish to [\"']?([^\"']+)[\"']?", re.IGNORECASE)
PENDING_BYTES: Final = 64 * 1024 * 1024
RECONNECT_WAIT_S: Final = 0.25
FIRST_CONNECTION_S: Final = 3.0
_EARLY_S: Final = 0.001
"""What a timer may be early; the time of the loop is whole milliseconds."""


class NatsConversation:
    """Answers at an address of the shared inbox."""

    def __init__(self, mux: Mux, subject: str) -> None:
        self._mux = mux
        self._subject = subject
        self._answers: deque[Msg | Spoken] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = self._until = 0.0
        self.address = mux.open(self._take, self._take)

    def _take(self, message: Msg | Spoken) -> None:
        self._answers.append(message)
        if self._waiter is not None:
            _wake(self._waiter)

    async def next(self, timeout_s: float) -> Incoming | None:
        """The next answer, or None. One at a time may wait for it."""
        if not self._answers:
            loop = asyncio.get_running_loop()
            self._waiter = waiter = loop.create_future()
            self._bound(loop, loop.time() + timeout_s)
            try:
                await waiter
            finally:
                self._waiter = None
            if not self._answers:
                return None
        message = self._answers.popleft()
        if isinstance(message, Spoken):
            return message
        if status_of(message) == "503":
            raise NoWorker.on(self._subject)
        return _incoming(message)

    def _bound(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        """Wait no longer than that. A timer that rings before stays, and looks then: a stream needs none per piece."""
        self._until = until
        if self._timer is not None and self._rings_at <= until:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at, self._timer = until, loop.call_at(until, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._until - loop.time() > _EARLY_S:
            self._bound(loop, self._until)
        else:
            _wake(self._waiter)

    def close(self) -> None:
        """No more answers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._mux.close(self.address)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class NatsLink:
    """A connection: streams, buckets, core messages, service endpoints and the work queue."""

    def __init__(self, broker: NatsBroker, client: Client, mux: Mux) -> None:
        self._broker = broker
        self.client = client
        self._mux = mux
        self.jetstream = client.jetstream()
        self._streams = NatsStreams(mux, self.jetstream)
        self._claims = self._streams.claims = Claims(self.objects(BUCKET))
        self.closing = False
        self._services: list[Service] = []
        self._transports: list[NatsTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._own: dict[str, Callable[[Incoming], None]] = {}
        """What this process serves itself: subjects without their last token, and handlers."""

    @property
    def streams(self) -> Streams:
        """The durable streams."""
        return self._streams

    @property
    def connected(self) -> bool:
        """Whether the server is reachable now."""
        return bool(self.client.is_connected)

    def bucket(self, name: str) -> Bucket:
        """A key-value bucket."""
        return NatsBucket(self.jetstream, name)

    def objects(self, name: str) -> Objects:
        """A bucket of objects."""
        return NatsObjects(self._mux, self._streams, name)

    def transport(self) -> NatsTransport:
        """The work queue over this connection."""
        made = NatsTransport(self.client, self._mux, self._streams, self._claims)
        self._transports.append(made)
        return made

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a core message."""
        await self._mux.tell(subject, body, headers=headers)

    async def subscribe(
        self, subject: str, handler: Callable[[Incoming], Awaitable[None]], *, queue: str | None = None
    ) -> Subscription:
        """Listen to core messages through FastStream, which keeps the subscription over reconnects and stop."""
        subscriber = self._broker.subscriber(subject, queue=queue or "", decoder=_raw, no_reply=True, persistent=False)

        async def pass_on(message: Incoming) -> None:
            await handler(message)

        subscriber(pass_on)
        await subscriber.start()
        return subscriber

    async def serve(self, name: str, version: str, endpoints: Mapping[str, Endpoint], *, alone: bool = False) -> None:
        """Offer service endpoints (subject -> handler), visible to `nats micro ls` and PING/INFO/STATS under `$SRV`.

        With `alone` to who asks in this process: others see the service without endpoints.
        """
        service = Announced(self.client, ServiceConfig(name=name, version=version))
        await service.start()
        self._services.append(service)
        for subject, handler in endpoints.items():
            answer = functools.partial(self._spawn, handler, tally := Tally())
            config = EndpointConfig(
                name=subject.split(".")[1], subject=subject, queue_group="stepwell", handler=_spawning(answer)
            )
            if not alone:
                await service.offer(config, tally)
            if subject.endswith(".*"):
                self._own[subject[:-2]] = answer
        await self._arrived()  # from here on no caller is told that nobody listens

    async def _arrived(self) -> None:
        """Return when the server has seen all that was sent. A flush alone may overtake what still waits to be sent."""
        while self.client.pending_data_size:  # noqa: ASYNC110 - the client tells nobody when it has sent what it holds
            await asyncio.sleep(0.001)
        await self.client.flush()

    def _spawn(self, handler: Endpoint, tally: Tally, incoming: Incoming) -> None:
        task = asyncio.ensure_future(_call(handler, tally, incoming))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def serves(self, subject: str) -> bool:
        """Whether this process answers it itself."""
        return not self.closing and subject.rpartition(".")[0] in self._own

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Conversation:
        """Send a request; its answers come to the conversation. What this process serves does not leave it."""
        conversation = NatsConversation(self._mux, subject)
        own = self._own.get(subject.rpartition(".")[0])
        if own is not None and not self.closing:
            own(Incoming(subject, body, conversation.address, headers or {}, near=True))
            return conversation
        await self._mux.send(subject, body, conversation.address, headers)
        return conversation

    async def close(self) -> None:
        """Stop services, flush and close."""
        self.closing = True
        try:
            for service in self._services:
                await service.stop()
            await self._mux.stop()
            await self._broker.stop()
        except (NatsError, OSError):  # there is nobody to say goodbye to while the server is away
            with contextlib.suppress(NatsError, OSError):
                await self.client.close()

    def lost(self) -> None:
        """The connection broke: whoever waits for an answer tries again rather than waiting for the time-out."""
        self._mux.fail_all("the connection to NATS broke")

    def regained(self) -> None:
        """The connection is back: ask for work at once, rather than when the silence is noticed."""
        for transport in self._transports:
            transport.ask_again()

    def denied(self, error: Exception) -> None:
        """The server denied something. It says so apart from the request, which would otherwise only time out."""
        found = _DENIED.search(str(error))
        if found:
            self._mux.fail_subject(found.group(1), f"NATS denied publishing to {found.group(1)}: check the permissions")


def _spawning(answer: Callable[[Incoming], None]) -> Callable[[ServiceRequest], Awaitable[None]]:
    """One task for each request: the client delivers the next one only when the callback returned."""

    async def endpoint(request: ServiceRequest) -> None:
        answer(_incoming(request._msg))  # its public properties would build again what is there

    return endpoint


async def _call(handler: Endpoint, tally: Tally, incoming: Incoming) -> None:
    tally.answered(await handler(incoming))


async def _raw(message: Any) -> Incoming:
    """FastStream's decoder: the bytes as they came, instead of a guess at their format."""
    return _incoming(message.raw_message)


def _incoming(message: Msg) -> Incoming:
    return Incoming(message.subject, message.data, message.reply or None, message.headers or {})


async def connect(settings: Settings, *, name: str, patient: bool = False) -> NatsLink:
    """Connect to the server of `settings`.

    Args:
        settings: address and credentials.
        name: shown in the server's connection list.
        patient: keep trying when the server is not there yet, as a worker should.

    Raises:
        NotRunning: no server answers at the address.
    """
    links: list[NatsLink] = []
    seen: list[Exception] = []

    async def on_error(error: Exception) -> None:
        seen[:] = [error]
        # Each try to connect again fails the same way; that the connection broke was said once.
        _log.log(logging.DEBUG if isinstance(error, OSError) else logging.WARNING, "NATS: %s", error)
        for link in links:
            link.denied(error)

    async def on_disconnect() -> None:
        for link in links:
            if not link.closing:
                _log.warning("the connection to NATS at %s broke; trying again until it is back", settings.nats_url)
            link.lost()

    async def on_reconnect() -> None:
        for link in links:
            link.regained()

    options: dict[str, Any] = {"reconnect_time_wait": RECONNECT_WAIT_S}  # declared a whole number, taken as any
    broker = NatsBroker(
        settings.nats_url,
        name=name,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        connect_timeout=2,
        pending_size=PENDING_BYTES,
        inbox_prefix=f"_INBOX_{settings.nats_user}" if settings.nats_user else "_INBOX",
        apply_types=False,
        logger=None,
        **options,
        security=_credentials(settings),
    )
    client = await _first_connection(broker, settings, patient, seen)
    mux = Mux(client)
    await mux.start()
    link = NatsLink(broker, client, mux)
    links.append(link)
    return link


def _credentials(settings: Settings) -> NatsUserPassword | None:
    if settings.nats_user is None:
        return None
    return NatsUserPassword(settings.nats_user, settings.nats_password or "")


async def _first_connection(broker: NatsBroker, settings: Settings, patient: bool, seen: list[Exception]) -> Client:
    try:
        async with asyncio.timeout(None if patient else FIRST_CONNECTION_S):
            return await broker.connect()
    except (NatsError, OSError, TimeoutError) as error:
        raise NotRunning(_why(settings, [*seen, error])) from None


def _why(settings: Settings, errors: list[Exception]) -> str:
    url = settings.nats_url
    if any("authorization" in str(error).lower() for error in errors):
        user = settings.nats_user or "nobody"
        return f"NATS at {url} does not accept {user}: set STEPWELL_NATS_USER and STEPWELL_NATS_PASSWORD"
    reason = type(errors[0]).__name__
    return f"no NATS server answers at {url} ({reason}): start one with `stepwell up`, or set STEPWELL_NATS"
