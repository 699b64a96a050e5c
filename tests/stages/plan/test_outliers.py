"""Targets that are left alone: an open breaker is never called, an outlier only where nobody else can be."""

import pytest
from planning import conditions, down, failure, left_out, plan, policy_of

from pipeline.contracts import Plan, Snapshot, TargetStanding
from pipeline.policy import Policy

ROUTES = """\
  - name: chat
    match: "true"
    tiers:
      - {variants: {tiny: 1}, fallbacks: [near, far]}
      - {variants: {near: 0.5, terse: 0.5}, fallbacks: [far]}
    max_escalations: 2
  - name: alone
    match: "false"
    tiers: [{variants: {far: 1}}]
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(tmp_path_factory.mktemp("policy"), ROUTES)


def chains(planned: Plan) -> list[list[str]]:
    return [[tier.variant, *(rung.variant for rung in tier.fallbacks)] for tier in planned.tiers]


def test_when_it_is_known_when_a_target_may_be_called_again_the_caller_learns_the_first_such_time(
    policy: Policy,
) -> None:
    broken = TargetStanding(healthy=False, why="breaker", back_s=41.0)
    quiet = TargetStanding(healthy=False, why="quiet", back_s=17.5)
    world = Snapshot(targets={"tiny": broken, "near": quiet, "far": broken})
    code, message, wait = failure(policy, snapshot=world)

    assert (code, wait) == ("target_unavailable", 17.5)
    assert "tiny (health: it failed too often and is left alone for another 41.0 s)" in message
    assert "near (health: it asked not to be called for another 17.5 s)" in message


def test_an_outlier_is_left_out_of_a_tier_that_others_can_serve_and_called_last_where_they_fail(policy: Policy) -> None:
    planned = plan(policy, snapshot=left_out("tiny"))
    assert chains(planned)[0] == ["near", "far"]
    assert conditions(planned) == {"tiny": "health"}
    assert chains(plan(policy, snapshot=left_out("near")))[0] == ["tiny", "far", "near"]


def test_an_outlier_serves_where_nobody_else_can(policy: Policy) -> None:
    planned = plan(policy, snapshot=left_out("tiny", "near", "far"))
    assert chains(planned)[0] == ["tiny", "near", "far"]
    assert conditions(planned) == {}
    assert chains(plan(policy, route="alone", snapshot=left_out("far"))) == [["far"]], "the only one of its route"
    assert chains(plan(policy, pin="near", snapshot=left_out("near"))) == [["near"]]
    mixed = Snapshot(targets={**down("near", "far").targets, **left_out("tiny").targets})
    assert chains(plan(policy, snapshot=mixed)) == [["tiny"]]


def test_a_target_whose_breaker_is_open_is_not_called_even_where_nobody_else_can_be(policy: Policy) -> None:
    broken = Snapshot(targets={"far": TargetStanding(healthy=False, why="breaker", back_s=4.0)})
    assert failure(policy, route="alone", snapshot=broken)[2] == 4.0
