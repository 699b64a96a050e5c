"""One paid attempt at one tier: permitted, called, settled, and written down before the request goes on."""

import secrets
from typing import Final

from pipeline.adapters.models.settle import FAILURES, failed, succeeded
from pipeline.contracts import Attempt, Chunk, Envelope, Plan, StageName, Tier
from pipeline.disclosure.guard import Permit, Reference, governing, judged, permit
from pipeline.disclosure.pseudonyms import Pseudonyms, conversation_of
from pipeline.errors import UnknownModel, Unreadable
from pipeline.policy.source import PolicySource
from pipeline.ports import Caller, Clock, Journal, ModelCall, ModelClient, Run

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
        secret: key of the pseudonyms; workers that share it give the same ones. Without it, an own random key is taken.
    """

    def __init__(
        self, client: ModelClient, journal: Journal, policies: PolicySource, clock: Clock, *, secret: bytes = b""
    ) -> None:
        self._secret = secret or secrets.token_bytes(32)
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
        allowed = self._permitted(envelope, rung, f"{envelope.key}.{stage}-{number}")
        left_s = self.left_s(envelope)
        if left_s <= 0:
            return None
        what = {
            "number": number,
            "stage": stage,
            "tier": tier,
            "variant": rung.variant,
            "target": rung.target,
            "model": allowed.spec.model,
            "shielded": allowed.view.shielded,
        }
        live = _Live(run.caller) if run.caller is not None and _may_stream(envelope, run, tier) else None
        started = self._clock.monotonic()
        try:
            completion = await self._client.complete(ModelCall(allowed, left_s, envelope.lane), live)
        except FAILURES as error:
            spent_ms = (self._clock.monotonic() - started) * 1000
            attempt = failed(what, error, spent_ms, allowed.spec.price)
        else:
            attempt = succeeded(what, completion, allowed.spec.price)
        return attempt.model_copy(update={"streamed": True}) if live is not None and live.sent else attempt

    def _permitted(self, envelope: Envelope, rung: Tier, key: str) -> Permit:
        """The permit for a tier, with what its target will be sent."""
        request = envelope.request
        policy, found = governing(self._policies, envelope.policy_revision, request, envelope.classification)
        decision = judged(request, found, rung.target, policy)
        variant = policy.variants.get(rung.variant)
        if variant is None or variant.target != rung.target:
            raise UnknownModel(f"variant {rung.variant} of target {rung.target} is no longer in the policy")
        shield = None
        if decision.pseudonymise or decision.mask:
            shield = Pseudonyms(self._secret, request.tenant, conversation_of(request))
        return permit(request, found, rung.target, policy, variant, shield, Reference(key, envelope.traceparent))


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
