"""Any recorded request can be planned again: from its record alone, and with the same result to the last digit."""

import random
from collections import Counter
from pathlib import Path

import pytest
from planning import LIMITS, MODELS, RESIDENCY, envelope, policy_of, signals

from pipeline.audit.chain import dump
from pipeline.contracts import AuditRecord, BudgetStanding, Envelope, Snapshot, TargetStanding, parse_record
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.policy import Policy
from pipeline.ports import Outcome
from stages.audit.decide import decide as audit
from stages.audit.decide import record_fields
from stages.plan.again import plan_again
from stages.plan.decide import decide, plan_in

REQUESTS = 10_000
ROUTES = """\
apiVersion: stepwell/v1
kind: Routes
record_metadata: [team]
routes:
  - name: hard
    match: req.complexity > 0.6 && req.budget_left > 0.3
    tiers: [{variants: {near: 0.5, terse: 0.5}, choose: balance, fallbacks: [far]}, {variants: {far: 1}}]
  - name: team
    match: req.metadata.team == "x"
    latency_target_ms: 500
    skip_draft: {when: either, minimum: 10, explore: 0.2}
    tiers: [{variants: {tiny: 1}, fallbacks: [near]}, {variants: {near: 0.2, terse: 0.3, far: 0.5}, choose: latency}]
  - name: code
    match: req.wants_code
    tiers: [{variants: {tiny: 1}}, {variants: {near: 0.5, far: 0.5}, choose: affinity, fallbacks: [terse]}]
  - name: cheap
    match: req.lane == "batch"
    max_price: {output: 20}
    tiers: [{variants: {tiny: 0.5, near: 0.5}, choose: cost}]
  - name: chat
    match: "true"
    skip_draft: {when: cost, minimum: 10, explore: 0.2}
    tiers:
      - {variants: {tiny: 0.7, terse: 0.3}, fallbacks: [near]}
      - {variants: {near: 0.5, terse: 0.25, far: 0.25}, fallbacks: [tiny]}
      - {variants: {far: 1}}
    accept: {confidence: 0.6}
    max_escalations: 2
"""
HIDING = """\
  - {id: masks, when: target.external, action: mask, types: [EMAIL_ADDRESS], reason: no address leaves}
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, limit: {usd: 1}, action: degrade, degrade_to: [tiny]}
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  acme: {variants: {near: terse}, regions: [r2]}
  held: {may_pin: false}
"""
EXPECTED = (
    *("planned", "refused", "residency", "preference", "capability", "context", "price", "budget", "health"),
    *("weights", "balance", "latency", "affinity", "cost", "fallback", "loop", "pin"),
    *("skipped-None", "skipped-cost", "skipped-latency", "skipped-budget"),
)
"""What must have happened among so many requests, so that the test says something."""
WORDS = [
    "sum",
    "prove",
    "theorem",
    "python",
    "function",
    "hello",
    "weather",
    "integral",
    "code",
    "why",
    "sheep",
    "json",
]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = Path(tmp_path_factory.mktemp("again"))
    return policy_of(
        folder, ROUTES, models=MODELS, residency=RESIDENCY + HIDING, budgets=BUDGETS, tenants=TENANTS, limits=LIMITS
    )


def request(draw: random.Random) -> dict[str, object]:
    """A request of any kind, with its findings."""
    texts = [" ".join(draw.choices(WORDS, k=draw.choice([3, 30, 300]))) for _ in range(draw.randint(1, 4))]
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, texts, strict=False)]
    made: dict[str, object] = {
        "id": f"r{draw.randrange(10**9)}",
        "messages": tuple(messages),
        "tenant": draw.choice(["acme", "held", "default"]),
        "user": draw.choice([None, f"u{draw.randrange(50)}"]),
        "session": draw.choice([None, f"s{draw.randrange(50)}"]),
        "lane": draw.choice(["interactive", "interactive", "batch"]),
        "metadata": draw.choice([{}, {"team": "x"}, {"team": "y", "other": "z"}]),
        "types": draw.choice([(), (), ("PERSON",), ("EMAIL_ADDRESS",), ("SECRET",), ("FROZEN",)]),
        "data_class": draw.choice(["public", "confidential", "restricted"]),
        "cache": draw.choice(["use", "off"]),
        "disable_fallbacks": draw.random() < 0.1,
        "quality_floor": draw.choice([None, draw.random()]),
        "budget": draw.choice([{}, {}, {"max_cost_usd": draw.random() / 10}, {"max_escalations": draw.randint(0, 2)}]),
        "tools": draw.choice([None, None, ({"type": "function"},)]),
        "response_schema": draw.choice([None, None, {"type": "object"}]),
        "route": draw.choice([None, None, None, "auto", "chat", "code", "terse"]),
        "pin": draw.choice([None] * 9 + ["near"]),
    }
    wishes = [
        None,
        None,
        {"order": ("abroad",)},
        {"sort": "latency"},
        {"ignore": ("house",)},
        {"data_collection": "deny"},
    ]
    return made | {"provider": draw.choice(wishes)}


