"""Who answers among the eligible: by weight, cost, latency, both, or affinity; and who may wish otherwise."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import conditions, outcome, plan, policy_of, targets, variants

from pipeline.contracts import Budget, Parameters, Plan, ProviderPreferences, Snapshot, TargetStanding
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy

MODELS = """\
apiVersion: stepwell/v1
kind: Models
targets:
  cheap: &plain
    {endpoint: "http://a", model: m, provider: one, region: north, jurisdiction: EU, external: false,
     context_window: 8000, max_output_tokens: 1000, slots: 4,
     price: {input: 1, output: 2, source: s, as_of: "2026-11-01"}}
  fair:
    {endpoint: "http://a", model: m, provider: two, region: south, jurisdiction: EU, external: false,
     context_window: 8000, max_output_tokens: 1000, slots: 4, properties: {training: false},
     price: {input: 2, output: 3, source: s, as_of: "2026-11-01"}}
  dear:
    {endpoint: "http://a", model: m, provider: two, region: south, jurisdiction: EU, external: false,
     context_window: 8000, max_output_tokens: 1000, slots: 4, properties: {training: false},
     price: {input: 4, output: 9, source: s, as_of: "2026-11-01"}}
  priceless:
    {endpoint: "http://a", model: m, provider: three, region: west, jurisdiction: EU, external: false,
     context_window: 8000, max_output_tokens: 1000, slots: 4}
variants:
  cheap: {target: cheap}
  fair: {target: fair}
  dear: {target: dear}
  priceless: {target: priceless}
  own: {target: fair}
""".replace("&plain\n", "\n")
ALL = "{cheap: 0.25, fair: 0.25, dear: 0.25, priceless: 0.25}"
TENANTS = """\
apiVersion: stepwell/v1
kind: Tenants
tenants:
  southern: {regions: [south]}
  western: {regions: [west, south]}
  adapted: {variants: {cheap: own}}
"""
ROUTES = (
    "".join(
        f"""\
  - name: {how}
    match: req.task == "{how}"
    tiers: [{{variants: {ALL}, choose: {how}}}]
"""
        for how in ("weights", "cost", "latency", "balance", "affinity")
    )
    + f"""\
  - name: swift
    match: req.task == "swift"
    latency_target_ms: 500
    tiers: [{{variants: {ALL}, choose: cost}}]
  - name: northern
    match: req.task == "northern"
    regions: [north]
    tiers: [{{variants: {ALL}, choose: cost}}]
  - name: strict
    match: req.task == "strict"
    callers_may: [order]
    tiers: [{{variants: {ALL}}}]
  - name: chain
    match: "true"
    tiers: [{{variants: {{cheap: 1}}, fallbacks: [dear, fair, priceless]}}]
