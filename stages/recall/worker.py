"""Asks memory, and leaves the decision to `decide`."""

from typing import Final

from pipeline.adapters.answer_cache import AnswerCache, Lookup
from pipeline.adapters.answer_flights import Flights
from pipeline.adapters.likeness import Likeness
from pipeline.contracts import CacheHit, Envelope, StageName
from pipeline.disclosure.guard import may_keep
from pipeline.policy.models import CachePolicy, SemanticCache
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Outcome, Run
from stages.recall.decide import DEFAULT, Facts, choose, decide, why_not

__all__ = ["Recall"]

_FLIGHT: Final = frozenset({"leads", "landed", "no_room_to_wait", "waited_too_long"})
"""What there is to say of an answer that was under way; otherwise there was none."""


class Recall:
    """The stage. Without a store (`answers` is None) every request is a miss.

    Args:
        answers: remembered answers.
        clock: the time.
        policies: what routes say of memory; None: what a route says that says nothing.
        flights: shares answers that are under way; None: they are not shared.
        likeness: finds questions that mean the same; None: only the very same question counts.
    """

    def __init__(
        self,
        answers: AnswerCache | None,
        clock: Clock,
        policies: PolicySource | None = None,
        flights: Flights | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        self._answers = answers
        self._clock = clock
        self._policies = policies
        self._flights = flights
        self._likeness = likeness

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "recall"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Look one request up. Never raises: trouble with the store is a miss."""
        rules, keepable = self._rules(envelope)
        reason = "no_store" if self._answers is None else why_not(envelope, rules)
        if reason is None and not keepable:
            reason = "not_kept"
        if self._answers is None or reason is not None:
            return decide(envelope, None, reason, 0.0, rules)
        found = await self._same(self._answers, envelope, rules)
        seen: Facts = {"flight": found.reason} if found.reason in _FLIGHT else {}
        hit, reason = found.hit, None if found.reason in _FLIGHT else found.reason
        if hit is None and self._likeness is not None and rules.semantic is not None:
            hit, compared = await self._alike(self._likeness, envelope, rules.semantic)
            seen = {**seen, **compared}
        outcome = decide(envelope, hit, reason, self._clock.now(), rules, seen)
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

    async def _same(self, answers: AnswerCache, envelope: Envelope, rules: CachePolicy) -> Lookup:
        if self._flights is None or not rules.share_flight:
            return await answers.find(envelope)
        return await self._flights.find(envelope)

    async def _alike(
        self, likeness: Likeness, envelope: Envelope, spec: SemanticCache
    ) -> tuple[CacheHit | None, Facts]:
        """The answer to another question that means the same, and what the trail says of the comparison."""
        alike = await likeness.find(envelope, spec)
        if alike.reason is not None:
            return None, {"likeness": alike.reason}
        if not alike.candidates:
            return None, {"candidates": 0}
        chosen = choose(alike.question, [(one.question, one.similarity) for one in alike.candidates])
        if chosen.place is None:
            return None, chosen.facts
        return await likeness.answer(alike.candidates[chosen.place]), chosen.facts
