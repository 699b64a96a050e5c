"""Remembered answers: looked up, kept in groups that can be erased, and the patience with the store.

A key is a MAC over everything that may change the answer or who may see it (`answer_identity`), a value is sealed under
it (`answer_seals`). An answer belongs to the groups of its tenant, route, user and request, and goes with any of them.

The store may be slow or away. Then there is no hit, and for a second nobody asks again: a dead store costs nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from operator import is_
from typing import Final, TypeVar
from weakref import ref

from pydantic import ValidationError

from pipeline.adapters.answer_identity import identity
from pipeline.adapters.answer_seals import Seals
from pipeline.adapters.cache_answers import LANDED
from pipeline.adapters.within import Within
from pipeline.contracts import CacheHit, Envelope, Request, Verdict
from pipeline.contracts.trusted import trusted
from pipeline.errors import StoreUnavailable
from pipeline.ports import AnswerStore, Clock, Kept

__all__ = [
    "COMPLETE",
    "LEASE_S",
    "PATIENCE_S",
    "REST_S",
    "AnswerCache",
    "Lookup",
    "Patience",
    "groups_of",
    "should_store",
]

T = TypeVar("T")

PATIENCE_S: Final = 0.05
"""How long a request waits for the store."""
REST_S: Final = 1.0
"""How long the store is left alone after it failed."""
SLOW: Final = 3
"""How many answers in a row may be too late before the store is left alone: one may be the fault of who asks."""
LEASE_S: Final = 2.0
"""How long a lease lasts unless it is renewed: after that, whoever had it is taken for dead."""
NOTED: Final = 4_096
"""Requests on their way whose key is noted, at most."""
LANDED_S: Final = 1.0
"""How long others are told that there will be no answer."""
COMPLETE: Final = frozenset({"stop", "tool_calls"})
"""Finish reasons of answers that were not cut off."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A hit, or the reason why there is none.

    The reasons: `absent`, `forged`, `store_away`, `store_slow`, `store_resting`; with a lease asked for, `leads` where
    this request is to make the answer, `under_way` where another one does, `landed` where that one made none.
    `key`: where the answer is, or would be. `who`: what this request is called where it leads.
    """

    hit: CacheHit | None
    reason: str | None = None
    key: str = ""
    who: str = ""


class AnswerCache:
    """Looks answers up and remembers them.

    Args:
        store: the store.
        secret: key of names and seals. Processes that share a store share it; without one, an own random key is taken,
            and then nothing is shared.
        clock: for the age of answers and the rest of the store.
    """

    def __init__(self, store: AnswerStore, secret: bytes, clock: Clock) -> None:
        self.store = store
        self.seals = Seals(secret)
        self._clock = clock
        self.ended: list[Callable[[str], None]] = []
        """Told of the key where a request that may hold its lease has ended here."""
        self.patiently = Patience(clock, lambda: PATIENCE_S)
        self._noted: dict[str, tuple[ref[Request], tuple[object, ...], str]] = {}

    async def lookup(self, envelope: Envelope) -> CacheHit | None:
        """The remembered answer to this request, if there is one."""
        return (await self.find(envelope)).hit

    async def find(self, envelope: Envelope, *, lead: bool = False) -> Lookup:
        """The remembered answer, or why there is none. Never raises, and waits for `PATIENCE_S` at most.

        Args:
            envelope: the request.
            lead: where there is none, take the lease to make it, unless another request has it.
        """
        key, who, leader = self.key(envelope), "", None
        try:
            if not lead:
                value = await self.patiently(self.store.get(key))
            else:
                who = self.who(envelope)
                asked = await self.patiently(self.store.ask(key, key, who, LEASE_S))
                value, leader = asked.value, asked.leader
        except (StoreUnavailable, TimeoutError) as error:
            return Lookup(None, reason_of(error), key)
        if value is None:
            self._note(envelope, key)
            return Lookup(None, _told(leader, who), key, who)
        hit = self.opened(key, value)
        return Lookup(hit, None if hit else "forged", key)

    async def remember(self, envelope: Envelope, ttl_s: float) -> bool:
        """Write the answer of this request down for `ttl_s` seconds. False: it is not fit, or the store is away."""
        hit = _answer(envelope, self._clock.now()) if should_store(envelope) else None
        if hit is None:
            return False
        key = self._taken_key(envelope)
        body = self.seals.seal(key, hit.model_dump_json(exclude_none=True).encode())
        groups = tuple(groups_of(envelope, self.seals))
        kept = Kept(key, body, ttl_s, groups, envelope.received_at, lease=key)
        try:
            return await self.patiently(self.store.keep(kept))
        except (StoreUnavailable, TimeoutError):
            return False
        finally:
            self._tell(key)

    async def landed(self, envelope: Envelope) -> None:
        """Let go of the lease of a request that ended without an answer for others."""
        key = self._taken_key(envelope)
        try:
            await self.patiently(self.store.land(key, self.who(envelope), LANDED_S))
        except (StoreUnavailable, TimeoutError):
            return
        finally:
            self._tell(key)

    def _tell(self, key: str) -> None:
        for told in self.ended:
            told(key)

    async def answer_under(self, key: str) -> CacheHit | None:
        """The answer under a key that was kept beside a question. Raises `StoreUnavailable`."""
        value = await self.store.get(key)
        return None if value is None else self.opened(key, value)

    def key(self, envelope: Envelope) -> str:
        """The key of this request: 64 hex digits that tell nothing about it to those without the secret."""
        return self.seals.name(identity(envelope))

    def _note(self, envelope: Envelope, key: str) -> None:
        """Note the key for the end of the same request: there it is the same, unless what it is made of changed."""
        noted = self._noted
        noted[envelope.key] = (ref(envelope.request), _made_of(envelope), key)
        if len(noted) > NOTED:
            del noted[next(iter(noted))]

    def _taken_key(self, envelope: Envelope) -> str:
        noted = self._noted.pop(envelope.key, None)
        if noted is None:
            return self.key(envelope)
        request, made_of, key = noted
        same = request() is envelope.request and all(map(is_, made_of, _made_of(envelope)))
        return key if same else self.key(envelope)

    def who(self, envelope: Envelope) -> str:
        """What a request is called where it holds a lease."""
        return self.seals.group("leader", envelope.tenant, envelope.id)

    def opened(self, key: str, value: bytes) -> CacheHit | None:
        """The answer in a value; None where it was not sealed for this key."""
        body = self.seals.open(key, value)
        try:
            return None if body is None else CacheHit.model_validate_json(body)
        except ValidationError:
            return None


def _made_of(envelope: Envelope) -> tuple[object, ...]:
    """What a key is made of beside the request, to be told by identity: contracts are frozen."""
    plan = envelope.plan
    told = (None, None) if plan is None else (plan.route, plan.threshold)
    return (envelope.classification, *told, envelope.policy_revision)


class Patience:
    """Waits for the store for a while; where it is gone, or too slow for `SLOW` in a row, leaves it alone for `REST_S`.

    Args:
        clock: the time.
        seconds: gives how long the store is waited for.
    """

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._resting_until = float("-inf")
        self._within = Within(seconds())
        self._slow = 0

    async def __call__(self, asked: Awaitable[T]) -> T:
        """What the store says.

        Raises:
            StoreUnavailable, TimeoutError: it says nothing, or said nothing a moment ago; see `reason_of`.
        """
        if self._clock.monotonic() < self._resting_until:
            if asyncio.iscoroutine(asked):
                asked.close()
            raise _Resting("the cache at STEPWELL_VALKEY did not answer a moment ago")
        try:
            if self._within.seconds != (seconds := self._seconds()):
                self._within = Within(seconds)
            with self._within():
                said = await asked
        except TimeoutError:
            self._slow += 1
            if self._slow >= SLOW:
                self._rest()
            raise
        except StoreUnavailable:
            self._rest()
            raise
        self._slow = 0
        return said

    def _rest(self) -> None:
        self._slow = 0
        self._resting_until = self._clock.monotonic() + REST_S


class _Resting(StoreUnavailable):
    """Nobody asked the store."""


def reason_of(error: Exception) -> str:
    """The word for a store that says nothing."""
    if isinstance(error, _Resting):
        return "store_resting"
    return "store_slow" if isinstance(error, TimeoutError) else "store_away"


def _told(leader: str | None, who: str) -> str:
    if leader is None:
        return "absent"
    if leader == who:
        return "leads"
    return "landed" if leader == LANDED else "under_way"


def groups_of(envelope: Envelope, seals: Seals) -> list[str]:
    """The groups that what is remembered of this request belongs to: tenant, route, user and request."""
    tenant, request = envelope.tenant, envelope.request
    groups = [seals.group("tenant", tenant), seals.group("request", tenant, envelope.id)]
    if envelope.plan is not None:
        groups += [seals.group("route", tenant, envelope.plan.route), seals.group("route", envelope.plan.route)]
    if request.user is not None:
        groups.append(seals.group("user", tenant, request.user))
    return groups


def should_store(envelope: Envelope) -> bool:
    """Whether the answer of this request may be given to the next who asks the same: accepted, whole and its own.

    Not one that says nothing or declines, nor one that was served only since no tier was left, less sure than the
    route wants its answers: who asks the same may be luckier.
    """
    verdict, plan = envelope.verdict, envelope.plan
    return (
        plan is not None
        and plan.cacheable
        and envelope.hit is None
        and envelope.status in (None, "answered")
        and envelope.error is None
        and envelope.degraded is None
        and not envelope.provisional
        and verdict is not None
        and verdict.accepted
        and _whole(envelope, verdict)
        and not _poor(verdict)
    )


def _whole(envelope: Envelope, verdict: Verdict) -> bool:
    attempt = next((made for made in envelope.attempts if made.number == verdict.attempt), None)
    if attempt is None or attempt.error is not None or attempt.left_early:
        return False
    says = bool(attempt.tool_calls or (attempt.text or "").strip())
    return says and attempt.finish_reason in COMPLETE


def _poor(verdict: Verdict) -> bool:
    """Whether it declines, or is less sure than a threshold asks; one of 1 asks nothing, it escalates everything."""
    sure, asked = verdict.confidence, verdict.threshold
    unsure = sure is not None and asked is not None and sure < asked < 1.0
    return unsure or verdict.signals.get("declines") == 1.0


def _answer(envelope: Envelope, now: float) -> CacheHit | None:
    verdict = envelope.verdict
    made = [attempt for attempt in envelope.attempts if verdict is not None and attempt.number == verdict.attempt]
    if verdict is None or not made:
        return None
    attempt = made[-1]
    return trusted(
        CacheHit,
        {
            "content": attempt.text if verdict.content is None else verdict.content,
            "parsed": verdict.parsed,
            "tool_calls": verdict.tool_calls or attempt.tool_calls,
            "finish_reason": attempt.finish_reason,
            "confidence": verdict.confidence,
            "variant": attempt.variant,
            "target": attempt.target,
            "model": attempt.model,
            "request_id": envelope.id,
            "stored_at": now,
            "usage": attempt.answer_usage,
        },
    )
