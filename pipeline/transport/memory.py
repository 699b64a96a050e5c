"""The road in one process, without a server: for tests and for reading. Nothing in it survives the process."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.contracts import Chunk, Lane, Reply, StageName
from pipeline.errors import NoWorker, TransportUnavailable
from pipeline.layout import STREAMS, stream_of
from pipeline.ports import (
    Appended,
    Bucket,
    Caller,
    Conflict,
    Conversation,
    Endpoint,
    Entry,
    Handler,
    Incoming,
    Objects,
    Stored,
    Streams,
    Subscription,
)
from pipeline.topology import ROWS, later_subject
from pipeline.transport.answers import error_headers, inbox_body
from pipeline.transport.claims import BUCKET, Claims
from pipeline.transport.turns import Turns

__all__ = ["MemoryLink", "MemoryTransport", "matches"]


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` fits `pattern` by NATS' rules: `*` is one token, a last `>` one or more."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, word in enumerate(wanted):
        if word == ">":
            return len(given) > index
        if index >= len(given) or word not in ("*", given[index]):
            return False
    return len(wanted) == len(given)


@dataclass(slots=True)
class _Stream:
    """One stream: messages by sequence, the newest sequence of each subject, ids seen."""

    per_subject: int | None
    sealed: bool
    messages: dict[int, Stored] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    sequence: int = 0

    def append(self, subject: str, body: bytes, once: str | None, expected: int | None) -> Appended:
        if once is not None and once in self.seen:
            return Appended(self.seen[once], duplicate=True)
        if expected is not None and self.newest.get(subject, 0) != expected:
            raise Conflict(subject)
        self.sequence += 1
        if self.per_subject == 1 and subject in self.newest:
            self.messages.pop(self.newest[subject], None)
        self.messages[self.sequence] = Stored(subject, self.sequence, body)
        self.newest[subject] = self.sequence
        if once is not None:
            self.seen[once] = self.sequence
        return Appended(self.sequence)

    def delete(self, sequence: int) -> bool:
        stored = self.messages.pop(sequence, None) if not self.sealed else None
        if stored is not None and self.newest.get(stored.subject) == sequence:
            older = [number for number, message in self.messages.items() if message.subject == stored.subject]
            self.newest[stored.subject] = max(older, default=0)
        return stored is not None


class MemoryStreams:
    """Streams as dictionaries."""

    def __init__(self, on_append: Callable[[str, bytes], None], claims: Claims) -> None:
        self._claims = claims
        self._streams = {spec.name: _Stream(spec.per_subject, spec.sealed) for spec in STREAMS}
        self._on_append = on_append

    def _of(self, subject: str) -> _Stream:
        try:
            return self._streams[stream_of(subject)]
        except LookupError as error:
            raise TransportUnavailable(f"{error}: run `stepwell provision`") from None

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        """Append; see the port."""
        stream = self._of(subject)
        body = await self._claims.stored(subject, body)
        appended = stream.append(subject, body, once, expected)
        if not appended.duplicate:
            self._on_append(subject, body)
        return appended

    async def last(self, subject: str) -> Stored | None:
        """The newest message on `subject`."""
        stream = self._of(subject)
        return await self._whole(stream.messages.get(stream.newest.get(subject, 0)))

    async def _whole(self, stored: Stored | None) -> Stored | None:
        """The message with its body, wherever that lies; None once the body is gone."""
        body = None if stored is None else await self._claims.collect(stored.body)
        return None if stored is None or body is None else replace(stored, body=body)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this sequence number."""
        return await self._whole(self._streams[stream].messages.get(sequence))

    async def following(self, stream: str, sequence: int) -> Stored | None:
        """The first message with this sequence number or a higher one."""
        later = [number for number in self._streams[stream].messages if number >= sequence]
        return await self.at(stream, min(later)) if later else None

    async def newest_of(self, stream: str, patterns: Sequence[str]) -> list[Stored]:
        """The newest message on each subject that matches."""
        held = self._streams[stream]
        wanted = [name for name in held.newest if any(matches(pattern, name) for pattern in patterns)]
        found = [await self.at(stream, number) for number in sorted(held.newest[name] for name in wanted)]
        return [stored for stored in found if stored is not None]

    async def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """All messages after `after`, oldest first."""
        for number, message in sorted(self._streams[stream].messages.items()):
            if number > after and (subject is None or matches(subject, message.subject)):
                whole = await self._whole(message)
                if whole is not None:
                    yield whole

    async def subjects(self, stream: str, pattern: str) -> set[str]:
        """The subjects of all messages that match."""
        return {each.subject for each in self._streams[stream].messages.values() if matches(pattern, each.subject)}

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message where the stream permits it."""
        return self._streams[stream].delete(sequence)

    async def purge(self, subject: str, *, upto: int | None = None) -> None:
        """Delete every message on `subject`; see the port."""
        stream = self._of(subject)
        found = [number for number, message in stream.messages.items() if matches(subject, message.subject)]
        for number in found:
            if upto is None or number <= upto:
                stream.delete(number)


class MemoryObjects:
    """A bucket of objects as a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, body: bytes) -> None:
        """Store `body`."""
        self._objects[name] = bytes(body)

    async def get(self, name: str, *, most: int | None = None) -> bytes | None:
        """The bytes of `name`."""
        body = self._objects.get(name)
        return None if body is None or (most is not None and len(body) > most) else body

    async def delete(self, name: str) -> bool:
        """Delete it."""
        return self._objects.pop(name, None) is not None

    async def names(self) -> AsyncIterator[str]:
        """The names of all objects."""
        for name in tuple(self._objects):
            yield name


