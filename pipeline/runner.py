"""One message through one stage, or through as many stages as this worker runs: decide, publish, then acknowledge.

A stage never acknowledges and never publishes; `Runner.step` does both, in this order, on one screen. A worker that
runs several stages hands over in memory between them (fusion), and through a durable queue where its own set ends.
"""

import asyncio
import logging
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import ValidationError

from pipeline.contracts import DeadLetter, Envelope, ErrorBody, StageName, Step, is_name, parse_envelope
from pipeline.contracts.handed import Handed
from pipeline.contracts.trusted import changed, trusted
from pipeline.disclosure.guard import may_keep
from pipeline.errors import (
    DEAD_LETTER,
    POSTPONE,
    RETRY,
    Cancelled,
    DeadlineExceeded,
    Disposition,
    StepwellError,
    Unreadable,
)
from pipeline.errors import disposition as look_up
from pipeline.layout import MAX_DELIVERIES, MAX_FAILURES
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
from pipeline.topology import AT_PROVIDER, FIRST, LAST, POSTPONED, WAITING, advance, dead_subject, step_subject

__all__ = ["Carried", "Runner", "dump_admitted", "dump_envelope", "error_body"]

_log = logging.getLogger("stepwell.runner")

_HANDED: Final = Handed()
_VERSION: Final = {"version"}
"""Always said: its default is that of the reader."""
RETRY_DELAYS_S: Final = (0.2, 1.0, 5.0, 15.0)
"""Pause before the second, third … delivery of a message whose stage raised; jittered to half as much again."""
POSTPONE_S: Final = 1.0
"""How long a postponed request waits whose error names no pause; a tenth of it at least, whatever the error names."""
SPREAD_S: Final = 1.0
"""Over how long those are spread that wait for the same moment, for instance the end of a budget's window."""
LARGEST_LETTER: Final = 640 * 1024
"""Bytes of a message that a dead letter can hold: written as text they are a third more."""
CANCELLED_KEPT: Final = 10_000
"""How many cancelled requests a worker remembers."""


def dump_envelope(envelope: Envelope) -> bytes:
    """The bytes that travel. Fields that hold their default are left out: they say nothing, and most of them do."""
    body = envelope.model_dump_json(exclude_none=True, exclude_defaults=True, exclude=_VERSION)
    return f'{{"version":"{envelope.version}",{body[1:]}'.encode()


def dump_admitted(envelope: Envelope) -> bytes:
    """The same for an envelope that was let in just now, and may well come back to this process."""
    return _HANDED.wrote(dump_envelope(envelope), envelope)


