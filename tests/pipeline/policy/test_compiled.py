"""What a policy in force says of money, limits, tenants, experiments and scored routes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_files import FILES, LIMITS, RESIDENCY, ROUTES, swap

from pipeline.contracts import Cover
from pipeline.policy import Policy, RequestFacts
from pipeline.policy.facts import facts_of_example
from pipeline.policy.load import load_bundle
from pipeline.policy.models import Given, TenantSpec
from pipeline.policy.scopes import RateHit, filled, scope_of

BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: all, limit: {requests: 100}}
  - {name: batch, match: req.lane == "batch", by: [tenant, user, tag.team], limit: {tokens: 5}, stages: escalate}
  - {name: spread, by: [route, variant, target, experiment], limit: {requests: 5}}
  - {name: team, match: 'req.metadata.team == "x"', by: [key], limit: {requests: 5}}
escalations:
  - {name: few, by: [tenant, route], share: 0.2}
"""
RATES = """\
rates:
  - {name: slow, per: second, requests: 5}
  - {name: long, match: req.tokens > 100, by: [user], per: hour, tokens: 5000}
"""
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  default: {tier: basic}
  acme: {tier: gold, user_tiers: {ann: platinum}, variants: {near: far}}
"""
EXPERIMENTS = """\
apiVersion: stepwell/v1
kind: Experiments
experiments:
  - {name: far-draft, route: chat, tier: 0, variants: {near: 0.7, far: 0.3}}
  - {name: later, route: chat, tier: 1, variants: {near: 0.7, far: 0.3}, running: false}
