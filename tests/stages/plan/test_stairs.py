"""How stairs are built: fallbacks, pins, loops of tool calls, lists, money, and budgets that are used up."""

from pathlib import Path

import pytest
from planning import LIMITS, MODELS, conditions, down, failure, outcome, plan, policy_of, refusal, variants

from pipeline.contracts import Budget, BudgetStanding, Plan, ProviderPreferences, Snapshot
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.policy import Policy

ROUTES = """\
  - name: chat
    match: "true"
    tiers:
      - {variants: {tiny: 1}, fallbacks: [near, far]}
      - {variants: {near: 0.5, terse: 0.5}, fallbacks: [far]}
    max_escalations: 2
  - name: house-only
    match: "false"
    only: [house]
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}, fallbacks: [far]}, {variants: {far: 1}}]
  - name: not-near
    match: "false"
    ignore: [near]
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}, {variants: {far: 1}}]
  - name: priced
    match: "false"
    max_price: {output: 20}
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}, {variants: {far: 1}}]
  - name: thrifty
    match: "false"
    max_cost_per_token: 0.000010
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}, {variants: {far: 1}}]
  - name: shaped
    match: "false"
    response_schema_file: schemas/any.json
    tiers: [{variants: {far: 1}}]
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  held: {may_pin: false}
  listed: {only: [near]}
  shy: {ignore: [abroad]}
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, limit: {usd: 1}, action: degrade, degrade_to: [tiny]}
  - {name: climbs, limit: {usd: 1}, stages: escalate, action: degrade, degrade_to: [terse]}
  - {name: elsewhere, match: req.task == "none", limit: {usd: 1}, action: degrade, degrade_to: [far]}
  - {name: hard, limit: {usd: 1}, action: refuse}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = Path(tmp_path_factory.mktemp("stairs"))
    (folder / "schemas").mkdir()
    (folder / "schemas" / "any.json").write_text('{"type": "object"}')
    return policy_of(folder, ROUTES, tenants=TENANTS, budgets=BUDGETS, limits=LIMITS)


def chains(planned: Plan) -> list[list[str]]:
    return [[tier.variant, *(rung.variant for rung in tier.fallbacks)] for tier in planned.tiers]


# ---------------------------------------------------------------- fallbacks


def test_those_who_take_over_are_eligible(policy: Policy) -> None:
    assert chains(plan(policy, session="s"))[0] == ["tiny", "near", "far"]
    assert chains(plan(policy, session="s", data_class="restricted"))[0] == ["tiny", "near"]
    assert chains(plan(policy, snapshot=down("near")))[0] == ["tiny", "far"]


def test_a_rung_that_names_a_fallback_names_its_target(policy: Policy) -> None:
    assert [(rung.variant, rung.target) for rung in plan(policy).tiers[0].fallbacks] == [
        ("near", "near"),
        ("far", "far"),
    ]


@pytest.mark.parametrize(
    "request_",
    [{"disable_fallbacks": True}, {"provider": ProviderPreferences(allow_fallbacks=False)}, {"pin": "tiny"}],
    ids=["disable_fallbacks", "allow_fallbacks", "pin"],
)
def test_nobody_takes_over_where_the_caller_does_not_want_it(policy: Policy, request_: dict[str, object]) -> None:
    assert all(not tier.fallbacks for tier in plan(policy, **request_).tiers)
    without_tiny = outcome(policy, **request_, snapshot=down("tiny"))
    assert without_tiny.kind == ("failed" if "pin" in request_ else "planned")


def test_where_no_variant_of_a_tier_is_eligible_the_first_fallback_stands_in(policy: Policy) -> None:
    planned = plan(policy, snapshot=down("tiny"))

    assert chains(planned)[0] == ["near", "far"]
    assert planned.chose[0] == "fallback"
    assert planned.tiers[0].propensity == 1.0


def test_where_the_fallbacks_are_off_the_tier_is_left_out(policy: Policy) -> None:
    assert variants(plan(policy, snapshot=down("tiny"), disable_fallbacks=True))[0] in ("near", "terse")


# ---------------------------------------------------------------- pins


def test_a_pin_is_one_variant_and_nobody_else(policy: Policy) -> None:
    planned = plan(policy, pin="terse")

    assert (chains(planned), planned.max_escalations, planned.chose) == ([["terse"]], 0, ("pin",))


@pytest.mark.parametrize(("field", "request_"), [("pin", {"pin": "near"}), ("route", {"route": "near"})])
def test_a_tenant_that_may_not_pin_is_told_so(policy: Policy, field: str, request_: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match="the tenant held pin a variant") as caught:
        outcome(policy, tenant="held", **request_)

    assert caught.value.param == field
    assert plan(policy, tenant="held", route="chat").route == "chat"


# ---------------------------------------------------------------- lists and prices


def test_a_route_has_lists_of_who_may_serve_and_who_may_not(policy: Policy) -> None:
    assert chains(plan(policy, route="house-only")) == [["tiny"], ["near"]]
    assert conditions(plan(policy, route="house-only")) == {"far": "list"}
    assert variants(plan(policy, route="not-near")) == ["tiny", "far"]


def test_what_stands_in_for_one_tenant_is_a_variant_of_nobody_else(tmp_path: Path) -> None:
    models = MODELS.replace("variants:\n", "variants:\n  tiny-acme: {target: tiny, system: As at acme.}\n")
    owns = "apiVersion: stepwell/v1\nkind: Tenants\ntenants:\n  acme: {variants: {tiny: tiny-acme}}\n"
    routes = "  - {name: chat, match: 'true', tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}\n"
    policy = policy_of(tmp_path, routes, models=models, tenants=owns)

    for request_ in ({"pin": "tiny-acme"}, {"route": "tiny-acme"}):
        with pytest.raises(UnknownModel, match="there is no") as caught:
            plan(policy, tenant="other", **request_)
        assert str(caught.value).count("acme") == 1, "only what the caller said"
        assert variants(plan(policy, tenant="acme", **request_)) == ["tiny-acme"]
    assert variants(plan(policy, tenant="other", busy_with="tiny-acme")) == ["tiny", "near"]
    for request_ in ({"pin": "tiny"}, {"route": "tiny"}, {"route": "chat", "pin": "tiny"}):
        assert variants(plan(policy, tenant="acme", **request_)) == ["tiny-acme"]
        assert variants(plan(policy, tenant="other", **request_)) == ["tiny"]


def test_a_variant_that_also_serves_others_may_be_named_by_everybody(tmp_path: Path) -> None:
    owns = "apiVersion: stepwell/v1\nkind: Tenants\ntenants:\n  acme: {variants: {tiny: near}}\n"
    routes = "  - {name: chat, match: 'true', tiers: [{variants: {tiny: 1}, fallbacks: [near]}]}\n"

    assert variants(plan(policy_of(tmp_path, routes, tenants=owns), tenant="other", pin="near")) == ["near"]


@pytest.mark.parametrize("route", ["near", "labels"])
def test_a_pin_beside_another_variant_or_a_route_without_it_is_a_contradiction(tmp_path: Path, route: str) -> None:
    routes = "  - {name: labels, match: 'false', tiers: [{variants: {terse: 1}, fallbacks: [far]}]}\n"
    policy = policy_of(tmp_path, routes + "  - {name: chat, match: 'true', tiers: [{variants: {tiny: 1}}]}\n")

    with pytest.raises(InvalidRequest, match=f"{route} is named too and does not hold tiny") as caught:
        plan(policy, route=route, pin="tiny")
    assert caught.value.param == "pin"
    for named, pin in (("near", "near"), ("labels", "far"), ("auto", "near"), (None, "near")):
        assert variants(plan(policy, route=named, pin=pin)) == [pin]


def test_a_tenant_has_lists_too_and_a_pin_does_not_open_them(policy: Policy) -> None:
    assert refusal(policy, tenant="listed", route="not-near")[0] == "no_eligible_target"
    assert {rung for chain in chains(plan(policy, tenant="listed")) for rung in chain} <= {"near", "terse"}
    assert chains(plan(policy, tenant="shy", session="s"))[0] == ["tiny", "near"]
    assert refusal(policy, tenant="shy", pin="far")[0] == "no_eligible_target"


@pytest.mark.parametrize(("route", "served"), [("priced", ["tiny", "near"]), ("thrifty", ["tiny"])])
def test_a_route_may_have_a_ceiling_of_prices(policy: Policy, route: str, served: list[str]) -> None:
    planned = plan(policy, route=route)

    assert variants(planned) == served
    assert conditions(planned)["far"] == "price", "nobody knows what it costs"


def test_a_schema_that_the_route_brings_asks_for_the_capability(policy: Policy, tmp_path: Path) -> None:
    assert variants(plan(policy, route="shaped")) == ["far"]
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "any.json").write_text('{"type": "object"}')
    start, end = MODELS.split("jurisdiction: US", 1)
    unable = start + "jurisdiction: US" + end.replace("json_schema, ", "", 1)
    poorer = policy_of(tmp_path, ROUTES, models=unable, tenants=TENANTS, budgets=BUDGETS, limits=LIMITS)
    assert refusal(poorer, route="shaped")[0] == "no_eligible_target"


# ---------------------------------------------------------------- the caller's money


def test_tiers_are_paid_before_those_who_take_over(policy: Policy) -> None:
    tiny = (5 * 1 + 100 * 2) / 1e6
    near = (5 * 10 + 1000 * 20) / 1e6
    terse = (12 * 10 + 50 * 20) / 1e6
    weights = Snapshot(route="chat", weights=({"tiny": 1.0}, {"near": 0.0, "terse": 1.0}))

    def paid(money: float) -> list[list[str]]:
        return chains(plan(policy, snapshot=weights, budget=Budget(max_cost_usd=money)))

    assert paid(tiny + 1e-9) == [["tiny"]]
    assert paid(near) == [["tiny"], ["terse"]]
    assert paid(tiny + terse + near + 1e-9) == [["tiny", "near"], ["terse"]]


# ---------------------------------------------------------------- budgets that are used up


def used_up(*names: str, resets_s: float | None = 90.0) -> Snapshot:
    return Snapshot(budgets=tuple(BudgetStanding(name=name, left=0.0, resets_s=resets_s) for name in names))


def test_a_used_up_budget_that_degrades_cuts_the_stairs_to_what_it_leaves(policy: Policy) -> None:
    planned = plan(policy, snapshot=used_up("daily"))

    assert chains(planned) == [["tiny"]]
    assert planned.skipped == "budget"
    assert conditions(planned) == {"near": "budget", "far": "budget"}
    assert planned.max_escalations == 0


def test_a_budget_with_something_left_cuts_nothing(policy: Policy) -> None:
    left = Snapshot(budgets=(BudgetStanding(name="daily", left=0.01),))

    assert len(plan(policy, snapshot=left).tiers) == 2


def test_a_budget_of_escalations_leaves_the_draft_alone(policy: Policy) -> None:
    planned = plan(policy, snapshot=used_up("climbs"))

    assert chains(planned) == [["tiny", "near", "far"], ["terse"]]


def test_a_budget_that_refuses_speaks_up_at_the_attempt_and_not_here(policy: Policy) -> None:
    assert len(plan(policy, snapshot=used_up("hard")).tiers) == 2


def test_what_the_budget_leaves_serves_also_where_the_route_does_not_name_it(policy: Policy) -> None:
    planned = plan(policy, route="shaped", snapshot=used_up("daily"))

    assert chains(planned) == [["tiny"]]
    assert planned.chose == ("budget",)


def test_where_nothing_is_left_the_refusal_says_until_when(policy: Policy) -> None:
    code, message, wait = refusal(policy, route="not-near", snapshot=used_up("daily", "elsewhere"))

    assert (code, wait) == ("budget_refused", 90.0)
    assert "budget" in message


# ---------------------------------------------------------------- refusals


def test_when_everybody_is_down_the_caller_learns_when_to_come_back(policy: Policy) -> None:
    code, message, wait = failure(policy, snapshot=down("tiny", "near", "far"))

    assert (code, wait) == ("target_unavailable", policy.limits.breaker.open)
    assert "health" in message


def test_a_conversation_that_fits_nowhere_is_the_callers_to_shorten(policy: Policy) -> None:
    code, message, wait = refusal(policy, input="x" * 20_000)

    assert (code, wait) == ("context_length_exceeded", None)
    assert "window of 4000" in message


def test_a_conversation_that_fits_only_where_it_may_not_go_is_the_callers_to_shorten_too(policy: Policy) -> None:
    assert refusal(policy, route="house-only", input="x" * 20_000)[0] == "context_length_exceeded"
    assert refusal(policy, input="x" * 20_000, snapshot=down("far"))[0] == "context_length_exceeded"


def test_where_waiting_would_help_too_the_caller_is_not_told_to_shorten(policy: Policy) -> None:
    code, _, wait = refusal(policy, input="x" * 2000, snapshot=down("near", "far"))

    assert (code, wait) == ("no_eligible_target", policy.limits.breaker.open)


def test_a_refusal_keeps_its_evidence(policy: Policy) -> None:
    result = outcome(policy, data_class="public", types=("FROZEN",))
    planned = result.changes["plan"]

    assert isinstance(planned, Plan)
    assert planned.tiers == ()
    assert conditions(planned) == {"tiny": "residency", "near": "residency", "far": "residency"}
    assert planned.signals is not None
    assert planned.snapshot is not None


# ---------------------------------------------------------------- exact counts


def test_a_count_by_the_targets_own_tokenizer_is_better_than_an_estimate(policy: Policy) -> None:
    estimated = plan(policy, input="x" * 1200)
    counted = plan(policy, input="x" * 1200, seen={"counted": {"tiny": 250}})

    assert variants(counted)[0] == "tiny"
    assert conditions(estimated)["tiny"] == "context"
    crowded = plan(policy, input="x" * 60, seen={"counted": {"tiny": 301}})
    assert conditions(crowded)["tiny"] == "context"


# ---------------------------------------------------------------- loops of tool calls


def test_a_loop_stays_on_its_variant_and_may_only_climb(policy: Policy) -> None:
    tools = {"tools": ({"type": "function"},)}

    assert chains(plan(policy, busy_with="near", **tools)) == [["near", "far"]]
    assert plan(policy, busy_with="near").chose == ("loop",)
    assert chains(plan(policy, busy_with="terse", session="s")) == [["terse", "far"]]
    climbing = plan(policy, busy_with="tiny", session="s")
    assert climbing.chose == ("loop", "weights")
    assert climbing.tiers[0].variant == "tiny"


def test_a_loop_whose_variant_is_gone_or_down_is_planned_like_any_request(policy: Policy) -> None:
    assert plan(policy, busy_with="retired", session="s").tiers == plan(policy, session="s").tiers
    assert variants(plan(policy, busy_with="far", snapshot=down("far"), session="s"))[0] == "tiny"
    assert variants(plan(policy, busy_with="far", data_class="restricted", session="s"))[0] == "tiny"


def test_a_loop_begun_on_another_route_stays_on_its_variant(policy: Policy) -> None:
    assert chains(plan(policy, route="shaped", busy_with="near")) == [["near"]]


def test_a_pin_counts_for_more_than_a_loop(policy: Policy) -> None:
    assert variants(plan(policy, pin="far", busy_with="near")) == ["far"]