def error_body(error: BaseException) -> ErrorBody:
    """What a caller and a record may know about `error`. A defect of ours shows its kind, never its text."""
    if isinstance(error, StepwellError):
        return ErrorBody(
            code=error.code,
            message=error.message,
            rule=error.rule,
            param=error.param,
            retry_after_s=error.retry_after_s,
        )
    return ErrorBody(code="internal", message=f"a defect in Stepwell ({type(error).__name__}); see the worker's log")


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
    ) -> None:
        self._stages: dict[StageName, Stage] = {stage.name: stage for stage in stages}
        self._transport = transport
        self._streams = streams
        self._clock = clock
        self._random = random
        self._observer = observer
        self._worker = worker
        self._policies = policies
        self._held: dict[int, tuple[Delivery, float]] = {}
        self._watched: dict[str, _Watch] = {}
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
        self._held[id(delivery)] = (delivery, self._clock.monotonic())
        try:
            envelope = self._read(delivery)
            await self._descend(delivery, envelope)
            await delivery.ack()
        except _Settled:
            pass
        except Unreadable as error:
            await self._store_dead(delivery, None, error, delivery.stage)
            await delivery.ack()
        except Exception:
            _log.exception("could not settle a message for %s; it will be delivered again", delivery.stage)
        finally:
            self._held.pop(id(delivery), None)

    async def carry(self, carried: "Carried") -> None:
        """Take a request that is in memory alone as far as it gets without a paid call.

        Then it has ended, or a queue has it (`Carried.left`).

        Raises:
            Exception: neither is so, since no queue takes it. Nobody goes on with it, and its caller has to be told.
        """
        try:
            await self._descend(carried, carried.envelope)
        except _Settled:
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

    def _read(self, delivery: Delivery) -> Envelope:
        known = _HANDED.take(delivery.body)
        if known is not None:
            return known
        try:
            return parse_envelope(delivery.body)
        except ValidationError as error:
            raise Unreadable(f"a message for {delivery.stage} is no envelope: {error.error_count()} problems") from None

    async def _descend(self, delivery: Delivery, envelope: Envelope) -> None:
        run = Run(delivery.delivered, self._caller(envelope), delivery.durable)
        stage = delivery.stage
        if delivery.delivered > MAX_DELIVERIES:
            worn = Unreadable(f"delivered {delivery.delivered} times, and each time its worker died")
            envelope, stage = await self._bury(delivery, envelope, worn, stage)
        key = envelope.key
        watch = _Watch(envelope, self._clock.now())
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

    # ------------------------------------------------------------ one stage

    async def _decide(
        self, delivery: Delivery, stage: Stage, envelope: Envelope, run: Run, watch: "_Watch"
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
            raise _Settled from None
        except Exception as error:
            outcome = await self._dispose(delivery, name, envelope, error)
        spent = clock.monotonic() - begun
        self._observer.step(name, outcome.kind, envelope.lane, spent)
        return outcome, started, spent

    async def _dispose(self, delivery: Delivery, stage: StageName, envelope: Envelope, error: Exception) -> Outcome:
        """Look the error up in the one table and do what it says."""
        decision = look_up(error)
        action = decision.action
        if action == POSTPONE and stage not in WAITING:
            action = RETRY  # a defect: nobody else may let a request wait, nor has the permission
        if action == RETRY and delivery.delivered >= MAX_FAILURES:
            action = DEAD_LETTER
        code = error_body(error).code
        self._observer.trouble(stage, action, code)
        if not isinstance(error, StepwellError):
            _log.error("%s raised %s on delivery %d", stage, type(error).__name__, delivery.delivered, exc_info=error)
        if action == POSTPONE:
            await self._postpone(delivery, stage, envelope, error)
            raise _Settled
        if action == RETRY:
            await delivery.retry(self._delay(delivery.delivered, error))
            raise _Settled
        if action == DEAD_LETTER:
            await self._store_dead(delivery, envelope, error, stage)
        if stage == LAST:
            await delivery.ack()
            raise _Settled
        return _answer(decision, error, provisional=action == DEAD_LETTER)

    async def _postpone(self, delivery: Delivery, stage: StageName, envelope: Envelope, error: Exception) -> None:
        """Store the envelope for later in front of `stage`, at the latest until its deadline, then acknowledge."""
        now = self._clock.now()
        delay = min(self._pause(error), envelope.deadline_at - now)
        waiting = _waiting(envelope, stage, error, now, now + delay, self._worker)
        step = waiting.trail[-1]
        message_id = f"{envelope.key}.{len(waiting.trail)}.{step.facts['times']}"
        if getattr(error, "rule", None) == AT_PROVIDER:
            message_id += f".{AT_PROVIDER}"  # so that its subject alone tells what it waits for
        await self._transport.postpone(envelope.lane, stage, dump_envelope(waiting), message_id, delay, delivery.row)
        await delivery.ack()

    def _pause(self, error: Exception) -> float:
        named = error.retry_after_s if isinstance(error, StepwellError) else None
        pause = max(POSTPONE_S if named is None else named, POSTPONE_S / 10)
        return pause + self._random.random() * min(SPREAD_S, pause)

    def _delay(self, delivered: int, error: Exception) -> float:
        named = error.retry_after_s if isinstance(error, StepwellError) else None
        if named is not None:
            return named
        base = RETRY_DELAYS_S[min(delivered, len(RETRY_DELAYS_S)) - 1]
        return base * (1.0 + 0.5 * self._random.random())

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

    # ------------------------------------------------------------ dead letters

    async def _bury(
        self, delivery: Delivery, envelope: Envelope, error: StepwellError, stage: StageName
    ) -> tuple[Envelope, StageName]:
        await self._store_dead(delivery, envelope, error, stage)
        outcome = _answer(look_up(error), error, provisional=True)
        ended = self._extend(envelope, stage, outcome, self._clock.now(), 0.0)
        following = advance(stage, outcome.kind) if stage != LAST else LAST
        if following is None or following not in self._stages:
            await self._hand_on(delivery, ended, LAST)
            await delivery.ack()
            raise _Settled
        return ended, following

    async def _store_dead(
        self, delivery: Delivery, envelope: Envelope | None, error: Exception, stage: StageName
    ) -> None:
        withheld = self._withheld(envelope) or _too_large(delivery.body)
        letter = DeadLetter(
            id=_dead_id(envelope, delivery, stage),
            stage=stage,
            lane=delivery.lane,
            subject=step_subject(delivery.lane, delivery.stage),
            attempts=delivery.delivered,
            reason=error_body(error),
            request_id=envelope.id if envelope else None,
            tenant=envelope.tenant if envelope else None,
            at=self._clock.now(),
            worker=self._worker,
            envelope="" if withheld else b64encode(delivery.body).decode(),
            withheld=withheld,
        )
        await self._streams.append(dead_subject(stage), letter.model_dump_json().encode(), once=letter.id)

    def _withheld(self, envelope: Envelope | None) -> str | None:
        """Why the message itself may not be kept among dead letters; None: it may."""
        if self._policies is None:
            return None
        found = envelope.classification if envelope is not None else None
        known = self._policies.revision(envelope.policy_revision) if envelope is not None else None
        if may_keep("dead_letters", found, known or self._policies.current()):
            return None
        return f"{found.data_class} data is not kept here" if found else "data that nobody classified is not kept here"

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


class Carried:
    """A delivery of its own kind: a request that was asked in this process a moment ago, and that no queue has.

    Attributes:
        envelope: what is known of it by now.
        stage: the stage it is at.
        left: it was given to a queue, and whether that took it was said to who gave it.
        goes_back: it has to be given to a queue.
    """

    __slots__ = ("envelope", "goes_back", "lane", "left", "row", "stage")
    delivered = 1
    durable = False

    def __init__(self, envelope: Envelope, row: int) -> None:
        self.envelope = envelope
        self.stage: StageName = FIRST
        self.lane = envelope.lane
        self.row = row
        self.left = False
        self.goes_back = False

    @property
    def body(self) -> bytes:
        """The bytes of the envelope."""
        return dump_envelope(self.envelope)

    async def working(self) -> None:
        """Nobody else could get it."""

    async def ack(self) -> None:
        """No queue waits to hear it."""

    async def retry(self, delay_s: float) -> None:  # noqa: ARG002 - it waits in no hand
        """The next try begins in the queue, in front of the stage where it is, and that one's failures count."""
        self.goes_back = True


class _Settled(Exception):
    """The message was handed back or put aside; there is nothing more to do with it here."""


class _Watch:
    """Over one message on its way to the last stage: interrupts the stage at the deadline or when it is cancelled."""

    def __init__(self, envelope: Envelope, now: float) -> None:
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.reason: Literal["", "expired", "cancelled"] = ""
        left = envelope.deadline_at - now
        if left <= 0:
            self.reason = "expired"
        else:
            self._timer = asyncio.get_running_loop().call_later(left, self.interrupt, "expired")

    def interrupt(self, reason: Literal["expired", "cancelled"]) -> None:
        """Stop the stage that runs now."""
        if not self._ended and not self.reason and self._task is not None:
            self.reason = reason
            self._task.cancel(reason)

    def outcome(self, envelope: Envelope) -> Outcome:
        """How the request ends."""
        if self._task is not None and self._task.cancelling():
            self._task.uncancel()
        if self.reason == "cancelled":
            return _ended("cancelled", Cancelled("the caller took the request back"))
        return _expired(envelope)

    def end(self) -> None:
        """Watch no longer."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()


async def _let_others() -> None:
    """Let pieces of streamed answers pass between two stages, which hold the loop for half a millisecond each.

    A piece takes three turns of the loop: it is read, goes to who waits for it, and is written.
    """
    for _ in range(3):
        await asyncio.sleep(0)


def _dead_id(envelope: Envelope | None, delivery: Delivery, stage: StageName) -> str:
    if envelope is None or not is_name(envelope.id):
        return f"unreadable-{abs(hash(delivery.body)):x}"[:64]
    return f"{envelope.id[:40]}-{stage}-{delivery.delivered}"


def _too_large(body: bytes) -> str | None:
    """Why a message does not fit into a dead letter, which is one message itself; None: it does."""
    if len(body) <= LARGEST_LETTER:
        return None
    return f"the message has {len(body)} bytes, and a dead letter holds {LARGEST_LETTER} at most"


def _waiting(envelope: Envelope, stage: StageName, error: Exception, now: float, until: float, worker: str) -> Envelope:
    """The envelope as it waits. Waiting again adds no step to the trail: however often, it stays one."""
    told = envelope.trail
    before = told[-1] if told and (told[-1].stage, told[-1].outcome) == (stage, POSTPONED) else None
    since = before.at if before else now
    body = error_body(error)
    step = Step.model_construct(
        stage=stage,
        outcome=POSTPONED,
        reasons=(body.code, body.rule) if body.rule else (body.code,),
        facts={"times": int(before.facts.get("times") or 0) + 1 if before else 1, "until": round(until, 3)},
        at=since,
        duration_ms=round((until - since) * 1000, 3),
        worker=worker,
    )
    return envelope.model_copy(update={"trail": (*(told[:-1] if before else told), step)})


def _expired(envelope: Envelope) -> Outcome:
    allowed = round(envelope.deadline_at - envelope.received_at, 3)
    return _ended("expired", DeadlineExceeded(f"the deadline of {allowed:g} s passed before the answer was there"))


def _ended(kind: str, error: StepwellError) -> Outcome:
    return Outcome(kind, (error.code,), {"status": "failed", "error": error_body(error)})


def _answer(decision: Disposition, error: BaseException, *, provisional: bool) -> Outcome:
    body = error_body(error)
    return Outcome(
        decision.status, (body.code,), {"status": decision.status, "error": body, "provisional": provisional}
    )