"""
SCOPE = {"tenant": "acme", "user": "u1", "key": "k1", "route": "chat", "tag.team": "t1"}


def policy(**changed: str) -> Policy:
    files = FILES | {f"{name}.yaml": text for name, text in changed.items()}
    return load_bundle({name: text.encode() for name, text in files.items()}, {})


def facts(**given: object) -> RequestFacts:
    return facts_of_example(Given.model_validate(given))


def scored(*routes: str) -> str:
    lines = "".join(f"  - {{{route}, tiers: [{{variants: {{near: 1}}}}]}}\n" for route in routes)
    return "apiVersion: stepwell/v1\nkind: Routes\nchoose: scored\nrecord_metadata: [team]\nroutes:\n" + lines


# ---------------------------------------------------------------- budgets, caps and rates


@pytest.fixture
def paid() -> Policy:
    return policy(
        budgets=BUDGETS, limits=LIMITS + RATES, routes=swap(ROUTES, "routes:", "record_metadata: [team]\nroutes:")
    )


def test_the_budgets_and_caps_of_a_request_are_named_with_whose_counter_it_is(paid: Policy) -> None:
    covers = paid.covers(facts(lane="batch", metadata={"team": "x"}), SCOPE)

    assert covers == (
        Cover(budget="all", scope="all"),
        Cover(budget="batch", scope="tenant=acme/user=u1/tag.team=t1"),
        Cover(budget="spread", scope="route=chat/variant={variant}/target={target}/experiment={experiment}"),
        Cover(budget="team", scope="key=k1"),
        Cover(budget="few", scope="tenant=acme/route=chat"),
    )


def test_a_budget_whose_condition_is_false_does_not_pay(paid: Policy) -> None:
    found = [cover.budget for cover in paid.covers(facts(metadata={"team": "y"}), SCOPE)]

    assert found == ["all", "spread", "few"]


def test_a_budget_whose_condition_has_no_answer_pays(paid: Policy) -> None:
    assert "team" in [cover.budget for cover in paid.covers(facts(), SCOPE)]


def test_those_without_a_value_share_one_counter(paid: Policy) -> None:
    scopes = {cover.budget: cover.scope for cover in paid.covers(facts(lane="batch"), {"tenant": "acme"})}

    assert scopes["batch"] == "tenant=acme/user=/tag.team="


def test_the_rates_of_a_request_are_named(paid: Policy) -> None:
    assert paid.rate_checks(facts(tokens=100), SCOPE, 130) == (RateHit("slow", "tenant=acme", 130),)
    assert paid.rate_checks(facts(tokens=101), SCOPE, 131)[1] == RateHit("long", "user=u1", 131)


def test_parts_are_found_by_their_name(paid: Policy) -> None:
    budget, cap, rate = paid.budget("batch"), paid.cap("few"), paid.rate("slow")

    assert budget is not None and budget.limit.tokens == 5  # noqa: PT018  for the type checker
    assert cap is not None and cap.share == 0.2  # noqa: PT018
    assert rate is not None and rate.per == "second"  # noqa: PT018
    assert (paid.budget("few"), paid.cap("batch"), paid.rate("batch")) == (None, None, None)
    assert [part.name for part in (*paid.budgets, *paid.escalations, *paid.rates)] == [
        "all", "batch", "spread", "team", "few", "slow", "long"
    ]  # fmt: skip


def test_what_counters_count_by_is_known(paid: Policy) -> None:
    assert paid.scopes == {"tenant", "user", "key", "route", "variant", "target", "experiment", "tag.team"}
    assert policy().scopes == frozenset()
    assert policy().covers(facts(), SCOPE) == ()


def test_a_scope_is_filled_at_the_attempt() -> None:
    scope = scope_of(["tenant", "variant", "experiment"], {"tenant": "{target}"})

    assert filled(scope, variant="v", target="t", experiment="e") == "tenant={target}/variant=v/experiment=e"
    assert filled("all", variant="v", target="t") == "all"


# ---------------------------------------------------------------- the revision


@pytest.mark.parametrize(
    ("part", "text", "old", "new"),
    [
        ("budgets", BUDGETS, "requests: 100", "requests: 101"),
        ("budgets", BUDGETS, "share: 0.2", "share: 0.3"),
        ("limits", LIMITS + RATES, "tokens: 5000", "tokens: 5001"),
        ("tenants", TENANTS, "ann: platinum", "ann: silver"),
        ("experiments", EXPERIMENTS, "running: false", "running: true"),
        ("routes", scored("name: plain"), "choose: scored", "choose: first"),
        ("routes", scored("name: plain"), "[team]", "[team, unit]"),
        ("routes", scored("name: plain, score: 1"), "score: 1", "score: 2"),
    ],
)
def test_the_revision_changes_with_what_any_file_says(part: str, text: str, old: str, new: str) -> None:
    kept = {"routes": swap(ROUTES, "routes:", "record_metadata: [team]\nroutes:")}
    files = {**kept, part: text}

    assert policy(**files).revision != policy(**{**files, part: swap(text, old, new)}).revision


def test_the_revision_leaves_examples_of_budgets_out() -> None:
    plain = "apiVersion: stepwell/v1\nkind: Budgets\nbudgets: [{name: all, limit: {requests: 1}}]\n"

    assert policy(budgets=plain).revision == policy(budgets=plain + "examples: [{given: {}, expect: [all]}]\n").revision


# ---------------------------------------------------------------- tenants


def test_a_tenant_that_is_not_named_is_as_the_default() -> None:
    found = policy(tenants=TENANTS)

    assert found.tenant("other").tier == "basic"
    assert found.tenant("acme").variants == {"near": "far"}
    assert policy().tenant("acme") == TenantSpec()


def test_the_tier_is_that_of_the_user_else_of_the_tenant() -> None:
    found = policy(tenants=TENANTS)

    assert found.user_tier("acme", "ann") == "platinum"
    assert found.user_tier("acme", "bob") == "gold"
    assert found.user_tier("acme", None) == "gold"
    assert found.user_tier("other", "ann") == "basic"
    assert policy().user_tier("acme", "ann") is None


# ---------------------------------------------------------------- experiments


def test_a_running_experiment_lays_its_variants_over_the_tier() -> None:
    route = policy(experiments=EXPERIMENTS).routes[0]

    assert [dict(tier.variants) for tier in route.spec.tiers] == [{"near": 0.7, "far": 0.3}, {"far": 1.0}]
    assert route.experiments == ("far-draft", None)
    assert policy().routes[0].experiments == (None, None)


# ---------------------------------------------------------------- scored routes


def test_of_the_routes_that_match_the_highest_score_takes_the_request() -> None:
    found = policy(
        routes=scored(
            "name: plain",
            'name: long, score: "req.tokens > 100 ? 5.0 : -1.0"',
            'name: hard, score: "10.0 * req.complexity"',
            "name: tools, match: req.has_tools, score: 100",
        )
    )

    def taken(**given: object) -> str | None:
        choice = found.route_for(facts(**given))
        return choice.route.spec.name if choice.route else None

    assert taken() == "plain", "of equal scores the first route wins"
    assert taken(tokens=101) == "long"
    assert taken(tokens=101, complexity=0.6) == "hard"
    assert taken(tokens=101, complexity=0.5) == "long"
    assert taken(has_tools=True) == "tools"
    assert found.scores(facts(complexity=0.5)) == {"plain": 0.0, "long": -1.0, "hard": 5.0}


def test_a_route_whose_score_has_no_answer_is_skipped_and_told() -> None:
    found = policy(
        routes=scored(
            'name: team, score: "size(req.metadata.team)"',
            'name: zero, score: "1.0 / (req.complexity - req.complexity)"',
            'name: huge, score: "1000000001.0"',
            'name: odd, match: "req.metadata.team == \\"x\\""',
            "name: plain",
        )
    )

    choice = found.route_for(facts())

    assert choice.route is not None
    assert (choice.route.spec.name, choice.silent) == ("plain", ("team", "zero", "huge", "odd"))


def test_where_no_score_has_an_answer_no_route_is_taken() -> None:
    found = policy(routes=scored('name: team, score: "size(req.metadata.team)"'))

    assert found.route_for(facts()).route is None
    assert found.route_for(facts(metadata={"team": "x"})).route is not None


def test_a_score_is_a_number(tmp_path: Path) -> None:
    for wrong, said in (("req.has_tools", "a score must be a number"), ("req.x", "no such fact: req.x")):
        with pytest.raises(Exception, match=said):
            policy(routes=scored(f"name: plain, score: {wrong}"))


def test_of_routes_in_order_only_those_before_the_one_taken_are_told() -> None:
    routes = scored(
        "name: tools, match: req.has_tools", 'name: team, match: "req.metadata.team == \\"x\\""', "name: rest"
    )
    found = policy(routes=swap(routes, "choose: scored", "choose: first"))

    def told(**given: object) -> tuple[str | None, tuple[str, ...]]:
        choice = found.route_for(facts(**given))
        return choice.route.spec.name if choice.route else None, choice.silent

    assert told(has_tools=True) == ("tools", ())
    assert told() == ("rest", ("team",))


# ---------------------------------------------------------------- memory


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6), st.booleans())
def test_what_is_remembered_changes_no_answer(tokens: list[int], tools: bool) -> None:
    rule = "  - {id: long, when: 'req.tokens > 100 && target.external', action: deny, reason: r}\n"
    remembering = policy(
        budgets=BUDGETS.replace('req.metadata.team == "x"', "req.tokens > 7"), residency=RESIDENCY + rule
    )

    for count in [*tokens, *tokens]:
        asked = facts(tokens=count, has_tools=tools, data_class="public")
        first = (remembering.residency_actions(asked), remembering.covers(asked, SCOPE), remembering.route_for(asked))
        remembering.forget()
        assert first == (
            remembering.residency_actions(asked), remembering.covers(asked, SCOPE), remembering.route_for(asked)
        )  # fmt: skip
        assert [one.rule for one in first[0]] == [None, "long" if count > 100 else None]
