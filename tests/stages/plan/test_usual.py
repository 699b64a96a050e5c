"""Plans that are remembered: whatever comes, in whatever order, they are the plans that would be made anew."""

import random
from collections import Counter
from pathlib import Path

import orjson
import pytest
from planning import LIMITS, RESIDENCY, envelope, policy_of, signals

from pipeline.contracts import BudgetStanding, Signals, Snapshot, TargetStanding
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.policy import Policy
from stages.plan.decide import decide
from stages.plan.usual import MOST, Usual

REQUESTS = 2_000
_PROMISE = {"rule": "joint", "alpha": 0.03, "delta": 0.05, "n": 400}
_CURVE = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
_BIG = {"curve": _CURVE, "threshold": 0.9, "promise": _PROMISE, "labels": 300}
GATE = {
    "kind": "gate",
    "score": {"kind": "signal", "name": "confidence"},
    "curve": _CURVE,
    "labels": 400,
    "source": "judges",
    "fitted": "2026-11-21",
    "segments": {
        "strict": {"curve": _CURVE, "threshold": 0.8, "promise": _PROMISE, "labels": 400, "tenants": {"big": _BIG}}
    },
}
ROUTES = """\
apiVersion: stepwell/v1
kind: Routes
routes:
  - name: strict
    match: 'req.task in ["strict", "new"]'
    accept: {confidence: promised, calibrator_file: gate.json}
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
  - name: drafted
    match: req.task == "drafted"
    skip_draft: {when: either, minimum: 10, explore: 0.5}
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}, fallbacks: [tiny]}]
  - name: cheap
    match: req.task == "cheap"
    max_price: {output: 15}
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
  - name: mixed
    match: req.task == "mixed"
    tiers: [{variants: {tiny: 0.5, near: 0.5}}, {variants: {far: 1}}]
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}, fallbacks: [near]}, {variants: {near: 1}}, {variants: {far: 1}}]
    accept: {confidence: 0.6}
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, limit: {usd: 0.5}, action: degrade, degrade_to: [tiny]}
  - {name: often, limit: {requests: 40}, action: degrade, stages: escalate, degrade_to: [near]}
  - {name: words, limit: {tokens: 9000}, action: degrade, degrade_to: [tiny, terse]}
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  acme: {variants: {near: terse}}
  home: {ignore: [far]}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = Path(tmp_path_factory.mktemp("usual"))
    (folder / "gate.json").write_bytes(orjson.dumps(GATE))
    return policy_of(folder, ROUTES, residency=RESIDENCY, budgets=BUDGETS, tenants=TENANTS, limits=LIMITS)


def known(draw: random.Random, policy: Policy) -> tuple[Signals, str]:
    """Signals of any request, most of them of one about which nothing is special, and the class of its data."""
    data_class = draw.choice(["public", "public", "public", "restricted"])
    asked = envelope(
        policy,
        id=f"r{draw.randrange(10**9)}",
        tenant=draw.choice(["acme", "home", "big"]),
        data_class=data_class,
        types=draw.choice([*[()] * 19, ("FROZEN",)]),
        cache=draw.choice([*["use"] * 19, "off"]),
        metadata=draw.choice([{}, {}, *({"task": task} for task in ("strict", "new", "drafted", "mixed", "cheap"))]),
        tools=draw.choice([*[None] * 19, ({"type": "function"},)]),
        response_schema=draw.choice([*[None] * 19, {"type": "object"}]),
    )
    wishes = draw.choice(
        [
            *[{}] * 24, {"pin": "near"}, {"busy_with": "tiny"}, {"max_cost_usd": 0.01}, {"quality_floor": 0.9},
            {"max_escalations": 0}, {"max_escalations": 1}, {"disable_fallbacks": True}, {"counted": {"tiny": 9}},
        ]
    )  # fmt: skip
    sizes = {"tokens": draw.choice([5, 295, 310, 2900]), "max_tokens": draw.choice([*[None] * 9, 90])}
    return signals(asked, policy).model_copy(update={**sizes, **wishes}), data_class


def world(draw: random.Random) -> Snapshot:
    """Any state of targets, budgets and routes, most of them without trouble."""
    why = draw.choice([None] * 9 + ["breaker", "outlier"])
    targets = {name: TargetStanding(healthy=True, latency_ms=draw.random()) for name in ("tiny", "near")}
    if why is not None:
        targets["near"] = TargetStanding(healthy=False, why=why, back_s=draw.random())
    names = draw.choice([(), (), ("daily",), ("often",), ("words",)])
    return Snapshot(
        targets=targets,
        budgets=tuple(BudgetStanding(name=name, left=_left(draw), resets_s=draw.random()) for name in names),
        route=draw.choice(["chat", "drafted"]),
        weights=draw.choice([()] * 9 + [({"tiny": 1.0}, {"near": 1.0}, {"far": 1.0})]),
        weights_version=draw.randrange(9),
        drafts=draw.random() * 30,
        accepted=draw.choice([None, draw.random()]),
        draft_usd=0.5,
        last_usd=draw.random(),
        fallen=draw.choice([None] * 9 + ["it broke its promise"]),
    )


def _left(draw: random.Random) -> float:
    """Nothing, or about as much as a call may cost: 1/32 is 0.03125."""
    return draw.choice([0.0, 0.03 + draw.random() / 400, 0.9001])


def test_whatever_was_planned_before_a_request_gets_the_plan_that_it_gets_alone(policy: Policy) -> None:
    draw, usual, made = random.Random(5), Usual(), Counter[str]()
    for _ in range(REQUESTS):
        seen, data_class = known(draw, policy)
        now = world(draw)
        residency = envelope(policy, data_class=data_class, types=seen.types).classification
        assert residency is not None
        asked = (seen, residency.residency, now, policy, None, draw.choice([{}, {"covers": ()}]))
        try:
            alone = decide(*asked)
        except (InvalidRequest, UnknownModel):
            continue

        again = decide(*asked, usual)

        assert again == alone
        plan, expected = again.changes["plan"], alone.changes["plan"]
        assert plan.model_dump_json() == expected.model_dump_json()  # type: ignore[attr-defined]
        assert plan.model_fields_set == expected.model_fields_set  # type: ignore[attr-defined]
        made.update([again.kind, *(gone.condition for gone in plan.excluded)])  # type: ignore[attr-defined]
    assert len(usual) < REQUESTS / 2, "what is asked here hardly ever repeats"
    for kind in ("planned", "refused", "residency", "list", "capability", "context", "price", "budget", "health"):
        assert made[kind], made


def test_a_plan_is_made_once_for_requests_of_which_nothing_is_special(policy: Policy) -> None:
    usual, calls = Usual(), []
    asked = envelope(policy)
    assert asked.classification is not None
    for number in range(9):
        seen = signals(asked, policy).model_copy(update={"tokens": 256 + number, "key": f"k{number}"})
        left = BudgetStanding(name="daily", left=0.99 - number / 10_000)
        outcome = decide(seen, asked.classification.residency, Snapshot(budgets=(left,)), policy, usual=usual)
        calls.append(outcome.reasons)

    assert len(usual) == 1
    assert len(set(calls)) == 1


def test_no_more_plans_are_remembered_than_there_is_room_for(policy: Policy) -> None:
    usual, asked = Usual(), envelope(policy)
    assert asked.classification is not None
    for number in range(MOST + 9):
        seen = signals(asked, policy).model_copy(update={"max_tokens": number + 1})
        decide(seen, asked.classification.residency, Snapshot(), policy, usual=usual)

    assert len(usual) == 9