class MemoryBucket:
    """A bucket as a dictionary, with one queue for each watcher."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._revision = 0
        self._watchers: list[tuple[str | None, asyncio.Queue[Entry | None]]] = []

    async def get(self, key: str) -> Entry | None:
        """The value of `key`."""
        return self._entries.get(key)

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write; see the port."""
        present = self._entries.get(key)
        if expected is not None and (present.revision if present else 0) != expected:
            raise Conflict(key)
        self._revision += 1
        entry = Entry(key, value, self._revision)
        self._entries[key] = entry
        for wanted, watcher in self._watchers:
            if wanted in (None, key):
                watcher.put_nowait(entry)
        return self._revision

    async def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(self._entries)

    async def watch(self, key: str | None = None) -> AsyncIterator[Entry | None]:
        """Present values, None, then changes."""
        queue: asyncio.Queue[Entry | None] = asyncio.Queue()
        for entry in self._entries.values():
            if key in (None, entry.key):
                queue.put_nowait(entry)
        queue.put_nowait(None)
        watcher = (key, queue)
        self._watchers.append(watcher)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(watcher)


@dataclass(slots=True)
class _Listener:
    pattern: str
    handler: Callable[[Incoming], Awaitable[None]]
    queue: str | None
    owner: "MemoryLink"

    def end(self) -> None:
        if self in self.owner.listeners:
            self.owner.listeners.remove(self)

    async def stop(self) -> None:
        self.end()


class MemoryConversation:
    """Answers at an inbox of this process."""

    def __init__(self, address: str, subject: str) -> None:
        self.address = address
        self.heard = False
        self.subscription: Subscription | None = None
        self._subject = subject
        self._answers: asyncio.Queue[Incoming] = asyncio.Queue()

    async def collect(self, incoming: Incoming) -> None:
        """Take an answer."""
        self._answers.put_nowait(incoming)

    async def next(self, timeout_s: float) -> Incoming | None:
        """The next answer, or None."""
        if not self.heard:
            raise NoWorker.on(self._subject)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answers.get()
        except TimeoutError:
            return None

    def close(self) -> None:
        """No more answers."""
        if isinstance(self.subscription, _Listener):
            self.subscription.end()