"""
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("prefer")), ROUTES, models=MODELS, tenants=TENANTS)


def first(policy: Policy, route: str, *, world: dict[str, TargetStanding] | None = None, **request: object) -> str:
    return plan(policy, route=route, snapshot=Snapshot(targets=world or {}), **request).tiers[0].variant


def measured(**latencies: float) -> dict[str, TargetStanding]:
    return {name: TargetStanding(latency_ms=latency) for name, latency in latencies.items()}


# ---------------------------------------------------------------- ways of choosing


def test_by_cost_the_cheapest_answers_and_an_unknown_price_comes_last(policy: Policy) -> None:
    planned = plan(policy, route="cost")

    assert (variants(planned), planned.tiers[0].propensity, planned.chose) == (["cheap"], 1.0, ("cost",))
    only_dear_ones = ProviderPreferences(ignore=("cheap", "fair"))
    assert first(policy, "cost", provider=only_dear_ones) == "dear"


def test_the_length_of_the_question_counts_for_the_cost(tmp_path: Path) -> None:
    models = MODELS.replace("{input: 1, output: 2,", "{input: 1, output: 50,")
    policy = policy_of(tmp_path, ROUTES, models=models, tenants=TENANTS)

    assert first(policy, "cost", input="x" * 30) == "fair", "a long answer is dear at cheap"
    assert first(policy, "cost", input="x" * 20_000, parameters=Parameters(max_tokens=5)) == "cheap"


def test_an_answer_is_expected_to_be_of_usual_length_and_not_as_long_as_it_may_be(tmp_path: Path) -> None:
    models = MODELS.replace("{input: 1, output: 2,", "{input: 1, output: 5,")
    policy = policy_of(tmp_path, ROUTES, models=models, tenants=TENANTS)

    assert first(policy, "cost", input="x" * 2100) == "cheap", "1 * 704 + 5 * 256 is less than 2 * 704 + 3 * 256"


def test_by_latency_the_quickest_answers_and_load_makes_slower(policy: Policy) -> None:
    world = measured(cheap=900, fair=300, dear=200, priceless=500)

    assert first(policy, "latency", world=world) == "dear"
    world["dear"] = TargetStanding(latency_ms=200, load=1.0)
    assert first(policy, "latency", world=world) == "fair"


def test_who_was_never_measured_is_tried(policy: Policy) -> None:
    assert first(policy, "latency", world=measured(cheap=900, fair=300, dear=200)) == "priceless"


def test_where_nothing_is_measured_sessions_are_dealt_evenly_and_stay(policy: Policy) -> None:
    dealt = [first(policy, "latency", session=f"s{n}", id=f"r{n}") for n in range(200)]

    assert dealt == [first(policy, "latency", session=f"s{n}", id=f"other{n}") for n in range(200)]
    assert min(Counter(dealt)[name] for name in ("cheap", "fair", "dear", "priceless")) > 25


def test_a_balance_is_neither_the_cheapest_nor_the_quickest(policy: Policy) -> None:
    world = measured(cheap=1000, fair=300, dear=100, priceless=1000)

    assert first(policy, "cost", world=world) == "cheap"
    assert first(policy, "latency", world=world) == "dear"
    assert first(policy, "balance", world=world) == "fair"


def test_targets_within_the_latency_target_come_first(policy: Policy) -> None:
    assert first(policy, "swift", world=measured(cheap=600, fair=400, dear=100)) == "fair"
    assert first(policy, "swift", world=measured(cheap=600, fair=700, dear=900, priceless=800)) == "cheap"


def test_a_latency_target_moves_nobody_in_an_experiment(policy: Policy, tmp_path: Path) -> None:
    weighted = policy_of(tmp_path, ROUTES.replace("choose: cost", "choose: weights"), models=MODELS, tenants=TENANTS)
    world = measured(cheap=600, fair=700, dear=100)

    for n in range(20):
        assert first(weighted, "swift", session=f"s{n}") == first(weighted, "swift", session=f"s{n}", world=world)


# ---------------------------------------------------------------- affinity


def test_the_same_long_beginning_goes_to_the_same_variant_whoever_asks(policy: Policy) -> None:
    beginning = "A long manual. " * 400

    def served(n: int) -> Plan:
        return plan(policy, route="affinity", input=f"{beginning} Question {n}?", session=f"s{n}", id=f"r{n}")

    assert len({tuple(variants(served(n))) for n in range(30)}) == 1
    assert served(1).chose == ("affinity",)
    assert served(1).tiers[0].propensity == 1.0


def test_different_beginnings_are_spread(policy: Policy) -> None:
    dealt = Counter(first(policy, "affinity", input=f"Manual {n}. " * 400) for n in range(200))

    assert min(dealt[name] for name in ("cheap", "fair", "dear", "priceless")) > 25


def test_a_short_conversation_keeps_its_server_by_its_session(policy: Policy) -> None:
    for n in range(20):
        turns = [
            first(policy, "affinity", input="word " * size, session=f"s{n}", id=f"r{size}") for size in (5, 60, 200)
        ]
        assert len(set(turns)) == 1


def test_a_server_that_is_much_busier_than_the_others_is_passed_over(policy: Policy) -> None:
    text = "A long manual. " * 400
    usual = first(policy, "affinity", input=text)
    busy = {usual: TargetStanding(load=1.0)}

    second = first(policy, "affinity", input=text, world=busy)
    assert second != usual
    assert second == first(policy, "affinity", input=text, world=busy), "everybody goes to the same second one"
    all_busy = {name: TargetStanding(load=1.0) for name in ("cheap", "fair", "dear", "priceless")}
    assert first(policy, "affinity", input=text, world=all_busy) == usual, "nobody is busier than the others"


def test_a_server_above_the_latency_target_is_passed_over_while_another_is_within(tmp_path: Path) -> None:
    near = policy_of(tmp_path, ROUTES.replace("choose: cost", "choose: affinity"), models=MODELS, tenants=TENANTS)
    text = "A long manual. " * 400
    usual = first(near, "swift", input=text)

    assert first(near, "swift", input=text, world=measured(**{usual: 501.0})) != usual
    all_slow = measured(cheap=600, fair=600, dear=600, priceless=600)
    assert first(near, "swift", input=text, world=all_slow) == usual


# ---------------------------------------------------------------- order and regions


def test_regions_of_the_route_are_a_preference_and_no_rule(policy: Policy) -> None:
    assert first(policy, "northern") == "cheap"
    assert first(policy, "northern", provider=ProviderPreferences(ignore=("cheap",))) == "fair"


def test_regions_of_the_tenant_come_before_all_else(policy: Policy) -> None:
    assert first(policy, "cost", tenant="southern") == "fair"
    assert first(policy, "northern", tenant="southern") == "fair"
    assert first(policy, "cost", tenant="western") == "priceless"


def test_the_order_of_the_caller_is_followed_where_somebody_of_it_is_eligible(policy: Policy) -> None:
    assert first(policy, "cost", provider=ProviderPreferences(order=("three", "two"))) == "priceless"
    assert first(policy, "cost", provider=ProviderPreferences(order=("nobody", "dear"))) == "dear"
    unwell = {"priceless": TargetStanding(healthy=False)}
    assert first(policy, "cost", provider=ProviderPreferences(order=("three", "two")), world=unwell) == "fair"


def test_the_order_of_the_caller_holds_for_those_who_take_over_too(policy: Policy) -> None:
    chain = plan(policy, route="chain", provider=ProviderPreferences(order=("one", "priceless")))

    assert [rung.variant for rung in chain.tiers[0].fallbacks] == ["priceless", "dear", "fair"]


@pytest.mark.parametrize(("sort", "served", "how"), [("price", "cheap", "cost"), ("latency", "dear", "latency")])
def test_a_caller_may_sort(policy: Policy, sort: str, served: str, how: str) -> None:
    world = Snapshot(targets=measured(cheap=600, fair=300, dear=100, priceless=900))
    planned = plan(policy, route="weights", snapshot=world, provider=ProviderPreferences(sort=sort))  # type: ignore[arg-type]

    assert (variants(planned), planned.chose, planned.tiers[0].propensity) == ([served], (how,), 1.0)


# ---------------------------------------------------------------- hard wishes


def test_only_and_ignore_name_targets_or_providers(policy: Policy) -> None:
    planned = plan(policy, route="cost", provider=ProviderPreferences(only=("two", "cheap"), ignore=("cheap",)))

    assert targets(planned) == ["fair"]
    assert conditions(planned) == {"cheap": "preference", "priceless": "preference"}


def test_who_does_not_want_to_be_trained_on_is_served_by_our_own_and_by_those_that_promised_so(tmp_path: Path) -> None:
    inside, own = MODELS.split("  priceless:\n", 1)
    models = inside.replace("external: false", "external: true") + "  priceless:\n" + own
    policy = policy_of(tmp_path, ROUTES, models=models, tenants=TENANTS)
    deny = {"route": "cost", "provider": ProviderPreferences(data_collection="deny", ignore=("dear",))}

    planned = plan(policy, **deny)

    assert (targets(planned), conditions(planned)) == (["fair"], {"cheap": "preference", "dear": "preference"})
    deny["provider"] = ProviderPreferences(data_collection="deny", ignore=("two",))
    assert targets(plan(policy, **deny)) == ["priceless"]


@pytest.mark.parametrize(
    ("properties", "external", "trains"),
    [
        ("{}", "true", True),
        ("{training: false}", "true", False),
        ("{}", "false", False),
        ("{training: true}", "false", True),
    ],
)
def test_a_target_of_our_own_needs_no_promise_not_to_train(
    tmp_path: Path, properties: str, external: str, trains: bool
) -> None:
    models = MODELS.replace("external: false,", f"external: {external}, properties: {properties},", 1)
    policy = policy_of(tmp_path, ROUTES, models=models, tenants=TENANTS)

    assert policy.target_facts["cheap"]["target.training"] is trains
    planned = plan(policy, route="cost", provider=ProviderPreferences(data_collection="deny"))
    assert ("cheap" in conditions(planned)) is trains


def test_a_price_ceiling_of_the_caller_leaves_out_the_dear_and_the_unknown(policy: Policy) -> None:
    wish = ProviderPreferences.model_validate({"max_price": {"completion": 2.5}, "sort": "latency"})
    planned = plan(policy, route="latency", provider=wish)

    assert targets(planned) == ["cheap"]
    assert conditions(planned) == {"fair": "price", "dear": "price", "priceless": "price"}


@pytest.mark.parametrize(
    ("only", "why"),
    [((), "it is empty"), (("nobody",), "no such provider or target: nobody"), (("two", "nobody"), "nobody")],
)
def test_an_only_that_is_empty_or_names_nobody_we_know_is_the_callers_to_mend(
    policy: Policy, only: tuple[str, ...], why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        outcome(policy, route="cost", provider=ProviderPreferences(only=only))

    assert caught.value.param == "provider.only"


def test_a_wish_that_leaves_nobody_is_a_refusal_that_says_so(policy: Policy) -> None:
    result = outcome(policy, route="cost", provider=ProviderPreferences(only=("two",), ignore=("fair", "dear")))

    assert result.changes["error"].code == "no_eligible_target"  # type: ignore[attr-defined]
    assert "provider.only" in result.changes["error"].message  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("only", ("one",)),
        ("only", ()),
        ("ignore", ("one",)),
        ("allow_fallbacks", False),
        ("data_collection", "deny"),
        ("sort", "price"),
        ("max_price", {"prompt": 1.0}),
    ],
)
def test_what_the_route_does_not_let_callers_choose_is_refused_by_name(
    policy: Policy, field: str, value: object
) -> None:
    wish = ProviderPreferences.model_validate({field: value})

    with pytest.raises(InvalidRequest, match=rf"provider\.{field}: the route strict .* it takes order") as caught:
        outcome(policy, route="strict", provider=wish)

    assert caught.value.param == f"provider.{field}"


def test_a_wish_for_what_holds_anyway_is_no_wish(policy: Policy) -> None:
    wish = ProviderPreferences(allow_fallbacks=True, data_collection="allow", order=("one",))

    assert first(policy, "strict", provider=wish) == "cheap"


# ---------------------------------------------------------------- tenants


def test_a_tenant_is_served_by_the_variant_of_its_own(policy: Policy) -> None:
    assert variants(plan(policy, route="chain", tenant="adapted")) == ["own"]
    assert variants(plan(policy, route="chain", tenant="other")) == ["cheap"]
    dealt = {first(policy, "weights", tenant="adapted", session=f"s{n}") for n in range(60)}
    assert dealt == {"own", "fair", "dear", "priceless"}


def test_a_variant_of_its_own_is_judged_like_any_other(policy: Policy) -> None:
    unwell = Snapshot(targets={"fair": TargetStanding(healthy=False)})
    planned = plan(policy, route="chain", tenant="adapted", snapshot=unwell)

    assert variants(planned) == ["dear"]
    assert planned.chose == ("fallback",)


# ---------------------------------------------------------------- always


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(["weights", "cost", "latency", "balance", "affinity", "swift"]),
    session=st.text(min_size=1, max_size=6),
    latencies=st.dictionaries(st.sampled_from(["cheap", "fair", "dear", "priceless"]), st.floats(0, 1e5)),
    loads=st.dictionaries(st.sampled_from(["cheap", "fair", "dear", "priceless"]), st.floats(0, 4)),
)
def test_somebody_always_answers_and_everybody_decides_the_same(
    policy: Policy, route: str, session: str, latencies: dict[str, float], loads: dict[str, float]
) -> None:
    world = {
        name: TargetStanding(latency_ms=latencies.get(name), load=loads.get(name, 0.0)) for name in {*latencies, *loads}
    }
    backwards = dict(reversed(list(world.items())))

    served = first(policy, route, world=world, session=session)
    assert served == first(policy, route, world=backwards, session=session)
    assert plan(policy, route=route, session=session, budget=Budget()).tiers[0].propensity <= 1.0
