"""Remembered answers: the key that keeps them apart, the seal that keeps them genuine, the patience with the store.

A key is an HMAC over everything that may change the answer or who may see it: tenant, data class, route, policy
revision (with it every prompt, model and parameter of the policy) and the question itself in canonical form. A value
carries an HMAC over its key and its bytes, so that a value that was forged, cut or moved to another key is a miss.

The store may be slow or away. Then there is no hit, and for a second nobody asks again: a dead store costs nothing.
"""

import asyncio
import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson
from pydantic import ValidationError

from pipeline.contracts import CacheHit, Envelope, Json, Verdict
from pipeline.errors import StoreUnavailable
from pipeline.ports import Cache, Clock

__all__ = ["COMPLETE", "PATIENCE_S", "REST_S", "AnswerCache", "Lookup", "should_store"]

PATIENCE_S: Final = 0.05
"""How long a request waits for the store."""
REST_S: Final = 1.0
"""How long the store is left alone after it failed."""
COMPLETE: Final = frozenset({"stop", "tool_calls"})
"""Finish reasons of answers that were not cut off."""

_FORMAT: Final = "1"
_SEAL: Final = 32
_MEANING: Final = frozenset({"tools", "tool_choice", "response_schema", "parameters", "pin"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """A hit, or the reason why there is none: `absent`, `forged`, `store_away`, `store_slow` or `store_resting`."""

    hit: CacheHit | None
    reason: str | None = None


class AnswerCache:
    """Looks answers up and remembers them."""

    def __init__(self, cache: Cache, secret: bytes, clock: Clock) -> None:
        """Make one.

        Args:
            cache: the store.
            secret: key of the HMACs. Processes that share a store share it; without one, an own random key is taken,
                and then nothing is shared.
            clock: for the age of answers and the rest of the store.
        """
        self._cache = cache
        self._secret = secret or secrets.token_bytes(32)
        self._clock = clock
        self._resting_until = float("-inf")

    async def lookup(self, envelope: Envelope) -> CacheHit | None:
        """The remembered answer to this request, if there is one."""
        return (await self.find(envelope)).hit

    async def find(self, envelope: Envelope) -> Lookup:
        """The remembered answer, or why there is none. Never raises, and waits for `PATIENCE_S` at most."""
        if self._resting:
            return Lookup(None, "store_resting")
        key = self.key(envelope)
        try:
            async with asyncio.timeout(PATIENCE_S):
                value = await self._cache.get(key)
        except (StoreUnavailable, TimeoutError) as error:
            return Lookup(None, self._failed(error))
        if value is None:
            return Lookup(None, "absent")
        hit = self._unseal(key, value)
        return Lookup(hit, None if hit else "forged")

    async def remember(self, envelope: Envelope, ttl_s: float) -> bool:
        """Write the answer of this request down for `ttl_s` seconds. False: it is not fit, or the store is away."""
        hit = _answer(envelope, self._clock.now()) if should_store(envelope) else None
        if hit is None or self._resting:
            return False
        key = self.key(envelope)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._cache.put(key, self._seal(key, hit), ttl_s)
        except (StoreUnavailable, TimeoutError) as error:
            self._failed(error)
            return False
        return True

    def key(self, envelope: Envelope) -> str:
        """The key of this request: 64 hex digits that tell nothing about it to those without the secret."""
        return self._mac(orjson.dumps(_identity(envelope), option=orjson.OPT_SORT_KEYS)).hex()

    @property
    def _resting(self) -> bool:
        return self._clock.monotonic() < self._resting_until

    def _failed(self, error: Exception) -> str:
        self._resting_until = self._clock.monotonic() + REST_S
        return "store_slow" if isinstance(error, TimeoutError) else "store_away"

    def _seal(self, key: str, hit: CacheHit) -> bytes:
        body = hit.model_dump_json(exclude_none=True).encode()
        return self._mac(key.encode(), body) + body

    def _unseal(self, key: str, value: bytes) -> CacheHit | None:
        seal, body = value[:_SEAL], value[_SEAL:]
        if not hmac.compare_digest(seal, self._mac(key.encode(), body)):
            return None
        try:
            return CacheHit.model_validate_json(body)
        except ValidationError:
            return None

    def _mac(self, *parts: bytes) -> bytes:
        return hmac.digest(self._secret, b"\0".join((_FORMAT.encode(), *parts)), sha256)


def should_store(envelope: Envelope) -> bool:
    """Whether the answer of this request may be given to the next who asks the same: accepted, whole and its own."""
    verdict, plan = envelope.verdict, envelope.plan
    return (
        plan is not None
        and plan.cacheable
        and envelope.request.cache != "off"
        and envelope.hit is None
        and envelope.status in (None, "answered")
        and envelope.error is None
        and envelope.degraded is None
        and verdict is not None
        and verdict.accepted
        and _finish(envelope, verdict) in COMPLETE
    )


def _finish(envelope: Envelope, verdict: Verdict) -> str | None:
    return next((made.finish_reason for made in envelope.attempts if made.number == verdict.attempt), None)


def _answer(envelope: Envelope, now: float) -> CacheHit | None:
    verdict = envelope.verdict
    made = [attempt for attempt in envelope.attempts if verdict is not None and attempt.number == verdict.attempt]
    if verdict is None or not made:
        return None
    attempt = made[-1]
    return CacheHit(
        content=attempt.text if verdict.content is None else verdict.content,
        parsed=verdict.parsed,
        tool_calls=attempt.tool_calls,
        finish_reason=attempt.finish_reason,
        confidence=verdict.confidence,
        variant=attempt.variant,
        target=attempt.target,
        model=attempt.model,
        request_id=envelope.id,
        stored_at=now,
        usage=attempt.answer_usage,
    )


def _identity(envelope: Envelope) -> list[Json]:
    """All that two requests must have in common to share an answer. The threshold keeps quality floors apart."""
    request, plan, found = envelope.request, envelope.plan, envelope.classification
    return [
        request.tenant,
        found.data_class if found else "restricted",
        plan.route if plan else None,
        plan.threshold if plan else None,
        envelope.policy_revision,
        [message.model_dump(mode="json", exclude_none=True) for message in request.conversation()],
        request.model_dump(mode="json", include=set(_MEANING), exclude_none=True),
    ]
