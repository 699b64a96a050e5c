"""Gathers what planning needs, and leaves the decision to `decide`."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.contracts import BudgetStanding, Cover, Envelope, Metered, Request, Signals, Snapshot, StageName
from pipeline.contracts import Plan as Planned
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy, rejudge
from pipeline.policy.facts import RequestFacts, facts_of_signals
from pipeline.policy.observed import signals_of
from pipeline.policy.source import PolicySource
from pipeline.ports import (
    Board,
    Clock,
    Ledger,
    Outcome,
    RateCheck,
    RateMeter,
    RateVerdict,
    Run,
    WeightStore,
)
from stages.plan.decide import decide
from stages.plan.gather import Needs, needs_of, scope_values, snapshot_of
from stages.plan.refuse import over_the_rate
from stages.plan.route import Chosen, choose_route

__all__ = ["Loops", "Plan", "Sources", "TokenCounter"]

_log = logging.getLogger("stepwell.plan")


class Loops(Protocol):
    """Remembers who made tool calls; `adapters.loops.LoopMemory` does."""

    async def variant_of(self, request: Request) -> str | None:
        """The variant whose tool calls the end of the conversation answers; None: none, or nobody knows."""
        ...


class TokenCounter(Protocol):
    """Counts tokens with the tokenizers of targets, where an estimate would not do."""

    async def counted(self, request: Request, tokens: int, policy: Policy) -> Mapping[str, int]:
        """Tokens of the question by target; only of those near a limit that have a tokenizer."""
        ...


class Watched(Protocol):
    """Knows which routes broke their promise; `adapters.watch.BucketWatch` does."""

    def fallen(self, route: str, calibrator: str | None) -> str | None:
        """Why nothing of the route may stay, in words; None: it may."""
        ...


class Sources(NamedTuple):
    """Whom planning asks. Every one may be missing: then nothing is known of that, and nothing is held against it."""

    weights: WeightStore | None = None
    board: Board | None = None
    ledger: Ledger | None = None
    meter: RateMeter | None = None
    loops: Loops | None = None
    counter: TokenCounter | None = None
    watched: Watched | None = None


class Plan:
    """The stage. It waits for nobody but the counters of budgets and rates, and for them only where one concerns it.

    Args:
        policies: where policies are.
        clock: for the time that is left.
        secret: key of the digests that stand for sessions, users and prompts.
        sources: whom it asks.
    """

    def __init__(
        self, policies: PolicySource, clock: Clock, secret: bytes = b"", sources: Sources | None = None
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._secret = secret
        self._sources = sources or Sources()
        self._needs: tuple[Policy, Needs] | None = None
        self._silent: tuple[str, frozenset[str]] = ("", frozenset())

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "plan"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Plan one request.

        Raises:
            UnknownModel: the caller named a route or variant that there is not.
            InvalidRequest: no route matches, or the caller wishes what the policy does not let callers wish.
        """
        policy = self._policies.revision(envelope.policy_revision)
        if policy is None:
            return await self._replan(envelope, self._policies.current())
        return await self._plan(envelope, policy)

    async def _replan(self, envelope: Envelope, policy: Policy) -> Outcome:
        """The revision it began with is no longer known here: judge its data again by the one in force."""
        changes: dict[str, object] = {"policy_revision": policy.revision}
        if envelope.classification is not None:
            changes["classification"] = rejudge(envelope.request, envelope.classification, policy)
        outcome = await self._plan(envelope.model_copy(update=changes), policy)
        return Outcome(
            outcome.kind,
            outcome.reasons,
            {**changes, **outcome.changes},
            {**outcome.facts, "revision_before": envelope.policy_revision},
        )

    async def _plan(self, envelope: Envelope, policy: Policy) -> Outcome:
        needs, sources = self._needed(policy), self._sources
        signals = await self._signals(envelope, policy)
        facts = facts_of_signals(signals)
        chosen = self._chosen(signals, facts, policy)
        covers: tuple[Cover, ...] = ()
        budgets: tuple[BudgetStanding, ...] = ()
        verdict: RateVerdict | None = None
        metered: tuple[Metered, ...] = ()
        if needs.charges:
            scope = scope_values(envelope.request, envelope.lane, chosen.route.name, policy, self._secret)
            covers = policy.covers(facts, scope)
            budgets = await self._budgets(covers, policy)
            if needs.budget_left and budgets:
                chosen = choose_route(signals, facts_of_signals(signals, _least(budgets)), policy)
                scope["route"] = chosen.route.name
                covers = policy.covers(facts, scope)
            if policy.rates:
                checks = _checks(signals, facts, scope, policy)
                verdict = await self._rates(envelope, checks)
                metered = tuple(_metered(checks, policy)) if checks else ()
        weights = sources.weights.current(chosen.route.name) if sources.weights is not None else None
        fallen = self._fallen(chosen.route.name, policy, sources.watched) if sources.watched is not None else None
        reach = needs.targets_of(signals, chosen.route, policy)
        snapshot = snapshot_of(reach, chosen.route, sources.board, weights, budgets, fallen)
        if verdict is not None and verdict.exceeded is not None:
            return _over_the_rate(signals, snapshot, chosen, verdict)
        found = envelope.classification
        carried = _carried(covers, verdict, metered)
        return decide(signals, found.residency if found else (), snapshot, policy, chosen, carried, needs.usual)

    def _fallen(self, route: str, policy: Policy, watched: Watched) -> str | None:
        """Why nothing of the route may stay; of one that the policy does not have, nobody promised anything."""
        compiled = policy.route(route)
        if compiled is None:
            return None
        return watched.fallen(route, compiled.calibrator.name if compiled.calibrator else None)

    async def _signals(self, envelope: Envelope, policy: Policy) -> Signals:
        request, sources = envelope.request, self._sources
        left_ms = max(0, int((envelope.deadline_at - self._clock.now()) * 1000))
        signals = signals_of(
            request,
            envelope.classification,
            policy,
            secret=self._secret,
            request_id=envelope.id,
            deadline_left_ms=left_ms,
            busy_with=await sources.loops.variant_of(request) if sources.loops is not None else None,
        )
        if sources.counter is None:
            return signals
        counted = await sources.counter.counted(request, signals.tokens, policy)
        return signals.model_copy(update={"counted": dict(counted)}) if counted else signals

    async def _budgets(self, covers: Sequence[Cover], policy: Policy) -> tuple[BudgetStanding, ...]:
        """What is left of the budgets; nobody is asked where none covers the request."""
        asked = [cover for cover in covers if policy.budget(cover.budget) is not None]
        if not asked or self._sources.ledger is None:
            return ()
        return await self._sources.ledger.standing(asked)

    async def _rates(self, envelope: Envelope, checks: Sequence[RateCheck]) -> RateVerdict | None:
        """Count the request at its rates; None where none concerns it."""
        meter = self._sources.meter
        return await meter.hit(envelope.key, checks) if meter is not None and checks else None

    def _chosen(self, signals: Signals, facts: RequestFacts, policy: Policy) -> Chosen:
        try:
            chosen = choose_route(signals, facts, policy)
        except InvalidRequest:
            self._tell(policy.route_for(facts).silent, policy.revision)
            raise
        if chosen.silent:
            self._tell(chosen.silent, policy.revision)
        return chosen

    def _tell(self, routes: tuple[str, ...], revision: str) -> None:
        """Log routes whose condition had no answer, once in a revision; what was asked is in the record alone."""
        if not routes:
            return
        told = self._silent[1] if self._silent[0] == revision else frozenset()
        for name in sorted(set(routes) - told):
            _log.warning(
                "policy revision %s: the condition of the route %s had no answer for a request", revision, name
            )
        self._silent = (revision, told | set(routes))

    def _needed(self, policy: Policy) -> Needs:
        if self._needs is None or self._needs[0] is not policy:
            self._needs = (policy, needs_of(policy))
        return self._needs[1]


