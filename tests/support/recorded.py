"""Records of requests that were planned under a policy, for tests of what another one would do."""

import random
from collections.abc import Sequence

from planning import envelope, signals

from pipeline.contracts import AttemptRecord, AuditRecord, ErrorBody, Snapshot, Step, Usage
from pipeline.policy import Policy
from pipeline.policy.pricing import cost_usd
from stages.plan.decide import decide, plan_in

__all__ = ["any_request", "judgement", "record_of"]

USAGE = Usage(input_tokens=1000, output_tokens=500)


def record_of(
    policy: Policy,
    *,
    descends: int = 0,
    usage: Usage = USAGE,
    snapshot: Snapshot | None = None,
    at: float = 1000.0,
    number: int = 0,
    judged: Sequence[Step] = (),
    **request: object,
) -> AuditRecord:
    """The record of a request; `descends`: how many steps further than the first tier it went.

    `judged`: the steps after the plan's, as `judgement` makes them.
    """
    asked = envelope(policy, **{"id": f"r{number}", **request})  # type: ignore[arg-type]
    assert asked.classification is not None
    result = decide(signals(asked, policy), asked.classification.residency, snapshot or Snapshot(), policy)
    plan = plan_in(result)
    assert plan is not None
    error = result.changes.get("error")
    attempts = [
        _attempt(at_tier, tier.variant, tier.target, usage, policy)
        for at_tier, tier in enumerate(plan.tiers[: min(descends, plan.max_escalations) + 1])
    ]
    costs = [one.cost_usd for one in attempts]
    return AuditRecord(
        producer="p",
        n=number,
        prev="0" * 64,
        at=at,
        tenant=asked.tenant,
        request_id=asked.id,
        fingerprint="f",
        lane=asked.lane,
        status="refused" if result.kind == "refused" else "answered",
        error=error if isinstance(error, ErrorBody) else None,
        residency=asked.classification.residency,
        data_class=asked.classification.data_class,
        scan=asked.classification.scan,
        findings=asked.classification.findings,
        excluded=plan.excluded,
        propensities={tier.variant: tier.propensity for tier in plan.tiers},
        skipped=plan.skipped,
        signals_seen=plan.signals,
        snapshot=plan.snapshot,
        chose=plan.chose,
        attempts=tuple(attempts),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        policy_revision=policy.revision,
        received_at=at,
        deadline_at=at + 60,
        trail=(
            Step(stage="plan", outcome=result.kind, facts=result.facts, at=at, duration_ms=0.1, worker="w"),
            *judged,
        ),
    )


def judgement(
    tier: int, variant: str, confidence: float | None, *, outcome: str = "accepted", schema: str = "none"
) -> tuple[Step, Step]:
    """The steps of a call at a tier and of the check of its answer."""
    place: dict[str, str | float | int | bool | None] = {"variant": variant}
    if tier:
        place["tier"] = tier
    found: dict[str, str | float | int | bool | None] = {"confidence": confidence, "threshold": 0.75, "schema": schema}
    when = {"at": 1000.0, "duration_ms": 0.1, "worker": "w"}
    called = Step(stage="escalate" if tier else "draft", outcome="drafted", facts=place, **when)  # type: ignore[arg-type]
    return called, Step(stage="check", outcome=outcome, facts=found, **when)  # type: ignore[arg-type]


def _attempt(tier: int, variant: str, target: str, usage: Usage, policy: Policy) -> AttemptRecord:
    return AttemptRecord(
        number=tier + 1,
        stage="draft" if tier == 0 else "escalate",
        variant=variant,
        target=target,
        model="m",
        usage=usage,
        cost_usd=cost_usd(usage, policy.targets[target].price),
        calls=1,
        latency_ms=5.0,
        tier=tier,
    )


def any_request(draw: random.Random, policy: Policy, number: int) -> AuditRecord:
    """A record of some request in some world."""
    usage = Usage(input_tokens=draw.randrange(1, 3000), output_tokens=draw.randrange(1, 900))
    kinds = draw.choice([("public", ()), ("public", ()), ("confidential", ("PERSON",)), ("restricted", ("SECRET",))])
    return record_of(
        policy,
        descends=draw.randrange(3),
        usage=usage,
        number=number,
        tenant=draw.choice(["acme", "globex", "default"]),
        session=draw.choice([None, f"s{draw.randrange(50)}"]),
        metadata=draw.choice([{}, {"task": "sums"}, {"task": "labels"}]),
        origin=draw.choice([None, "EU", "US"]),
        data_class=kinds[0],
        types=kinds[1],
        disable_fallbacks=draw.random() < 0.1,
    )
