"""Whether the draft is left out: by the route's own record, and never without one."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import outcome, plan, policy_of, variants

from pipeline.contracts import Budget, Snapshot
from pipeline.policy import Policy

ROUTES = "".join(
    f"""\
  - name: {when}
    match: "{"true" if when == "cost" else "false"}"
    skip_draft: {{when: {when}, minimum: 50, explore: 0.1}}
    tiers: [{{variants: {{tiny: 1}}}}, {{variants: {{near: 1}}}}]
"""
    for when in ("cost", "latency", "either", "both", "never")
)
DEAR = {"draft_usd": 0.3, "last_usd": 1.0}
"""Dear where fewer than three in ten drafts suffice."""
SLOW = {"draft_ms": 400.0, "last_ms": 1000.0}
"""Slow where fewer than four in ten do."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("skip")), ROUTES)


def record(route: str, accepted: float | None, drafts: float = 50, **figures: float) -> Snapshot:
    return Snapshot.model_validate({"route": route, "accepted": accepted, "drafts": drafts, **figures})


def skipped(policy: Policy, route: str, accepted: float | None, *, draw: float = 0.5, **figures: float) -> str | None:
    planned = plan(policy, route=route, snapshot=record(route, accepted, **figures), seen={"draw": draw})
    assert variants(planned) == (["near"] if planned.skipped else ["tiny", "near"])
    assert planned.max_escalations == len(planned.tiers) - 1
    return planned.skipped


@pytest.mark.parametrize(
    ("route", "accepted", "expected"),
    [
        ("cost", 0.29, "cost"),
        ("cost", 0.31, None),
        ("latency", 0.39, "latency"),
        ("latency", 0.41, None),
        ("either", 0.35, "latency"),
        ("either", 0.25, "cost"),
        ("both", 0.35, None),
        ("both", 0.25, "cost"),
        ("never", 0.0, None),
    ],
)
def test_a_draft_that_makes_the_stairs_dearer_or_slower_than_their_last_step_is_left_out(
    policy: Policy, route: str, accepted: float, expected: str | None
) -> None:
    assert skipped(policy, route, accepted, **DEAR, **SLOW) == expected


def test_below_the_minimum_of_drafts_nothing_is_concluded(policy: Policy) -> None:
    assert skipped(policy, "cost", 0.0, drafts=49, **DEAR) is None
    assert skipped(policy, "cost", 0.0, drafts=50, **DEAR) == "cost"


@pytest.mark.parametrize("missing", ["draft_usd", "last_usd"])
def test_what_was_not_measured_decides_nothing(policy: Policy, missing: str) -> None:
    figures = {name: value for name, value in DEAR.items() if name != missing}

    assert skipped(policy, "cost", 0.0, **figures) is None
    assert skipped(policy, "cost", None, **DEAR) is None


def test_a_share_of_the_requests_is_drafted_all_the_same(policy: Policy) -> None:
    assert skipped(policy, "cost", 0.0, draw=0.09, **DEAR) is None
    assert skipped(policy, "cost", 0.0, draw=0.1, **DEAR) == "cost"


def test_the_share_that_explores_is_the_share_of_requests(policy: Policy) -> None:
    world = record("cost", 0.0, **DEAR)
    drafted = sum(plan(policy, route="cost", snapshot=world, id=f"r{n}").skipped is None for n in range(1000))

    assert 60 < drafted < 140


def test_the_record_of_another_route_decides_nothing(policy: Policy) -> None:
    planned = plan(policy, route="cost", snapshot=record("both", 0.0, **DEAR), seen={"draw": 0.5})

    assert planned.skipped is None


def test_where_nobody_may_escalate_there_is_nothing_to_save(policy: Policy) -> None:
    world = record("cost", 0.0, **DEAR)

    assert plan(policy, snapshot=world, budget=Budget(max_escalations=0), seen={"draw": 0.5}).skipped is None
    assert plan(policy, snapshot=world, pin="tiny", seen={"draw": 0.5}).skipped is None
    assert plan(policy, snapshot=world, busy_with="tiny", seen={"draw": 0.5}).skipped is None


def test_it_is_told_why(policy: Policy) -> None:
    result = outcome(policy, snapshot=record("cost", 0.1, **DEAR), seen={"draw": 0.5})

    assert result.facts["skipped"] == "cost"
    assert "draft skipped by cost: 10% of drafts suffice" in result.reasons[-1]
    assert "1.2 USD" in result.reasons[-1]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accepted=st.floats(0, 1), draft=st.floats(0.001, 10), last=st.floats(0.001, 10), drafts=st.floats(0, 200))
def test_it_is_left_out_exactly_where_the_stairs_cost_more(
    policy: Policy, accepted: float, draft: float, last: float, drafts: float
) -> None:
    why = skipped(policy, "cost", accepted, drafts=drafts, draft_usd=draft, last_usd=last)

    assert (why == "cost") == (drafts >= 50 and draft + (1 - accepted) * last > last)