def _checks(signals: Signals, facts: RequestFacts, scope: Mapping[str, str], policy: Policy) -> list[RateCheck]:
    """The rates that concern the request. It counts for its question and for what it allows the answer."""
    hits = policy.rate_checks(facts, scope, signals.tokens + (signals.max_tokens or 0))
    return [RateCheck(hit.rate, hit.scope, hit.tokens) for hit in hits]


def _metered(checks: Sequence[RateCheck], policy: Policy) -> Iterator[Metered]:
    for check in checks:
        spec = policy.rate(check.rate)
        if spec is not None and spec.tokens is not None:
            yield Metered(rate=check.rate, scope=check.scope, tokens=check.tokens)


def _least(budgets: Sequence[BudgetStanding]) -> float:
    return min(standing.left for standing in budgets)


def _over_the_rate(signals: Signals, snapshot: Snapshot, chosen: Chosen, verdict: RateVerdict) -> Outcome:
    plan = Planned(
        route=chosen.route.name, tiers=(), cacheable=False, rates=verdict.states, signals=signals, snapshot=snapshot
    )
    changes = {"plan": plan, "status": "refused", "error": over_the_rate(verdict)}
    return Outcome("refused", (f"rate {verdict.exceeded} is used up",), changes, {"route": plan.route})


def _carried(covers: tuple[Cover, ...], verdict: RateVerdict | None, metered: tuple[Metered, ...]) -> dict[str, object]:
    """What the plan carries for others: who pays, and what is left of the rates."""
    rates = verdict.states if verdict is not None else ()
    return {"covers": covers, "rates": rates, "metered": metered} if covers or rates or metered else {}