def world(draw: random.Random) -> Snapshot:
    """Any state of targets, budgets and routes."""
    targets = {
        name: TargetStanding(
            healthy=draw.random() > 0.1, load=draw.random() * 2, latency_ms=draw.choice([None, draw.random() * 1000])
        )
        for name in ("tiny", "near", "far")
        if draw.random() < 0.7
    }
    weights = (
        {"tiny": draw.random(), "terse": 0.1},
        {"near": draw.random(), "terse": draw.random(), "far": 0.1},
        {"far": 1.0},
    )
    return Snapshot(
        targets=targets,
        budgets=draw.choice(
            [(), (BudgetStanding(name="daily", left=draw.choice([0.0, draw.random()]), resets_s=9.5),)]
        ),
        route=draw.choice([None, "chat", "team"]),
        weights=draw.choice([(), weights]),
        weights_version=draw.randrange(9),
        drafts=draw.random() * 30,
        accepted=draw.choice([None, draw.random()]),
        draft_usd=draw.choice([None, draw.random()]),
        last_usd=draw.random(),
        draft_ms=draw.random(),
        last_ms=draw.choice([None, draw.random()]),
    )


def recorded(asked: Envelope, outcome: Outcome) -> AuditRecord:
    """The record of this decision, written as the last stage writes it, and read out of the log."""
    ended = asked.model_copy(update={**outcome.changes})
    fields = record_fields(ended, audit(ended, 1.0))
    record = parse_record(dump({**fields, "producer": "p", "n": 0, "prev": "0" * 64}))
    assert isinstance(record, AuditRecord)
    return record


def test_ten_thousand_recorded_requests_are_decided_the_same_again(policy: Policy) -> None:
    draw = random.Random(4)
    kinds: Counter[str] = Counter()
    replayed = 0
    while replayed < REQUESTS:
        asked = envelope(policy, **request(draw))  # type: ignore[arg-type]
        busy = draw.choice([None, None, None, "near", "tiny", "gone"])
        assert asked.classification is not None
        try:
            first = decide(signals(asked, policy, busy), asked.classification.residency, world(draw), policy)
        except (InvalidRequest, UnknownModel) as refused:
            kinds[refused.code] += 1
            continue
        plan = plan_in(first)
        assert plan is not None
        record = recorded(asked, first)
        assert record.signals_seen is not None
        assert record.snapshot is not None

        second = plan_again(record.signals_seen, record.snapshot, policy)

        assert second == first
        replayed += 1
        kinds.update((first.kind, f"route {plan.route}", *plan.chose, f"skipped-{plan.skipped}"))
        kinds.update(exclusion.condition for exclusion in plan.excluded)
    assert not [kind for kind in EXPECTED if not kinds[kind]], kinds


def test_under_another_policy_the_same_request_goes_where_that_one_sends_it(policy: Policy, tmp_path: Path) -> None:
    asked = envelope(policy, data_class="restricted", types=("SECRET",), session="s")
    known = signals(asked, policy)
    frozen = RESIDENCY.replace('"FROZEN" in req.types', '"SECRET" in req.types')
    stricter = policy_of(
        tmp_path, ROUTES, models=MODELS, residency=frozen, budgets=BUDGETS, tenants=TENANTS, limits=LIMITS
    )

    assert plan_again(known, Snapshot(), policy).kind == "planned"
    refused = plan_again(known, Snapshot(), stricter)
    assert refused.kind == "refused"
    assert refused.changes["error"].rule == "frozen"  # type: ignore[attr-defined]


def test_what_could_not_be_hidden_then_is_not_hidden_in_a_replay(policy: Policy) -> None:
    asked = envelope(policy, types=("EMAIL_ADDRESS",), route="code", pin="far")
    known = signals(asked, policy)

    assert "far" in _called(plan_again(known, Snapshot(), policy))
    assert "far" not in _called(plan_again(known.model_copy(update={"scan": "failed"}), Snapshot(), policy))


def _called(outcome: Outcome) -> set[str]:
    plan = plan_in(outcome)
    assert plan is not None
    return {rung.target for tier in plan.tiers for rung in (tier, *tier.fallbacks)}
