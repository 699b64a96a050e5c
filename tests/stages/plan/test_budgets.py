"""A budget that degrades leaves no request without an answer, wherever its variants stand; and the caller is told."""

from pathlib import Path

import pytest
from planning import plan, policy_of, refusal, variants

from pipeline.contracts import Budget, BudgetStanding, Parameters, Snapshot
from pipeline.policy import Policy

ROUTES = """\
  - name: weighted
    match: "true"
    tiers: [{variants: {near: 1, tiny: 0}}]
  - name: below
    match: "false"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
    accept: {confidence: 0.75}
  - name: fallback
    match: "false"
    tiers: [{variants: {near: 1}, fallbacks: [tiny]}]
  - name: drawn
    match: "false"
    tiers: [{variants: {near: 0.9, tiny: 0.1}}]
  - name: elsewhere
    match: "false"
    tiers: [{variants: {near: 1}}]
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, limit: {usd: 0.01}, action: degrade, degrade_to: [tiny]}
"""
EVERY = ["weighted", "below", "fallback", "drawn", "elsewhere"]
SHORT = Parameters(max_tokens=50)
"""With 50 tokens of an answer a call of near costs a little more than 0.001 USD at most, a tenth of the budget."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("budgets")), ROUTES, budgets=BUDGETS)


def left(share: float) -> Snapshot:
    return Snapshot(budgets=(BudgetStanding(name="daily", left=share, resets_s=60.0),))


@pytest.mark.parametrize("route", EVERY)
@pytest.mark.parametrize("share", [0.0, 0.09])
def test_where_too_little_is_left_for_a_call_the_variants_of_the_budget_answer(
    policy: Policy, route: str, share: float
) -> None:
    planned = plan(policy, route=route, snapshot=left(share), parameters=SHORT)
    assert variants(planned) == ["tiny"]
    assert planned.skipped == "budget"
    assert planned.relieved == (route != "below"), "there tiny would have answered first anyway"
    assert planned.cut == ("budget" if route in ("below", "elsewhere") else None)


@pytest.mark.parametrize("route", EVERY)
def test_where_enough_is_left_nothing_changes_and_somebody_stands_by(policy: Policy, route: str) -> None:
    planned = plan(policy, route=route, snapshot=left(0.5), parameters=SHORT)
    assert (planned.skipped, planned.relieved, planned.cut) == (None, False, None)
    first = planned.tiers[0].variant
    assert [rung.variant for rung in planned.spares] == ([] if first == "tiny" else ["tiny"])


def test_nobody_stands_by_who_does_not_fit_or_where_a_variant_is_pinned(policy: Policy) -> None:
    long = plan(policy, route="elsewhere", snapshot=left(0.9), input="word " * 400, parameters=SHORT)
    assert long.spares == (), "the window of tiny is too small, as for every other call of it"
    assert plan(policy, pin="near", snapshot=left(0.5), parameters=SHORT).spares == ()


def test_without_a_budget_that_degrades_nobody_stands_by(policy: Policy) -> None:
    assert plan(policy, route="elsewhere").spares == ()


def test_a_ceiling_of_the_caller_that_cuts_the_stairs_is_told(policy: Policy) -> None:
    planned = plan(policy, route="below", budget=Budget(max_cost_usd=0.0005), parameters=SHORT)
    assert (variants(planned), planned.cut, planned.relieved) == (["tiny"], "max_cost", False)
    whole = plan(policy, route="below", budget=Budget(max_cost_usd=0.5), parameters=SHORT)
    assert (variants(whole), whole.cut) == (["tiny", "near"], None)


def test_a_ceiling_of_the_caller_that_pays_for_nobody_is_a_refusal_of_money(policy: Policy) -> None:
    code, message, wait_s = refusal(policy, route="below", budget=Budget(max_cost_usd=1e-9), parameters=SHORT)
    assert (code, wait_s) == ("budget_refused", None)
    assert "max_cost_usd" in message
