"""One attempt: permitted, paid, called, settled, and written down before the request goes on.

What a redelivery finds in the journal is not called again; it is settled again, which changes nothing.
"""

import asyncio
import logging

from pipeline.adapters.models.by_batch import ByBatch
from pipeline.adapters.models.calling import Calling
from pipeline.adapters.models.chain import Link, plan_of, was_here_before
from pipeline.adapters.models.deadline import left_s
from pipeline.adapters.models.estimates import Size, size_of
from pipeline.adapters.models.outcomes import Answered, Calls, attempt_of, believed
from pipeline.adapters.models.permits import Permits, Ready
from pipeline.adapters.models.purse import Bill, Purse, Refused, Unpaid
from pipeline.adapters.models.settle import FAILURES, CallFailure
from pipeline.adapters.models.stopped import taken_back
from pipeline.adapters.models.ways import SHUT, Way, next_rung, way_of
from pipeline.adapters.provider_batches.shelving import Place
from pipeline.contracts import Attempt, Envelope, MadeFor, Rung, StageName, Usage
from pipeline.disclosure.guard import Added
from pipeline.errors import LeftEarly
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Journal, ModelClient, NotDurable, Run

__all__ = ["OneAttempt"]

_log = logging.getLogger("stepwell.models")


class OneAttempt:
    """Makes one attempt at a time.

    Args:
        client: says who takes calls.
        calling: calls models.
        by_batch: has calls made by batches of their providers.
        permits: makes calls ready.
        purse: pays.
        journal: remembers what was paid for.
        policies: what variants, targets and prices mean.
        clock: the time.
    """

    def __init__(
        self,
        client: ModelClient,
        calling: Calling,
        by_batch: ByBatch,
        permits: Permits,
        purse: Purse,
        journal: Journal,
        policies: PolicySource,
        clock: Clock,
    ) -> None:
        self._client = client
        self._calling = calling
        self._by_batch = by_batch
        self._permits = permits
        self._purse = purse
        self._journal = journal
        self._policies = policies
        self._clock = clock

    async def make(
        self, envelope: Envelope, run: Run, stage: StageName, tier: int, link: Link, added: Added | None
    ) -> Attempt | Refused | None:
        """The attempt, or why it may not be made; None: no time is left for it.

        Raises:
            ResidencyRefused: the target may not see the request.
            UnknownModel: the policy that the request goes on under has no such variant.
            TransportUnavailable: it could not be written down.
            NotDurable: no queue has the request yet.
        """
        if not run.durable:
            raise NotDurable
        number = len(envelope.attempts) + 1
        kind: MadeFor = "answer" if added is None else added.kind
        step = _step(stage, number, kind, added)
        earlier = await self._journal.recall(envelope.key, step) if was_here_before(envelope, run.delivered) else None
        if earlier is not None:
            return await self._replay(envelope, stage, tier, link, step, earlier)
        if run.delivered > 1 and envelope.lane != "batch":
            await self._purse.buries(envelope, step, run.delivered)
        ready = await self._permits.ready(envelope, link.rung, f"{envelope.key}.{step}", added)
        if left_s(envelope, self._clock.now()) <= 0:
            return None
        spec = ready.permit.spec
        size = size_of(envelope, ready.variant, spec, added)
        bill = Bill(
            envelope, ready.policy, stage, tier, link.place, link.rung, step, size, spec.price, run.delivered, kind
        )
        way = SHUT if kind != "answer" else way_of(bill, spec, ready.back, run, lambda: self._may_leave(bill))
        place = await self._placed(bill, ready) if envelope.lane == "batch" else None
        shelved = place if place is not None and not place.alone else None
        calls = Calls()
        made = await self._settled(bill, ready, calls, number, way, shelved)
        if isinstance(made, Refused):
            return made
        opened = calls.first.opened or made.error is None
        if opened and not was_here_before(envelope, run.delivered):
            counting = await self._noted(bill, made)
        else:
            counting = await self._stands(bill, made, opened=opened)
        if place is not None:
            await self._by_batch.take(place)
        return counting if counting is made else counting.model_copy(update={"replayed": True})

    async def _placed(self, bill: Bill, ready: Ready) -> Place | None:
        """Where the call stands that goes by a batch of its provider; one that does not may have been lost before."""
        place = await self._by_batch.place(bill, ready)
        if bill.delivered > 1 and (place is None or place.alone):
            await self._purse.buries(bill.envelope, bill.step, bill.delivered)
        return place

    async def _stands(self, bill: Bill, made: Attempt, *, opened: bool) -> Attempt:
        """Write it down, then settle what counts, where money was set aside for it. Returns the attempt that counts."""
        counting = await self._journal.write(bill.envelope.key, bill.step, made)
        if opened or counting is not made:
            await self._purse.closes(bill, counting)
        elif bill.delivered > 1:  # an earlier delivery may have set money aside, and nothing will settle it
            await self._purse.forsakes(bill.envelope, bill.delivered)
        return counting

    async def _noted(self, bill: Bill, made: Attempt) -> Attempt:
        """Write it down and settle it side by side, of a first delivery; the entry leaves first.

        Should the entry alone get there, the next delivery settles it. Should the line alone, the next one makes the
        call again, and counts this one beside it.
        """
        settling = asyncio.create_task(self._purse.closes(bill, made))
        try:
            counting = await self._journal.write(bill.envelope.key, bill.step, made)
        finally:
            await settling
        return counting

    async def _replay(
        self, envelope: Envelope, stage: StageName, tier: int, link: Link, step: str, earlier: Attempt
    ) -> Attempt:
        """What was called already; its worker may have died before it was settled."""
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        spec = policy.targets.get(earlier.target)
        rung = Rung(variant=earlier.variant, target=earlier.target)
        price = spec.price if spec is not None else None
        kind = earlier.made_for
        bill = Bill(envelope, policy, stage, tier, link.place, rung, step, Size(0, 0), price, made_for=kind)
        await self._purse.closes(bill, earlier)
        return earlier.model_copy(update={"replayed": True})

    async def _settled(
        self, bill: Bill, ready: Ready, calls: Calls, number: int, way: Way, place: Place | None
    ) -> Attempt | Refused:
        """Make the call, if it may be paid, and say what it came to, however it ended."""
        refused = self._purse.forbids(bill)
        if refused is not None:
            return refused
        what = {
            "number": number,
            "stage": bill.stage,
            "made_for": bill.made_for,
            "tier": bill.tier,
            "fallback": bill.place,
            "variant": bill.rung.variant,
            "target": bill.rung.target,
            "model": ready.permit.spec.model,
            "shielded": ready.permit.view.shielded,
        }
        started = self._clock.monotonic()
        outcome: Answered | CallFailure
        try:
            if place is None:
                outcome = await self._calling.answer(bill, ready, calls, way)
            else:
                outcome = await self._fetched(bill, ready, calls, place)
        except Unpaid as unpaid:
            return unpaid.refused
        except asyncio.CancelledError as stopped:
            outcome = taken_back(stopped)
        except FAILURES as error:
            outcome = error
        spent_ms = (self._clock.monotonic() - started) * 1000
        price = bill.price if place is None else place.price
        attempt = attempt_of(what, outcome, calls, bill.size, price, spent_ms)
        if isinstance(outcome, Answered) and not believed(outcome.answer, bill.size):
            _warn_of(outcome.answer.usage, bill)
        return _told(attempt if calls.first.opened else _unsent(attempt), way, outcome)

    async def _fetched(self, bill: Bill, ready: Ready, calls: Calls, place: Place) -> Answered:
        """The answer that comes by a batch of its provider, which holds no slot: an earlier delivery lost none."""
        calls.first.opened = True
        await self._purse.opens(bill._replace(delivered=1))
        return await self._by_batch.answer(bill, ready, place, calls)

    async def _may_leave(self, bill: Bill) -> bool:
        """Whether the next tier is to be had now: it answers, it is quick enough, and the caps let it be called."""
        following, snapshot = next_rung(bill), plan_of(bill.envelope).snapshot
        if following is None or not self._client.healthy(following.target):
            return False
        standing = snapshot.targets.get(following.target) if snapshot is not None else None
        if standing is not None and not standing.ends_within(left_s(bill.envelope, self._clock.now())):
            return False
        return await self._purse.may_leave(bill)


