"""The calls of one tier: each permitted, paid, made, and written down before the request goes on.

A tier is its variant and, while targets fail, its fallbacks. Each of them is an attempt of its own, with a permit, a
charge and an entry in the journal of its own. A redelivery walks the same chain: what was called already comes from the
journal, and is settled again, which changes nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, NamedTuple

from pipeline.adapters.models.chain import Link, chain_of, ends_chain, plan_of, spares_of, was_here_before
from pipeline.adapters.models.estimates import Size, size_of
from pipeline.adapters.models.hedging import Hedges, race
from pipeline.adapters.models.outcomes import Answered, Calls, attempt_of, believed
from pipeline.adapters.models.purse import Bill, Purse, Refused
from pipeline.adapters.models.settle import FAILURES, CallFailure
from pipeline.adapters.models.shields import Shields
from pipeline.adapters.models.ways import SHUT, Way, next_rung, way_of
from pipeline.adapters.provider_batches.shelving import Place, Shelving, came
from pipeline.contracts import Attempt, Envelope, Finding, MadeFor, Rung, StageName, Tier, Usage
from pipeline.disclosure.guard import Added, Permit, Reference, governing, judged, permit
from pipeline.disclosure.return_path import ReturnPath
from pipeline.errors import Cancelled, LeftEarly, ResidencyRefused, TargetTimeout, UnknownModel
from pipeline.policy import Policy
from pipeline.policy.models import Variant
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Completion, Journal, Ledger, Made, ModelCall, ModelClient, Progress, Run

__all__ = ["RESERVE_S", "Attempts"]

_log = logging.getLogger("stepwell.models")

RESERVE_S: Final = 0.05
"""Seconds before the deadline that are kept to check, record and reply; of a short deadline a twentieth."""


class Attempts:
    """Makes attempts for the stages that call models.

    Args:
        client: calls models.
        journal: remembers what was paid for.
        policies: what variants, targets and prices mean.
        clock: the time.
        shields: hides personal data from targets and brings it back; not given, an own one without a memory.
        ledger: keeps the money; None: nobody does.
        shelving: lets calls go by batches of their providers; None: each is made by itself.
    """

    def __init__(
        self,
        client: ModelClient,
        journal: Journal,
        policies: PolicySource,
        clock: Clock,
        shields: Shields | None = None,
        ledger: Ledger | None = None,
        shelving: Shelving | None = None,
    ) -> None:
        self._shelving = shelving
        self._shields = shields or Shields()
        self._client = client
        self._journal = journal
        self._policies = policies
        self._clock = clock
        self._purse = Purse(ledger)
        self._hedges = Hedges()

    def left_s(self, envelope: Envelope) -> float:
        """Seconds that calls may still take, so that the rest of the way can be gone before the deadline."""
        reserve = min(RESERVE_S, (envelope.deadline_at - envelope.received_at) / 20)
        return envelope.deadline_at - reserve - self._clock.now()

    async def make(self, envelope: Envelope, run: Run, stage: StageName, tier: int, added: Added | None = None) -> Made:
        """Call the variant of `tier`, and its fallbacks while they fail, but for what was called already.

        `added`: an answer that is handed over to it.

        Raises:
            ResidencyRefused: the target that was chosen may not see the request.
            UnknownModel: the policy that the request goes on under has no such variant.
            TransportUnavailable: a call could not be written down.
        """
        made: list[Attempt] = []
        passed_over: list[str] = []
        refused: Refused | None = None
        links = deque(chain_of(envelope, tier))
        while links:
            link = links.popleft()
            now = envelope.model_copy(update={"attempts": (*envelope.attempts, *made)}) if made else envelope
            try:
                result = await self._one(now, run, stage, tier, link, added)
            except (ResidencyRefused, UnknownModel) as error:
                if link.place == 0:
                    raise
                passed_over.append(f"{link.rung.variant}:{error.code}")
                continue
            if isinstance(result, Refused):
                refused, links = result, deque(spares_of(now, tier, link) if result.degrades else ())
            elif result is None:
                return Made(tuple(made), out_of_time=True, passed_over=tuple(passed_over))
            else:
                refused = None
                made.append(result)
                if ends_chain(result):
                    break
        denial, capped = refused or (None, False)
        return Made(tuple(made), denial, capped, passed_over=tuple(passed_over))

    async def ask(self, envelope: Envelope, run: Run, about: Attempt, rung: Rung, added: Added) -> Made:
        """One further call about the answer of `about`, at its tier, beyond the call that gave it.

        What forbids it is no error of the request: the answer is there without it.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        return await self._further(envelope, run, "draft", about.tier, Link(about.fallback, rung), added)

    async def compare(self, envelope: Envelope, run: Run, rung: Rung, added: Added, within_s: float) -> Made:
        """Ask whether a remembered question has the same answer as this one, for so many seconds at most.

        It is asked before any model answers, so it takes no more than a third of the time that is left for that, and
        a target that is left alone is not asked at all.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        return await self._hurried(envelope, run, rung, added, within_s)

    async def embed(self, envelope: Envelope, run: Run, rung: Rung, question: str, within_s: float) -> Made:
        """Have the vector of the last question made, that remembered ones are found by; as `compare` otherwise.

        Raises:
            TransportUnavailable: the call could not be written down.
        """
        added = Added(kind="embedding", answer=question, source=rung.target)
        return await self._hurried(envelope, run, rung, added, within_s)

    async def _hurried(self, envelope: Envelope, run: Run, rung: Rung, added: Added, within_s: float) -> Made:
        """One call of recall, within so many seconds and a third of what is left."""
        if run.delivered == 1 and not self._client.healthy(rung.target):
            return Made(passed_over=(f"{rung.variant}:target_unavailable",))
        now = self._clock.now()
        ends_at = now + min(within_s, (envelope.deadline_at - now) / 3)
        hurried = envelope.model_copy(update={"deadline_at": min(envelope.deadline_at, ends_at)})
        return await self._further(hurried, run, "recall", 0, Link(0, rung), added)

    async def _further(
        self, envelope: Envelope, run: Run, stage: StageName, tier: int, link: Link, added: Added
    ) -> Made:
        """One call that is made for no answer of its own. What forbids it is no error of the request."""
        rung = link.rung
        try:
            result = await self._one(envelope, run, stage, tier, link, added)
        except (ResidencyRefused, UnknownModel) as error:
            return Made(passed_over=(f"{rung.variant}:{error.code}",))
        if isinstance(result, Refused):
            return Made(denial=result.denial, capped=result.capped)
        return Made(out_of_time=True) if result is None else Made((result,))

    # ------------------------------------------------------------ one attempt

    async def _one(
        self, envelope: Envelope, run: Run, stage: StageName, tier: int, link: Link, added: Added | None
    ) -> Attempt | Refused | None:
        """The attempt, or why it may not be made; None: no time is left for it."""
        number = len(envelope.attempts) + 1
        kind: MadeFor = "answer" if added is None else added.kind
        step = _step(stage, number, kind, added)
        earlier = await self._journal.recall(envelope.key, step) if was_here_before(envelope, run.delivered) else None
        if earlier is not None:
            return await self._replay(envelope, stage, tier, link, step, earlier)
        ready = await self._ready(envelope, link.rung, f"{envelope.key}.{step}", added)
        if self.left_s(envelope) <= 0:
            return None
        spec = ready.permit.spec
        size = size_of(envelope, ready.variant, spec, added)
        bill = Bill(
            envelope, ready.policy, stage, tier, link.place, link.rung, step, size, spec.price, run.delivered, kind
        )
        way = SHUT if kind != "answer" else way_of(bill, spec, ready.back, run, lambda: self._may_leave(bill))
        place = await self._shelved(bill, ready) if envelope.lane == "batch" else None
        made = await self._settled(bill, ready, number, way, None if place is not None and place.alone else place)
        if isinstance(made, Refused):
            return made
        if was_here_before(envelope, run.delivered):
            counting = await self._journal.write(envelope.key, step, made)
            await self._purse.closes(bill, counting)
        else:
            counting = await self._noted(bill, made)
        if place is not None and self._shelving is not None:
            await self._shelving.take(place)
        return counting if counting is made else counting.model_copy(update={"replayed": True})

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

    async def _shelved(self, bill: Bill, ready: "_Ready") -> Place | None:
        """Where the call stands that goes by a batch of its provider; None: it is made by itself. Raises `Postponed`.

        Nobody has called the model for it, whatever became of an earlier delivery.
        """
        if self._shelving is None or bill.made_for != "answer" or not ready.variant.batches:
            return None
        return await self._shelving.look(
            ready.permit,
            self.left_s(bill.envelope),
            before=was_here_before(bill.envelope, bill.delivered),
            same_again=not ready.permit.view.shielded or self._shields.lasts(bill.envelope.request),
        )

    async def _by_batch(self, bill: Bill, ready: "_Ready", place: Place, calls: Calls) -> Answered:
        """The answer that came by a batch. Raises `Postponed` where the call has yet to be put on the shelf."""
        rules = ready.permit.spec.batches
        if place.answer is None and self._shelving is not None and rules is not None:
            await self._shelving.put(place, bill, ready.permit, rules)
        calls.first.goes_out(unseen=True)
        if place.answer is None or place.answer.status != 200:
            calls.first.running = None  # the provider made no call of it, and charges nothing
        completion = came(place, ready.permit)
        calls.first.running = None
        return Answered(completion if ready.back is None else ready.back.completion(completion), ready.found)

    async def _settled(
        self, bill: Bill, ready: "_Ready", number: int, way: Way, place: Place | None = None
    ) -> Attempt | Refused:
        """Make the call, if it may be paid, and say what it came to, however it ended."""
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
        calls = Calls()
        started = self._clock.monotonic()
        outcome: Answered | CallFailure
        try:
            refused = await self._purse.opens(bill if place is None else bill._replace(delivered=1))
            if refused is not None:
                return refused
            outcome = await (
                self._called(bill, ready, calls, way) if place is None else self._by_batch(bill, ready, place, calls)
            )
        except asyncio.CancelledError as stopped:
            outcome = _taken_back(stopped)
        except FAILURES as error:
            outcome = error
        spent_ms = (self._clock.monotonic() - started) * 1000
        price = bill.price if place is None else place.price
        attempt = attempt_of(what, outcome, calls, bill.size, price, spent_ms)
        if isinstance(outcome, Answered) and not believed(outcome.answer, bill.size):
            _warn_of(outcome.answer.usage, bill)
        return _told(attempt, way, outcome)

    async def _called(self, bill: Bill, ready: "_Ready", calls: Calls, way: Way) -> Answered:
        """The answer of the call, or of a second one beside it. Raises as the client does."""
        spec, envelope = ready.permit.spec, bill.envelope
        call = ModelCall(ready.permit, self.left_s(envelope), envelope.lane, calls.first, way.gate)
        if not spec.hedge or way != SHUT or bill.purpose != "draft":
            return Answered(await self._answered(call, ready, way), ready.found)
        rules, begun = ready.policy.limits.hedge, self._clock.monotonic()
        after_s = self._hedges.after_s(bill.rung.target, rules)
        if after_s is None:
            outcome = Answered(await self._answered(call, ready, SHUT), ready.found)
        else:
            outcome = await self._raced(bill, ready, calls, call, after_s)
        latency_ms = (self._clock.monotonic() - begun) * 1000
        self._hedges.answered(bill.rung.target, latency_ms, rules)
        return outcome._replace(answer=replace(outcome.answer, latency_ms=latency_ms))

    async def _raced(self, bill: Bill, ready: "_Ready", calls: Calls, call: ModelCall, after_s: float) -> Answered:
        """The call, with a second one beside it where it is slow and that may be paid."""
        others = [ready]

        async def second() -> Coroutine[Any, Any, Completion] | None:
            left_s = self.left_s(bill.envelope)
            if left_s <= 0 or not self._hedges.spend(bill.rung.target):
                return None
            try:
                others.append(await self._ready(bill.envelope, bill.rung, f"{bill.envelope.key}.{bill.step}.hedge"))
            except (ResidencyRefused, UnknownModel):
                return None  # the policy changed meanwhile; the first call was permitted
            if not await self._purse.hedges(bill):
                return None
            calls.beside = Progress()
            again = ModelCall(others[-1].permit, left_s, bill.envelope.lane, calls.beside)
            return self._answered(again, others[-1], SHUT)

        ended = await race(self._answered(call, ready, SHUT), after_s, second)
        won = others[-1] if ended.second else ready
        return Answered(ended.answer, won.found, ended.second, ended.also)

    async def _answered(self, call: ModelCall, ready: "_Ready", way: Way) -> Completion:
        """The answer as its caller may have it; streamed in the same form, at once or from where its gate opens."""
        back, live = ready.back, way.live if way.gate is None else None
        if live is not None:
            call = replace(call, aside=live.reason if back is None else back.aside(live.reason))
        if back is None:
            return await self._client.complete(call, live)
        completion = await self._client.complete(call, back.sink(live) if live is not None else None)
        if live is not None or (way.gate is not None and way.gate.passed_on):
            await back.finish()
        return back.completion(completion)

    async def _may_leave(self, bill: Bill) -> bool:
        """Whether the next tier is to be had now: it answers, it is quick enough, and the caps let it be called."""
        following, snapshot = next_rung(bill), plan_of(bill.envelope).snapshot
        if following is None or not self._client.healthy(following.target):
            return False
        standing = snapshot.targets.get(following.target) if snapshot is not None else None
        if standing is not None and not standing.ends_within(self.left_s(bill.envelope)):
            return False
        return await self._purse.may_leave(bill)

    async def _ready(self, envelope: Envelope, rung: Tier | Rung, key: str, added: Added | None = None) -> "_Ready":
        """The permit for a rung with what its target will be sent, and the way back of its answer."""
        request = envelope.request
        policy, found = governing(self._policies, envelope.policy_revision, request, envelope.classification)
        if added is not None:
            added = self._shields.fenced(added, envelope.key, elsewhere=added.source != rung.target)
        decision = judged(request, found, rung.target, policy, added)
        variant = policy.variants.get(rung.variant)
        if variant is None or variant.target != rung.target:
            raise UnknownModel(f"variant {rung.variant} of target {rung.target} is no longer in the policy")
        hides = bool(decision.pseudonymise or decision.mask)
        made = await self._shields.pseudonyms(request) if hides else None
        reference = Reference(key, envelope.traceparent)
        allowed = permit(request, found, rung.target, policy, variant, made, reference, added)
        if made is not None:
            self._shields.keep(request, made, policy)
        if allowed.view.embed is not None:  # nothing of a text comes back
            return _Ready(allowed, None, policy, variant)
        return _Ready(allowed, self._shields.way_back(request, made, policy, rung.target), policy, variant)


class _Ready(NamedTuple):
    """What a call needs: the permit, the way back of its answer where it is not the answer itself, and its terms."""

    permit: Permit
    back: ReturnPath | None
    policy: Policy
    variant: Variant

    @property
    def found(self) -> tuple[Finding, ...]:
        """Personal data that the answer held."""
        return self.back.found if self.back is not None else ()


def _step(stage: StageName, number: int, kind: MadeFor, added: Added | None) -> str:
    """The name of a call within its request: the same for whoever delivers it again, and for no other call."""
    name = f"{stage}-{number}" if kind == "answer" else f"{stage}-{number}-{kind}"
    return f"{name}-{added.known}" if added is not None and added.known else name


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


def _taken_back(stopped: asyncio.CancelledError) -> CallFailure:
    """Why the request was stopped, as the end of its call. A worker that stops says no reason: that is no end of it.

    The runner names the reason when it stops a stage. Who swallows a cancellation takes it back from its task.
    """
    reason = stopped.args[0] if stopped.args else None
    task = asyncio.current_task()
    if reason not in _REASONS or task is None:
        raise stopped
    task.uncancel()
    if reason == "cancelled":
        return Cancelled("the caller took the request back")
    late = TargetTimeout("the deadline passed while the model was working")
    late.charged = True
    return late


_REASONS: Final = frozenset({"cancelled", "expired"})