class MemoryLink:
    """A NATS of one process: core messages, streams and buckets."""

    def __init__(self) -> None:
        self.listeners: list[_Listener] = []
        self._objects: dict[str, MemoryObjects] = defaultdict(MemoryObjects)
        self.claims = Claims(self.objects(BUCKET))
        self._streams = MemoryStreams(self._spread, self.claims)
        self._buckets: dict[str, MemoryBucket] = defaultdict(MemoryBucket)
        self._tasks: set[asyncio.Task[None]] = set()
        self._inboxes = itertools.count()
        self._transport = MemoryTransport(self)

    @property
    def streams(self) -> Streams:
        """The durable streams."""
        return self._streams

    def bucket(self, name: str) -> Bucket:
        """A key-value bucket."""
        return self._buckets[name]

    def objects(self, name: str) -> Objects:
        """A bucket of objects."""
        return self._objects[name]

    def _spread(self, subject: str, body: bytes) -> None:
        self._deliver(Incoming(subject, body))

    def _deliver(self, incoming: Incoming) -> int:
        groups: set[str] = set()
        reached = 0
        for listener in list(self.listeners):
            if not matches(listener.pattern, incoming.subject) or listener.queue in groups:
                continue
            if listener.queue is not None:
                groups.add(listener.queue)
            task = asyncio.ensure_future(_call(listener.handler, incoming))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            reached += 1
        return reached

    def listens(self, subject: str) -> bool:
        """Whether anybody would get a message on `subject`."""
        return any(matches(listener.pattern, subject) for listener in self.listeners)

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a core message."""
        self._deliver(Incoming(subject, body, None, headers or {}))

    async def subscribe(
        self, subject: str, handler: Callable[[Incoming], Awaitable[None]], *, queue: str | None = None
    ) -> Subscription:
        """Listen to core messages."""
        listener = _Listener(subject, handler, queue, self)
        self.listeners.append(listener)
        return listener

    def serves(self, _subject: str) -> bool:
        """Who asks is told that the request is durable, as by a server."""
        return False

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Conversation:
        """Send a request; its answers come to the conversation."""
        conversation = MemoryConversation(f"_INBOX.memory.{next(self._inboxes)}", subject)
        conversation.subscription = await self.subscribe(conversation.address, conversation.collect)
        conversation.heard = bool(self._deliver(Incoming(subject, body, conversation.address, headers or {})))
        return conversation

    async def serve(
        self,
        name: str,
        version: str,
        endpoints: Mapping[str, Endpoint],
        *,
        alone: bool = False,  # noqa: ARG002  who asks here is in this process
    ) -> None:
        """Offer service endpoints. Nobody asks for their statistics, and nobody is in another process."""
        for subject, handler in endpoints.items():

            async def answer(incoming: Incoming, handler: Endpoint = handler) -> None:
                await handler(incoming)

            await self.subscribe(subject, answer, queue=f"{name}-{version}")

    def transport(self) -> "MemoryTransport":
        """The work queue of this process."""
        return self._transport

    async def close(self) -> None:
        """Forget all listeners."""
        self.listeners.clear()


async def _call(handler: Callable[[Incoming], Awaitable[None]], incoming: Incoming) -> None:
    await handler(incoming)


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

    def __init__(self, link: MemoryLink, address: str, streaming: bool) -> None:
        self._link = link
        self._address = address
        self._streaming = streaming

    async def chunk(self, chunk: Chunk) -> bool:
        """Send a piece; False when nobody listens any more."""
        await self._link.publish(self._address, chunk.model_dump_json().encode())
        return self._link.listens(self._address)

    async def reply(self, reply: Reply) -> None:
        """Send the reply, and the empty message that ends a stream."""
        body = reply.model_dump_json(exclude_none=True).encode()
        await self._link.publish(self._address, inbox_body(reply, body), error_headers(reply.error))
        if self._streaming:
            await self._link.publish(self._address, b"")


class MemoryTransport:
    """Queues in memory. A message whose worker vanished is not noticed: there are no other processes."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
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
        body = await self._link.claims.deposit(message_id, body)
        self._put(MemoryDelivery(stage, lane, body, 1, self, row, message_id.partition(".")[0]))
        return True

    async def postpone(
        self, lane: Lane, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        """Queue `body` for `stage`, later."""
        if message_id in self._seen:
            return False
        self._seen.add(message_id)
        body = await self._link.claims.deposit(message_id, body)
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
            delivery.body = await self._link.claims.collect(reference) or reference
            await handler(delivery)
        finally:
            self._on_the_way[delivery.lane][delivery.tenant] -= 1

    def seize(self, _stage: StageName, _lane: Lane) -> Callable[[], None] | None:
        """Everything goes through the queue here."""
        return None

    def caller(self, address: str, streaming: bool) -> Caller:
        """The caller at `address`."""
        return MemoryCaller(self._link, address, streaming)

    async def stop(self, grace_s: float) -> None:
        """Take no more and let what runs end."""
        for loop in self._loops:
            loop.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
