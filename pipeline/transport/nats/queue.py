"""Queues between stages on a work-queue stream, and the way back to callers at their inboxes."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from pipeline.contracts import Chunk, Lane, Reply, StageName
from pipeline.errors import TransportUnavailable
from pipeline.layout import STEPS
from pipeline.ports import Caller, Conflict, Handler
from pipeline.topology import ROWS, STAGES, consumer_name, later_subject, row_subject, step_subject
from pipeline.transport.answers import error_headers, inbox_body
from pipeline.transport.claims import INLINE, MARK, Claims
from pipeline.transport.nats.mux import Mux, status_of
from pipeline.transport.nats.pull import Puller, row_of
from pipeline.transport.nats.straight import post
from pipeline.transport.nats.streams import NatsStreams
from pipeline.transport.nats.yielding import Yielding

__all__ = ["NatsCaller", "NatsDelivery", "NatsTransport"]

_log = logging.getLogger("stepwell.nats")

FETCH_AGAIN_S: Final = 1.0
COUNT_S: Final = 2.0
LAST_WORD_S: Final = 1.0
"""How long what was stopped may take to hand over what no queue has."""
WAITING_AT_ONCE: Final = 8
"""A request waits in one place; an earlier message of it may be left for a moment."""
PROBE_EVERY: Final = 16
"""One chunk in so many asks whether anybody still listens: a caller who vanished costs no more tokens than that."""


class NatsDelivery:
    """One message of a consumer, held by this worker."""

    durable = True

    __slots__ = ("_client", "_message", "body", "delivered", "lane", "row", "stage")

    def __init__(self, client: Client, message: Msg, stage: StageName, lane: Lane) -> None:
        self._client = client
        self._message = message
        self.stage: StageName = stage
        self.lane: Lane = lane
        self.body: bytes = message.data
        self.row = row_of(message.subject)
        self.delivered = int(message.reply.split(".")[-5])

    async def _say(self, word: bytes) -> None:
        await post(self._client, self._message.reply, word)

    async def working(self) -> None:
        """Extend the time in which the message is ours."""
        await self._say(b"+WPI")

    async def ack(self) -> None:
        """Done."""
        await self._say(b"+ACK")

    async def retry(self, delay_s: float) -> None:
        """Hand back, to be delivered after the delay."""
        await self._say(b"-NAK " + orjson.dumps({"delay": int(delay_s * 1e9)}))


class NatsCaller:
    """A caller at an inbox: chunks in order, now and then one that asks whether anybody is there."""

    def __init__(self, client: Client, mux: Mux, address: str, streaming: bool) -> None:
        self._client = client
        self._mux = mux
        self._address = address
        self._streaming = streaming
        self._gone = False
        self._probe: str | None = None

    def _answered(self, message: Msg) -> None:
        if status_of(message) == "503":
            self._gone = True

    async def chunk(self, chunk: Chunk) -> bool:
        """Send a piece; False once it is known that nobody listens."""
        if self._mux.hand(self._address, chunk, lambda: _piece(chunk)):
            return True
        if chunk.seq % PROBE_EVERY:
            await self._mux.tell(self._address, _piece(chunk))
        else:
            if self._probe is None:
                self._probe = self._mux.open(self._answered)
            await self._mux.tell(self._address, _piece(chunk), reply=self._probe)
        return not self._gone

    async def reply(self, reply: Reply) -> None:
        """Send the reply, and the empty message that ends a stream."""
        if reply.error is not None or not self._mux.hand(self._address, reply, lambda: _whole(reply)):
            await self._mux.tell(self._address, _whole(reply), headers=error_headers(reply.error))
        if self._streaming:
            await self._mux.tell(self._address, b"")
        if self._probe is not None:
            self._mux.close(self._probe)


def _piece(chunk: Chunk) -> bytes:
    aside = {} if chunk.reasoning is None else {"reasoning": chunk.reasoning}
    return orjson.dumps({"seq": chunk.seq, "text": chunk.text, **aside})


def _whole(reply: Reply) -> bytes:
    return inbox_body(reply, reply.model_dump_json(exclude_none=True).encode())


class NatsTransport:
    """The work queue."""

    def __init__(self, client: Client, mux: Mux, streams: NatsStreams, claims: Claims) -> None:
        self._client = client
        self._mux = mux
        self._streams = streams
        self._claims = claims
        self._pullers: dict[tuple[StageName, Lane], Puller] = {}
        self._yielding = Yielding()
        self._running: set[asyncio.Task[None]] = set()

    async def hand_over(self, lane: Lane, stage: StageName, body: bytes, message_id: str, row: int = 0) -> bool:
        """Store for `stage`, once for each id; returns when durable."""
        subject = _row_subject(lane, stage, row, message_id)
        if len(body) > INLINE:
            body = await self._claims.deposit(f"{step_subject(lane, stage)}.{message_id}", body)
        appended = await self._streams.append(subject, body, once=message_id)
        return not appended.duplicate

    async def postpone(
        self, lane: Lane, stage: StageName, body: bytes, message_id: str, delay_s: float, row: int = 0
    ) -> bool:
        """Let the server keep it until its time: no worker holds it, and no place of the consumer is taken meanwhile.

        Handing back with a delay would be no way to wait for long: a delayed message keeps its place among those that
        may be out at once, which are few in the lane of batches.
        """
        subject = later_subject(lane, stage, message_id)
        body = await self._claims.deposit(subject, body)
        appended = await self._streams.schedule(
            subject,
            body,
            once=message_id,
            target=_row_subject(lane, stage, row, message_id),
            at=time.time() + max(0.0, delay_s),
        )
        return not appended.duplicate

    async def wake(self, lane: Lane, key: str) -> bool:
        """Replace what waits by itself at once. Who lost a race with its time, or with another one, did nothing."""
        found, _ = await self._streams.batch(STEPS, 1, f"step.later.{lane}.*.{key}.>", WAITING_AT_ONCE)
        woken = False
        for stored in found:
            stage: StageName = next(name for name in STAGES if name == stored.subject.split(".")[3])
            with contextlib.suppress(Conflict):
                await self._streams.schedule(
                    stored.subject,
                    stored.body,
                    once=f"{stored.subject}.{stored.sequence}",
                    target=_row_subject(lane, stage, 0, key),
                    at=0.0,
                    expected=stored.sequence,
                )
                woken = True
        return woken

    async def consume(self, stage: StageName, lane: Lane, handler: Handler, slots: int) -> None:
        """Start to hand out the work of one stage in one lane."""
        batch = lane == "batch"

        def take(message: Msg) -> None:
            if batch:
                self._yielding.begun()
            delivery = NatsDelivery(self._client, message, stage, lane)
            work = self._fetched if delivery.body.startswith(MARK) else _run
            task = asyncio.ensure_future(work(handler, delivery))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: puller.done())

        rows = [consumer_name(lane, stage, row) for row in range(1 + ROWS[lane])]
        puller = Puller(self._client, STEPS, rows, slots, take)
        self._pullers[stage, lane] = puller
        self._yielding.add(lane, puller, slots)
        await puller.start()

    def seize(self, stage: StageName, lane: Lane) -> Callable[[], None] | None:
        """Take a slot of `stage` for work of this task that does not come from its queue; call what is returned after.

        None: this process does not serve it, no slot is free, others wait for one, or the server is away.
        """
        puller = self._pullers.get((stage, lane))
        if puller is None or not self._client.is_connected or not puller.seize():
            return None
        running, task = self._running, asyncio.current_task()
        if task is None:
            return puller.done
        running.add(task)

        def leave() -> None:
            running.discard(task)
            puller.done()

        return leave

    async def _fetched(self, handler: Callable[[NatsDelivery], Awaitable[None]], delivery: NatsDelivery) -> None:
        """Hand on a message whose body lies elsewhere. What is gone is handed on as it is: nobody can read it."""
        try:
            delivery.body = await self._claims.collect(delivery.body) or delivery.body
        except TransportUnavailable as error:
            _log.warning("the body of a message for %s: %s; it is delivered again", delivery.stage, error.message)
            await delivery.retry(FETCH_AGAIN_S)
            return
        await _run(handler, delivery)

    async def on_the_way(self, lane: Lane) -> Mapping[str, int]:
        """How many messages of each tenant wait or are held: the stream keeps each until it is acknowledged."""
        question = orjson.dumps({"subjects_filter": f"step.{lane}.>"})
        answer = await self._mux.request(f"$JS.API.STREAM.INFO.{STEPS}", question, timeout_s=COUNT_S)
        state = orjson.loads(answer.data or b"{}").get("state")
        if state is None:
            raise TransportUnavailable(f"NATS did not say what is in {STEPS}: run `stepwell provision`")
        held: Counter[str] = Counter()
        for subject, count in (state.get("subjects") or {}).items():
            held[subject.split(".", 4)[4] if subject.count(".") > 3 else ""] += count
        return held

    def ask_again(self) -> None:
        """The connection is back."""
        for puller in self._pullers.values():
            puller.ask_again()

    def caller(self, address: str, streaming: bool) -> Caller:
        """The caller at `address`."""
        return NatsCaller(self._client, self._mux, address, streaming)

    async def stop(self, grace_s: float) -> None:
        """Take no more, and let what runs end within the grace."""
        self._yielding.stop()
        for puller in self._pullers.values():
            await puller.stop()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=LAST_WORD_S)


def _row_subject(lane: Lane, stage: StageName, row: int, message_id: str) -> str:
    return row_subject(lane, stage, row, message_id.partition(".")[0])


async def _run(handler: Callable[[NatsDelivery], Awaitable[None]], delivery: NatsDelivery) -> None:
    await handler(delivery)
