"""Museum 8: no fallback reaches a target outside the residency rule, whatever the policy; the refusal leaves evidence.

Here the part of planning: who is called, who takes over, who stands in, and what is written down.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import conditions, down, outcome, policy_of

from pipeline.contracts import BudgetStanding, ProviderPreferences, Snapshot, TargetStanding
from pipeline.policy import Policy
from stages.plan.decide import plan_in

WAYS = ("weights", "cost", "latency", "balance", "affinity")
ROUTES = "".join(
    f"""\
  - name: {how}
    match: "{"true" if how == "weights" else "false"}"
    tiers:
      - {{variants: {{tiny: 0.5, far: 0.5}}, choose: {how}, fallbacks: [near]}}
      - {{variants: {{near: 0.5, terse: 0.5}}, choose: {how}, fallbacks: [far]}}
      - {{variants: {{far: 1}}, choose: {how}, fallbacks: [tiny]}}
"""
    for how in WAYS
)
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, limit: {usd: 1}, action: degrade, degrade_to: [far]}
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  sly: {variants: {tiny: far, near: far}, regions: [r2]}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("museum8")), ROUTES, budgets=BUDGETS, tenants=TENANTS)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(WAYS),
    tenant=st.sampled_from(["default", "sly"]),
    well=st.frozensets(st.sampled_from(["tiny", "near", "far"])),
    order=st.lists(st.sampled_from(["far", "abroad"]), max_size=2),
    pin=st.sampled_from([None, None, "far"]),
    busy_with=st.sampled_from([None, "far"]),
    left=st.sampled_from([0.0, 1.0]),
    session=st.text(min_size=1, max_size=5),
)
def test_whatever_is_preferred_what_must_stay_stays(
    policy: Policy,
    route: str,
    tenant: str,
    well: frozenset[str],
    order: list[str],
    pin: str | None,
    busy_with: str | None,
    left: float,
    session: str,
) -> None:
    decided = outcome(
        policy,
        data_class="restricted",
        route=route,
        tenant=tenant,
        pin=pin,
        busy_with=busy_with,
        session=session,
        provider=ProviderPreferences(order=tuple(order)),
        snapshot=Snapshot(
            targets={name: TargetStanding(healthy=name in well) for name in ("tiny", "near", "far")},
            budgets=(BudgetStanding(name="daily", left=left),),
        ),
    )

    plan = plan_in(decided)
    assert plan is not None
    assert "far" not in {rung.target for tier in plan.tiers for rung in (tier, *tier.fallbacks)}
    assert conditions(plan)["far"] == "residency"


def test_the_refusal_says_which_rule_it_was_and_keeps_who_was_left_out(policy: Policy) -> None:
    refused = outcome(policy, data_class="restricted", pin="far")

    error, plan = refused.changes["error"], plan_in(refused)
    assert plan is not None
    assert (error.code, error.rule) == ("residency_refused", "here")  # type: ignore[attr-defined]
    assert [(e.target, e.condition, e.reason) for e in plan.excluded] == [("far", "residency", "rule here: it stays")]
    assert plan.signals is not None
    assert plan.signals.data_class == "restricted"


def test_when_all_that_may_serve_are_down_the_forbidden_one_does_not_stand_in(policy: Policy) -> None:
    failed = outcome(policy, data_class="restricted", snapshot=down("tiny", "near"))

    assert failed.kind == "failed"
    assert failed.changes["error"].code == "target_unavailable"  # type: ignore[attr-defined]
