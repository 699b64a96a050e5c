"""Asks memory, and leaves the decision to `decide`."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from pipeline.adapters.answer_cache import AnswerCache, Lookup
from pipeline.adapters.answer_flights import Flights
from pipeline.adapters.answer_identity import last_question
from pipeline.adapters.likeness import Candidate, Likeness
from pipeline.adapters.models import Attempts
from pipeline.adapters.question_vectors import Known, known_vector
from pipeline.contracts import Attempt, CacheHit, Envelope, Rung, StageName
from pipeline.disclosure.guard import Added, may_keep
from pipeline.policy import Policy
from pipeline.policy.guards import Guard
from pipeline.policy.models import CachePolicy, SemanticCache, Verifier
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Outcome, Run
from stages.recall.decide import (
    DEFAULT,
    Facts,
    Verified,
    choose,
    decide,
    no_vector,
    not_verified,
    objection_to,
    of_vector,
    verified,
    why_not,
    with_vector,
)

__all__ = ["Recall"]

VECTOR_S: Final = 1.0
"""Seconds that a target has for the vector of a question, and never more than a third of what the request has left."""
_FLIGHT: Final = frozenset({"leads", "landed", "no_room_to_wait", "waited_too_long"})
"""What there is to say of an answer that was under way; otherwise there was none."""


class _Compared(NamedTuple):
    """What likeness brought: the answer, if any, what the trail says of it, and the calls that were made for it."""

    hit: CacheHit | None
    facts: Facts
    made: tuple[Attempt, ...] = ()


class _Vector(NamedTuple):
    """The vector of a question by a target, if it could be had, what the trail says of it, and the calls for it."""

    known: Known | None
    facts: Facts
    made: tuple[Attempt, ...] = ()


class Recall:
    """The stage. Without a store (`answers` is None) every request is a miss.

    Args:
        answers: remembered answers.
        clock: the time.
        policies: what routes say of memory; None: what a route says that says nothing.
        flights: shares answers that are under way; None: they are not shared.
        likeness: finds questions that mean the same; None: only the very same question counts.
        attempts: gives who makes calls, where a route lets a model compare questions; None: no model is asked, and
            such a route finds none that mean the same.
    """

    def __init__(
        self,
        answers: AnswerCache | None,
        clock: Clock,
        policies: PolicySource | None = None,
        flights: Flights | None = None,
        likeness: Likeness | None = None,
        attempts: Callable[[], Awaitable[Attempts]] | None = None,
    ) -> None:
        self._answers = answers
        self._clock = clock
        self._policies = policies
        self._flights = flights
        self._likeness = likeness
        self._attempts = attempts

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "recall"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Look one request up. Trouble with the store is a miss.

        Raises:
            TransportUnavailable: a call about a remembered question could not be written down.
        """
        rules, keepable = self._rules(envelope)
        reason = "no_store" if self._answers is None else why_not(envelope, rules)
        if reason is None and not keepable:
            reason = "not_kept"
        if self._answers is None or reason is not None:
            return decide(envelope, None, reason, 0.0, rules)
        found = await self._same(self._answers, envelope, rules)
        seen: Facts = {"flight": found.reason} if found.reason in _FLIGHT else {}
        hit, reason = found.hit, None if found.reason in _FLIGHT else found.reason
        made: tuple[Attempt, ...] = ()
        if hit is None and self._likeness is not None and rules.semantic is not None:
            hit, compared, made = await self._alike(self._likeness, envelope, rules, rules.semantic, run)
            seen = {**seen, **compared}
        outcome = decide(envelope, hit, reason, self._clock.now(), rules, seen, made)
        if outcome.kind == "hit" and hit is not None and hit.kind == "semantic" and self._likeness is not None:
            self._likeness.served(envelope)
        return outcome

    def _rules(self, envelope: Envelope) -> tuple[CachePolicy, bool]:
        """What the route says of memory, and whether requests of this class may be kept at all."""
        policy = self._policies.revision(envelope.policy_revision) if self._policies is not None else None
        if policy is None or envelope.plan is None:
            return DEFAULT, True
        route = policy.route(envelope.plan.route)
        rules = route.spec.cache if route is not None else DEFAULT
        return rules, may_keep("cache", envelope.classification, policy)

    def _guard(self, envelope: Envelope) -> Guard | None:
        """What the route learned of which questions mean the same."""
        policy = self._policies.revision(envelope.policy_revision) if self._policies is not None else None
        route = policy.route(envelope.plan.route) if policy is not None and envelope.plan is not None else None
        return None if route is None else route.guard

    async def _same(self, answers: AnswerCache, envelope: Envelope, rules: CachePolicy) -> Lookup:
        if self._flights is None or not rules.share_flight:
            return await answers.find(envelope)
        return await self._flights.find(envelope)

    async def _alike(
        self, likeness: Likeness, envelope: Envelope, rules: CachePolicy, spec: SemanticCache, run: Run
    ) -> _Compared:
        """The answer to another question that means the same."""
        if spec.embedder is None:
            return await self._among(likeness, envelope, rules, spec, run, None)
        if not likeness.compares(envelope, spec):
            return _Compared(None, {"likeness": "nothing_to_compare"})
        vector = await self._vector(spec.embedder, envelope, run)
        if vector.known is None:
            return _Compared(None, vector.facts, vector.made)
        asked = envelope.model_copy(update={"attempts": (*envelope.attempts, *vector.made)})
        found = await self._among(likeness, asked, rules, spec, run, vector.known)
        return _Compared(found.hit, with_vector(vector.facts, found.facts), (*vector.made, *found.made))

    async def _vector(self, embedder: str, envelope: Envelope, run: Run) -> _Vector:
        """The vector of the question by a target, and the call that was made for it."""
        rung, policy = self._who(embedder, envelope), self._policy(envelope)
        if self._attempts is None or rung is None or policy is None:
            return _Vector(None, no_vector(embedder, "not_eligible"))
        if envelope.request.budget.max_cost_usd is not None:
            # What the vector costs could be what the answer then lacks.
            return _Vector(None, no_vector(embedder, "ceiling"))
        attempts = await self._attempts()
        made = await attempts.embed(envelope, run, rung, last_question(envelope.request) or "", VECTOR_S)
        known = known_vector(made.attempts, policy.targets)
        return _Vector(known, of_vector(embedder, made, used=known is not None), made.attempts)

    async def _among(
        self,
        likeness: Likeness,
        envelope: Envelope,
        rules: CachePolicy,
        spec: SemanticCache,
        run: Run,
        known: Known | None,
    ) -> _Compared:
        """The answer to one of the questions that a vector finds."""
        alike = await likeness.find(envelope, spec, known)
        if alike.reason is not None:
            return _Compared(None, {"likeness": alike.reason})
        if not alike.candidates:
            return _Compared(None, {"candidates": 0})
        guard = self._guard(envelope)
        chosen = choose(alike.question, [(one.question, one.similarity) for one in alike.candidates], guard)
        if chosen.place is None:
            return _Compared(None, chosen.facts)
        candidate = alike.candidates[chosen.place]
        hit = await likeness.answer(candidate)
        if hit is not None and guard is not None:
            hit = hit.model_copy(update={"guard": guard.name})
        verifier = spec.verifier
        if verifier is None or hit is None or objection_to(envelope, hit, self._clock.now(), rules) is not None:
            return _Compared(hit, chosen.facts)
        says, made = await self._verified(verifier, envelope, candidate, run)
        return _Compared(hit if says.passes else None, {**chosen.facts, **says.facts}, made)

    async def _verified(
        self, verifier: Verifier, envelope: Envelope, candidate: Candidate, run: Run
    ) -> tuple[Verified, tuple[Attempt, ...]]:
        """Whether a model holds both questions for the same, and the call that was made for it."""
        rung = self._who(verifier.variant, envelope)
        if self._attempts is None or rung is None:
            return not_verified(verifier, "not_eligible"), ()
        if envelope.request.budget.max_cost_usd is not None:
            # What the comparison costs could be what the answer then lacks.
            return not_verified(verifier, "ceiling"), ()
        added = Added(
            kind="judge",
            source=rung.target,
            remembered=candidate.question,
            known=candidate.name,
            seen_by=candidate.seen_by,
        )
        attempts = await self._attempts()
        made = await attempts.compare(envelope, run, rung, added, verifier.timeout)
        return verified(verifier, made), made.attempts

    def _policy(self, envelope: Envelope) -> Policy | None:
        return self._policies.revision(envelope.policy_revision) if self._policies is not None else None

    def _who(self, variant: str, envelope: Envelope) -> Rung | None:
        """Who is asked: the variant named, or the one that takes its place for this tenant, where planning let it."""
        policy = self._policy(envelope)
        if policy is None or envelope.plan is None:
            return None
        tenant = policy.tenants.get(envelope.tenant)
        wanted = tenant.variants.get(variant, variant) if tenant is not None else variant
        return next((rung for rung in envelope.plan.lookers if rung.variant == wanted), None)
