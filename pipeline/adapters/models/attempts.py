"""One paid attempt at one tier: permitted, called, settled, and written down before the request goes on."""

from typing import Final, NamedTuple

from pipeline.adapters.models.settle import FAILURES, failed, succeeded
from pipeline.adapters.models.shields import Shields
from pipeline.contracts import Attempt, Chunk, Envelope, Plan, StageName, Tier
from pipeline.disclosure.guard import Permit, Reference, governing, judged, permit
from pipeline.disclosure.return_path import ReturnPath
from pipeline.errors import UnknownModel, Unreadable
from pipeline.policy.source import PolicySource
from pipeline.ports import Caller, Clock, Completion, Journal, ModelCall, ModelClient, Run

__all__ = ["RESERVE_S", "Attempts"]

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
    """

    def __init__(
        self,
        client: ModelClient,
        journal: Journal,
        policies: PolicySource,
        clock: Clock,
        shields: Shields | None = None,
    ) -> None:
        self._shields = shields or Shields()
        self._client = client
        self._journal = journal
        self._policies = policies
        self._clock = clock

    def left_s(self, envelope: Envelope) -> float:
        """Seconds that calls may still take, so that the rest of the way can be gone before the deadline."""
        reserve = min(RESERVE_S, (envelope.deadline_at - envelope.received_at) / 20)
        return envelope.deadline_at - reserve - self._clock.now()

    async def make(self, envelope: Envelope, run: Run, stage: StageName, tier: int) -> Attempt | None:
        """Call the variant of `tier`, unless an earlier delivery has done so already.

        Returns the attempt that counts, with an error where the call failed; None when no time is left to call.

        Raises:
            ResidencyRefused: the target may not see the request.
            UnknownModel: the policy that the request goes on under has no such variant.
        """
        step = f"{stage}-{len(envelope.attempts) + 1}"
        if run.delivered > 1:
            earlier = await self._journal.recall(envelope.key, step)
            if earlier is not None:
                return earlier.model_copy(update={"replayed": True})
        made = await self._call(envelope, run, stage, tier)
        if made is None:
            return None
        counting = await self._journal.write(envelope.key, step, made)
        return counting if counting is made else counting.model_copy(update={"replayed": True})

    async def _call(self, envelope: Envelope, run: Run, stage: StageName, tier: int) -> Attempt | None:
        rung = _plan(envelope).tiers[tier]
        number = len(envelope.attempts) + 1
        ready = await self._ready(envelope, rung, f"{envelope.key}.{stage}-{number}")
        left_s = self.left_s(envelope)
        if left_s <= 0:
            return None
        spec, view = ready.permit.spec, ready.permit.view
        what = {
            "number": number,
            "stage": stage,
            "tier": tier,
            "variant": rung.variant,
            "target": rung.target,
            "model": spec.model,
            "shielded": view.shielded,
        }
        live = _Live(run.caller) if run.caller is not None and _may_stream(envelope, run, tier) else None
        started = self._clock.monotonic()
        try:
            completion = await self._answered(ModelCall(ready.permit, left_s, envelope.lane), ready.back, live)
        except FAILURES as error:
            spent_ms = (self._clock.monotonic() - started) * 1000
            attempt = failed(what, error, spent_ms, spec.price)
        else:
            found = ready.back.found if ready.back is not None else ()
            attempt = succeeded({**what, "found": found}, completion, spec.price)
        return attempt.model_copy(update={"streamed": True}) if live is not None and live.sent else attempt

    async def _answered(self, call: ModelCall, back: ReturnPath | None, live: "_Live | None") -> Completion:
        """The answer as its caller may have it; streamed to `live` in the same form."""
        if back is None:
            return await self._client.complete(call, live)
        completion = await self._client.complete(call, back.sink(live) if live is not None else None)
        if live is not None:
            await back.finish()
        return back.completion(completion)

    async def _ready(self, envelope: Envelope, rung: Tier, key: str) -> "_Ready":
        """The permit for a tier with what its target will be sent, and the way back of its answer."""
        request = envelope.request
        policy, found = governing(self._policies, envelope.policy_revision, request, envelope.classification)
        decision = judged(request, found, rung.target, policy)
        variant = policy.variants.get(rung.variant)
        if variant is None or variant.target != rung.target:
            raise UnknownModel(f"variant {rung.variant} of target {rung.target} is no longer in the policy")
        hides = bool(decision.pseudonymise or decision.mask)
        made = await self._shields.pseudonyms(request) if hides else None
        allowed = permit(request, found, rung.target, policy, variant, made, Reference(key, envelope.traceparent))
        if made is not None:
            self._shields.keep(request, made, policy)
        return _Ready(allowed, self._shields.way_back(request, made, policy, rung.target))


class _Ready(NamedTuple):
    """What a call needs: the permit, and the way back of the answer where it is not the answer itself."""

    permit: Permit
    back: ReturnPath | None


class _Live:
    """Passes text on to the caller as it comes, numbered from 0."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.sent = 0

    async def __call__(self, text: str) -> bool:
        seq, self.sent = self.sent, self.sent + 1
        return await self._caller.chunk(Chunk.model_construct(seq=seq, text=text))


def _may_stream(envelope: Envelope, run: Run, tier: int) -> bool:
    """Whether text may reach the caller before it is checked: only where nothing after can reject it.

    That is: no schema to satisfy, and either no threshold applies (the last tier there is) or a low confidence only
    marks the answer. A redelivery does not stream: the caller may have a part of an earlier answer already.
    """
    request, plan = envelope.request, _plan(envelope)
    if not request.stream or request.response_schema is not None or run.delivered > 1:
        return False
    deepest = len(plan.tiers) - 1
    return tier == deepest or (tier == envelope.last_tier and plan.on_exhausted == "degrade")


def _plan(envelope: Envelope) -> Plan:
    if envelope.plan is None:
        raise Unreadable("an envelope reached a stage that calls models without a plan")
    return envelope.plan
