"""One call that is permitted and paid, to its answer: with a second one beside it where it is slow."""

from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.adapters.models.chain import gives_way_s
from pipeline.adapters.models.deadline import left_s
from pipeline.adapters.models.hedging import Hedges, race
from pipeline.adapters.models.outcomes import Answered, Calls
from pipeline.adapters.models.permits import Permits, Ready
from pipeline.adapters.models.purse import Bill, Purse, Unpaid
from pipeline.adapters.models.ways import SHUT, Way
from pipeline.errors import ResidencyRefused, UnknownModel
from pipeline.ports import Clock, Completion, ModelCall, ModelClient, Progress

__all__ = ["Calling"]


class Calling:
    """Calls models.

    Args:
        client: reaches them.
        permits: makes the second call ready.
        purse: says whether that may be paid, too.
        clock: the time.
    """

    def __init__(self, client: ModelClient, permits: Permits, purse: Purse, clock: Clock) -> None:
        self._client = client
        self._permits = permits
        self._purse = purse
        self._clock = clock
        self._hedges = Hedges()

    async def answer(self, bill: Bill, ready: Ready, calls: Calls, way: Way) -> Answered:
        """The answer of the call, or of a second one beside it. Raises as the client does."""
        spec, envelope = ready.permit.spec, bill.envelope
        opens = partial(self._purse.opens, bill)
        left = left_s(envelope, self._clock.now())
        told = self._told(bill, left)
        call = ModelCall(ready.permit, left, envelope.lane, calls.first, way.gate, opens=opens, **told)
        if not spec.hedge or way != SHUT or bill.purpose != "draft":
            return Answered(await self._one(call, ready, way), ready.found)
        rules, begun = ready.policy.limits.hedge, self._clock.monotonic()
        after_s = self._hedges.after_s(bill.rung.target, rules)
        if after_s is None:
            outcome = Answered(await self._one(call, ready, SHUT), ready.found)
        else:
            outcome = await self._raced(bill, ready, calls, call, after_s)
        latency_ms = (self._clock.monotonic() - begun) * 1000
        self._hedges.answered(bill.rung.target, latency_ms, rules)
        return outcome._replace(answer=replace(outcome.answer, latency_ms=latency_ms))

    async def _raced(self, bill: Bill, ready: Ready, calls: Calls, call: ModelCall, after_s: float) -> Answered:
        """The call, with a second one beside it where it is slow and that may be paid."""
        others, target = [ready], bill.rung.target

        async def second() -> Coroutine[Any, Any, Completion] | None:
            remains_s = left_s(bill.envelope, self._clock.now())
            if remains_s <= 0 or not self._purse.may_hedge(bill):
                return None
            if not self._client.free(target, bill.envelope.lane) or not self._hedges.spend(target):
                return None  # one that would wait for a slot, perhaps behind the first, gains nothing
            try:
                others.append(
                    await self._permits.ready(bill.envelope, bill.rung, f"{bill.envelope.key}.{bill.step}.hedge")
                )
            except (ResidencyRefused, UnknownModel):
                return None  # the policy changed meanwhile; the first call was permitted
            beside = Progress()
            opens = partial(self._opens_beside, bill, calls, beside)
            told = self._told(bill, remains_s)
            again = ModelCall(others[-1].permit, remains_s, bill.envelope.lane, beside, opens=opens, **told)
            return self._one(again, others[-1], SHUT)

        ended = await race(self._one(call, ready, SHUT), after_s, second)
        won = others[-1] if ended.second else ready
        return Answered(ended.answer, won.found, ended.second, ended.also)

    def _told(self, bill: Bill, left: float) -> dict[str, Any]:
        """What the client is told of who asks, and of when another target should have its turn."""
        envelope = bill.envelope
        follows = bill.made_for == "answer"
        way = gives_way_s(envelope, bill.tier, bill.place, left, self._client.healthy) if follows else None
        return {"tenant": envelope.tenant, "gives_way_s": way}

    async def _opens_beside(self, bill: Bill, calls: Calls, beside: Progress) -> None:
        """Set aside what the second call may cost; one that may not be paid was none. Raises as the purse does."""
        calls.beside = beside
        try:
            await self._purse.hedges(bill)
        except Unpaid:
            calls.beside = None
            raise

    async def _one(self, call: ModelCall, ready: Ready, way: Way) -> Completion:
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