def _step(stage: StageName, number: int, kind: MadeFor, added: Added | None) -> str:
    """The name of a call within its request: the same for whoever delivers it again, and for no other call."""
    name = f"{stage}-{number}" if kind == "answer" else f"{stage}-{number}-{kind}"
    return f"{name}-{added.known}" if added is not None and added.known else name


def _unsent(attempt: Attempt) -> Attempt:
    """An attempt that failed before it had a slot cost nothing, whatever its price."""
    return attempt if attempt.error is None else attempt.model_copy(update={"cost_usd": 0.0, "estimated": False})


def _told(attempt: Attempt, way: Way, outcome: Answered | CallFailure) -> Attempt:
    """The attempt with what became of it on its way to the caller."""
    told: dict[str, object] = {"streamed": True} if way.streamed else {}
    if way.gate is not None and way.gate.exit_at is not None:
        told |= {"exit_at": way.gate.exit_at, "left_early": isinstance(outcome, LeftEarly)}
    return attempt.model_copy(update=told) if told else attempt


def _warn_of(reported: Usage, bill: Bill) -> None:
    _log.warning(
        "target %s reported %d tokens asked and %d answered for a call that may use %d and %d; that is not believed",
        bill.rung.target,
        reported.input_tokens,
        reported.output_tokens,
        bill.size.asked,
        bill.size.answered,
    )
