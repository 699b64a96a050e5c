"""Gathers what planning needs, and leaves the decision to `decide`."""

from typing import Protocol

from pipeline.contracts import Envelope, StageName
from pipeline.policy import Policy, rejudge, request_facts
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, Run, WeightStore
from stages.plan.decide import Facts, choose_route, decide

__all__ = ["Health", "Plan"]


class Health(Protocol):
    """Knows which targets take calls; a `ports.ModelClient` does."""

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now."""
        ...


class Plan:
    """The stage. Waits for nothing: all that it asks is in memory."""

    def __init__(self, policies: PolicySource, weights: WeightStore, health: Health) -> None:
        self._policies = policies
        self._weights = weights
        self._health = health

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "plan"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Plan one request. Raises `UnknownModel` or `InvalidRequest` where there is no route for it."""
        policy = self._policies.revision(envelope.policy_revision)
        if policy is None:
            return self._replan(envelope, self._policies.current())
        return self._plan(envelope, policy)

    def _plan(self, envelope: Envelope, policy: Policy) -> Outcome:
        chosen = choose_route(envelope.request, request_facts(envelope.request, envelope.classification), policy)
        unhealthy = frozenset(name for name in policy.targets if not self._health.healthy(name))
        facts = Facts(chosen, self._weights.current(chosen.route.name), unhealthy)
        return decide(envelope, facts, policy)

    def _replan(self, envelope: Envelope, policy: Policy) -> Outcome:
        """The revision it began with is no longer known here: judge its data again by the one in force."""
        changes: dict[str, object] = {"policy_revision": policy.revision}
        if envelope.classification is not None:
            changes["classification"] = rejudge(envelope.request, envelope.classification, policy)
        outcome = self._plan(envelope.model_copy(update=changes), policy)
        return Outcome(
            outcome.kind,
            outcome.reasons,
            {**changes, **outcome.changes},
            {**outcome.facts, "revision_before": envelope.policy_revision},
        )
