"""The guarantee: decide, publish, then acknowledge.

A stage never acknowledges and never publishes; `Runner.step` does both, in this order, on one screen. A worker that
runs several stages hands over in memory between them (fusion), and through a durable queue where its own set ends.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from pipeline.contracts import Envelope, StageName, Step
from pipeline.contracts.trusted import changed, trusted
from pipeline.errors import StepwellError, Unreadable
from pipeline.errors import disposition as look_up
from pipeline.layout import MAX_DELIVERIES
from pipeline.policy.source import PolicySource
from pipeline.ports import (
    Caller,
    Clock,
    Delivery,
    NotDurable,
    Observer,
    Outcome,
    Random,
    Run,
    Stage,
    Streams,
    Transport,
)
from pipeline.runner.carried import Carried
from pipeline.runner.disposal import Disposal, Settled
from pipeline.runner.endings import answered
from pipeline.runner.letters import Letters
from pipeline.runner.watch import Watch
from pipeline.runner.wire import dump_admitted, dump_envelope, read_envelope
from pipeline.topology import LAST, WAITING, advance

__all__ = ["Runner"]

_log = logging.getLogger("stepwell.runner")

CANCELLED_KEPT: Final = 10_000
"""How many cancelled requests a worker remembers."""


class Runner:
    """Moves messages through the stages of one worker."""

    def __init__(
        self,
        stages: Iterable[Stage],
        transport: Transport,
        streams: Streams,
        *,
        clock: Clock,
        random: Random,
        observer: Observer,
        worker: str,
        policies: PolicySource | None = None,
        forsaken: Callable[[Envelope, int], Awaitable[None]] | None = None,
    ) -> None:
        self._forsaken = forsaken
        self._stages: dict[StageName, Stage] = {stage.name: stage for stage in stages}
        self._transport = transport
        self._clock = clock
        self._observer = observer
        self._worker = worker
        self._letters = Letters(streams, policies, clock, worker)
        self._disposal = Disposal(
            transport, self._letters, clock=clock, random=random, observer=observer, worker=worker
        )
        self._held: dict[int, tuple[Delivery, float]] = {}
        self._watched: dict[str, Watch] = {}
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._streamed = 0
        """How many of the requests held here are streamed."""

    @property
    def held(self) -> int:
        """How many messages this worker holds."""
        return len(self._held)

    # ------------------------------------------------------------ the guarantee

    async def step(self, delivery: Delivery) -> None:
        """Take one message as far as this worker can, then acknowledge it.

        Whatever happens, the message ends in one of five ways: acknowledged after its result was published, or after it
        was stored for later; handed back for another delivery, stored as a dead letter, or (when this worker dies)
        delivered to another worker.
        """
        if delivery.delivered > 1 and self._has(delivery):
            return  # what ends the delivery before this one ends the message
        self._held[id(delivery)] = (delivery, self._clock.monotonic())
        try:
            envelope = read_envelope(delivery)
            await self._descend(delivery, envelope)
            await delivery.ack()
        except Settled:
            pass
        except Unreadable as error:
            await self._letters.store(delivery, None, error, delivery.stage)
            await delivery.ack()
        except Exception:
            _log.exception("could not settle a message for %s; it will be delivered again", delivery.stage)
        finally:
            self._held.pop(id(delivery), None)

    def _has(self, again: Delivery) -> bool:
        """Whether this very message is in hand: a worker without processor time was too late to say so."""
        return any(held.body == again.body and held.stage == again.stage for held, _ in self._held.values())

    async def _descend(self, delivery: Delivery, envelope: Envelope) -> None:
        run = Run(delivery.delivered, self._caller(envelope), delivery.durable)
        stage = delivery.stage
        if delivery.delivered > MAX_DELIVERIES:
            worn = Unreadable(f"delivered {delivery.delivered} times, and each time its worker died")
            envelope, stage = await self._bury(delivery, envelope, worn, stage)
        key = envelope.key
        watch = Watch(envelope, self._clock.now())
        if key in self._cancelled:
            watch.reason = "cancelled"
        self._watched[key] = watch
        self._streamed += envelope.request.stream
        carried = delivery if isinstance(delivery, Carried) else None
        try:
            while True:
                if carried is not None:
                    carried.envelope, carried.stage = envelope, stage
                outcome, started, spent = await self._decide(delivery, self._stages[stage], envelope, run, watch)
                envelope = self._extend(envelope, stage, outcome, started, spent)
                following = advance(stage, outcome.kind)
                if following is None:
                    return
                if following not in self._stages or (following in WAITING and not delivery.durable):
                    watch.end()
                    await self._hand_on(delivery, envelope, following)
                    return
                stage = following
        finally:
            watch.end()
            self._watched.pop(key, None)
            self._streamed -= envelope.request.stream

    async def _hand_on(self, delivery: Delivery, envelope: Envelope, stage: StageName) -> None:
        """Hand over through the durable queue, once for each length of the trail."""
        message_id = f"{envelope.key}.{len(envelope.trail)}"
        if isinstance(delivery, Carried):
            delivery.left = True
            body = dump_admitted(envelope)
        else:
            body = dump_envelope(envelope)
        await self._transport.hand_over(envelope.lane, stage, body, message_id, delivery.row)

    def _caller(self, envelope: Envelope) -> Caller | None:
        if envelope.reply_to is None:
            return None
        return self._transport.caller(envelope.reply_to, envelope.request.stream)

    # ------------------------------------------------------------ the short road

    async def carry(self, carried: Carried) -> None:
        """Take a request that is in memory alone as far as it gets without a paid call.

        Then it has ended, or a queue has it (`Carried.left`).

        Raises:
            Exception: neither is so, since no queue takes it. Nobody goes on with it, and its caller has to be told.
        """
        try:
            await self._descend(carried, carried.envelope)
        except Settled:
            if carried.goes_back:
                await self._hand_on(carried, carried.envelope, carried.stage)
        except asyncio.CancelledError:
            if carried.stage != LAST and not carried.left:  # what the last stage did is not done twice
                await self._hand_on(carried, carried.envelope, carried.stage)
            raise
        except Exception:
            if carried.left:
                raise
            _log.exception("could not settle a request in memory at %s; it goes through the queue", carried.stage)
            await self._hand_on(carried, carried.envelope, carried.stage)

    # ------------------------------------------------------------ one stage

    async def _decide(
        self, delivery: Delivery, stage: Stage, envelope: Envelope, run: Run, watch: Watch
    ) -> tuple[Outcome, float, float]:
        """Let `stage` decide; turn what it raises into an outcome, or settle the message otherwise.

        It runs within the deadline, but for the last stage, which runs in any case: it is what tells the caller.
        """
        name, clock = stage.name, self._clock
        started, begun = clock.now(), clock.monotonic()
        if name == LAST:
            watch.end()
        try:
            if watch.reason and name != LAST:
                await self._forsake(envelope, run.delivered)
                outcome = watch.outcome(envelope)
            else:
                if self._streamed > envelope.request.stream:
                    await _let_others()
                outcome = await stage.handle(envelope, run)
                if watch.reason and name != LAST:
                    await asyncio.sleep(0)  # a cancellation that came too late to stop the stage surfaces here
        except asyncio.CancelledError:
            if not watch.reason:
                raise
            outcome = watch.outcome(envelope)
        except NotDurable:
            await delivery.retry(0.0)
            raise Settled from None
        except Exception as error:
            outcome = await self._disposal.of(delivery, name, envelope, error)
        spent = clock.monotonic() - begun
        self._observer.step(name, outcome.kind, envelope.lane, spent)
        return outcome, started, spent

    def _extend(self, envelope: Envelope, stage: StageName, outcome: Outcome, at: float, spent: float) -> Envelope:
        step = {
            "stage": stage,
            "outcome": outcome.kind,
            "reasons": outcome.reasons,
            "facts": outcome.facts if type(outcome.facts) is dict else dict(outcome.facts),
            "at": at,
            "duration_ms": round(spent * 1000, 3),
            "worker": self._worker,
        }
        return changed(envelope, {**outcome.changes, "trail": (*envelope.trail, trusted(Step, step))})

    async def _forsake(self, envelope: Envelope, delivered: int) -> None:
        """Say that a request ends although an earlier delivery may have left something that this one was to end."""
        if delivered > 1 and self._forsaken is not None:
            await self._forsaken(envelope, delivered)

    async def _bury(
        self, delivery: Delivery, envelope: Envelope, error: StepwellError, stage: StageName
    ) -> tuple[Envelope, StageName]:
        """Keep a dead letter instead of deciding, and go on with the answer that says so."""
        await self._forsake(envelope, delivery.delivered)
        await self._letters.store(delivery, envelope, error, stage)
        outcome = answered(look_up(error), error, provisional=True)
        ended = self._extend(envelope, stage, outcome, self._clock.now(), 0.0)
        following = advance(stage, outcome.kind) if stage != LAST else LAST
        if following is None or following not in self._stages:
            await self._hand_on(delivery, ended, LAST)
            await delivery.ack()
            raise Settled
        return ended, following

    # ------------------------------------------------------------ while stages work

    async def keep_alive(self, period_s: float) -> None:
        """Tell the queue, every `period_s` seconds, that the messages held here are still being worked on."""
        while True:
            await asyncio.sleep(period_s)
            edge = self._clock.monotonic() - period_s / 2
            for delivery, since in list(self._held.values()):
                if since <= edge:
                    await delivery.working()

    def cancel(self, key: str) -> None:
        """The caller of `<tenant>.<id>` no longer wants the answer: stop the stage that works on it."""
        self._cancelled[key] = None
        if len(self._cancelled) > CANCELLED_KEPT:
            self._cancelled.popitem(last=False)
        watch = self._watched.get(key)
        if watch is not None:
            watch.interrupt("cancelled")


async def _let_others() -> None:
    """Let pieces of streamed answers pass between two stages, which hold the loop for half a millisecond each.

    A piece takes three turns of the loop: it is read, goes to who waits for it, and is written.
    """
    for _ in range(3):
        await asyncio.sleep(0)
