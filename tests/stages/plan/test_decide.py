"""What planning promises: hard conditions first, then a sticky choice, and a reason for everything left out."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import (
    MODELS,
    conditions,
    down,
    envelope,
    outcome,
    plan,
    policy_of,
    signals,
    targets,
)

from pipeline.contracts import (
    Budget,
    Exclusion,
    ImagePart,
    Message,
    Parameters,
    ProviderPreferences,
    Snapshot,
    TargetStanding,
    TextPart,
)
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from stages.plan.decide import decide, plan_in
from stages.plan.refuse import refusal

ROUTES = """\
  - name: team
    match: req.metadata.team == "x"
    tiers: [{variants: {near: 1}}]
    accept: {confidence: 0.9}
  - name: chat
    match: req.task != "none"
    tiers:
      - variants: {tiny: 1}
      - variants: {near: 0.5, terse: 0.5}
        fallbacks: [far, tiny]
      - variants: {far: 1}
    accept: {confidence: 0.6}
    max_escalations: 2
  - name: abroad
    match: "false"
    tiers: [{variants: {far: 1}}]
    on_exhausted: fail
    on_capped: queue
    cache: {enabled: false}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    routes = f"apiVersion: stepwell/v1\nkind: Routes\nrecord_metadata: [team]\nroutes:\n{ROUTES}"
    return policy_of(Path(tmp_path_factory.mktemp("plan")), routes)


def published(version: int, *tiers: dict[str, float]) -> Snapshot:
    return Snapshot(route="chat", weights=tiers, weights_version=version)


# ---------------------------------------------------------------- the route


@pytest.mark.parametrize("name", [None, "auto"])
def test_without_a_name_the_first_route_that_matches_serves(policy: Policy, name: str | None) -> None:
    assert plan(policy, route=name, metadata={"team": "x"}).route == "team"
    assert plan(policy, route=name, metadata={"team": "y"}).route == "chat"


def test_a_route_whose_condition_has_no_answer_does_not_match_and_is_told(policy: Policy) -> None:
    decided = outcome(policy)

    assert decided.facts["route"] == "chat"
    assert decided.facts["routes_without_answer"] == "team"


def test_a_route_that_is_named_serves_whatever_the_conditions_say(policy: Policy) -> None:
    planned = plan(policy, route="abroad")

    assert (planned.route, targets(planned), planned.on_exhausted) == ("abroad", ["far"], "fail")


def test_a_variant_that_is_named_is_a_plan_of_one_tier_that_is_not_remembered(policy: Policy) -> None:
    planned = plan(policy, route="terse")

    assert [(tier.variant, tier.propensity) for tier in planned.tiers] == [("terse", 1.0)]
    assert (planned.route, planned.max_escalations, planned.cacheable) == ("terse", 0, False)


def test_a_pin_leaves_one_tier_of_the_route(policy: Policy) -> None:
    planned = plan(policy, pin="far")

    assert (planned.route, targets(planned), planned.max_escalations) == ("chat", ["far"], 0)


def test_a_pin_does_not_open_what_residency_closes(policy: Policy) -> None:
    assert outcome(policy, pin="far", data_class="restricted").kind == "refused"


@pytest.mark.parametrize("request_", [{"route": "chta"}, {"pin": "chta"}])
def test_an_unknown_name_is_an_error_that_names_no_others(policy: Policy, request_: dict[str, str]) -> None:
    """Which of them the caller may name, its key says."""
    with pytest.raises(UnknownModel, match="GET /v1/models") as caught:
        outcome(policy, **request_)

    others = [*(route.spec.name for route in policy.routes), *policy.variants]
    assert not [name for name in others if name in caught.value.message.split()]
    assert caught.value.param == next(iter(request_))


def test_a_request_that_no_route_takes_is_told_the_routes(policy: Policy) -> None:
    with pytest.raises(InvalidRequest, match="team, chat, abroad"):
        outcome(policy, metadata={"task": "none", "team": "y"})


# ---------------------------------------------------------------- hard conditions


def test_everything_is_eligible_for_a_plain_request(policy: Policy) -> None:
    planned = plan(policy)

    assert targets(planned) == ["tiny", "near", "far"]
    assert planned.excluded == ()


def test_residency_takes_a_target_out_and_names_the_rule(policy: Policy) -> None:
    planned = plan(policy, data_class="restricted")

    assert targets(planned) == ["tiny", "near"]
    assert [(e.target, e.condition, e.reason) for e in planned.excluded] == [
        ("far", "residency", "rule here: it stays")
    ]


def test_a_target_that_the_classification_does_not_mention_is_out(policy: Policy) -> None:
    decided = decide(signals(envelope(policy), policy), (), Snapshot(), policy)

    assert decided.kind == "refused"
    assert decided.changes["error"].code == "residency_refused"  # type: ignore[attr-defined]


IMAGE = Message(
    role="user", content=(TextPart(type="text", text="see"), ImagePart(type="image_url", image_url={"url": "u"}))
)


@pytest.mark.parametrize(
    "request_", [{"tools": ({"type": "function"},)}, {"messages": (IMAGE,)}], ids=["tools", "images"]
)
def test_a_target_that_lacks_a_capability_is_out(policy: Policy, request_: dict[str, object]) -> None:
    planned = plan(policy, **request_)

    assert conditions(planned) == {"tiny": "capability"}
    assert targets(planned) == ["near", "far"]


def test_a_refusal_for_what_targets_cannot_do_says_where_that_is_declared() -> None:
    lacking = (Exclusion(target="tiny", condition="capability", reason="it lacks tools"),)
    error = refusal("chat", lacking, None, None, {}, None)  # type: ignore[arg-type]
    assert error.code == "no_eligible_target"
    assert "it lacks tools" in error.message
    assert "`capabilities` in models.yaml" in error.message


def test_models_that_come_along_take_tools() -> None:
    """Else the first agent would be refused."""
    targets = load_folder(Path("policies"), {}).targets
    assert all("tools" in targets[name].capabilities for name in ("small", "large"))


def test_results_of_tools_ask_for_targets_that_know_tools(policy: Policy) -> None:
    results = (Message(role="user", content="weather?"), Message(role="tool", content="rain", tool_call_id="c1"))

    assert conditions(plan(policy, messages=results)) == {"tiny": "capability"}


def test_a_question_that_fills_the_window_fits(policy: Policy) -> None:
    exactly, more = {"counted": {"tiny": 300}}, {"counted": {"tiny": 301}}

    assert targets(plan(policy, seen=exactly))[0] == "tiny"
    assert conditions(plan(policy, seen=more)) == {"tiny": "context"}


def test_a_schema_asks_for_targets_that_take_one(policy: Policy) -> None:
    assert targets(plan(policy, response_schema={"type": "object"})) == ["tiny", "near", "far"]


def test_a_question_that_does_not_fit_into_the_window_goes_further_down(policy: Policy) -> None:
    fits, too_long = "x" * 880, "x" * 900

    assert targets(plan(policy, input=fits))[0] == "tiny"
    assert conditions(plan(policy, input=too_long)) == {"tiny": "context"}


def test_the_answer_asked_for_counts_too(policy: Policy) -> None:
    question = {"input": "x" * 900}

    assert targets(plan(policy, **question, parameters=Parameters(max_tokens=10)))[0] == "tiny"


def test_letters_of_several_bytes_count_for_more(policy: Policy) -> None:
    assert conditions(plan(policy, input="語" * 400)) == {"tiny": "context"}


def test_a_ceiling_keeps_out_what_may_cost_more_and_what_nobody_knows_the_price_of(policy: Policy) -> None:
    planned = plan(policy, budget=Budget(max_cost_usd=0.001))

    assert targets(planned) == ["tiny"]
    assert conditions(planned) == {"near": "price", "far": "price"}
    assert any("unknown" in exclusion.reason for exclusion in planned.excluded)


def test_the_ceiling_counts_each_token_at_the_dearest_it_may_cost(policy: Policy) -> None:
    """Tokens that are written into a provider's cache, or thought, cost more; the purse counts on it too."""
    tiny = policy.targets["tiny"]
    assert tiny.price is not None
    thinks = tiny.model_copy(update={"price": tiny.price.model_copy(update={"reasoning": 2000.0})})
    dearer = replace(policy, targets={**policy.targets, "tiny": thinks})
    ceiling = Budget(max_cost_usd=0.05)

    assert targets(plan(policy, budget=ceiling)) == ["tiny", "near"]
    assert targets(plan(dearer, budget=ceiling)) == ["near"]
    assert conditions(plan(dearer, budget=ceiling))["tiny"] == "price"


def test_the_ceiling_holds_for_all_tiers_together(policy: Policy) -> None:
    cost_of_tiny = (5 * 1 + 100 * 2) / 1e6
    cost_of_terse = ((5 + 7) * 10 + 50 * 20) / 1e6
    both = published(1, {"tiny": 1.0}, {"near": 0.0, "terse": 1.0}, {"far": 1.0})

    enough = plan(policy, snapshot=both, budget=Budget(max_cost_usd=cost_of_tiny + cost_of_terse + 1e-9))
    short = plan(policy, snapshot=both, budget=Budget(max_cost_usd=cost_of_tiny + cost_of_terse - 1e-6))

    assert targets(enough) == ["tiny", "near"]
    assert targets(short) == ["tiny"]


def test_a_target_that_takes_no_calls_is_out_for_now(policy: Policy) -> None:
    planned = plan(policy, snapshot=down("tiny"))

    assert targets(planned) == ["near", "far"]
    assert conditions(planned) == {"tiny": "health"}


def test_what_is_forbidden_is_never_called_unhealthy_or_dear(policy: Policy) -> None:
    planned = plan(policy, data_class="restricted", snapshot=down("far"), budget=Budget(max_cost_usd=1))

    assert conditions(planned) == {"far": "residency"}


# ---------------------------------------------------------------- refusals


def test_when_residency_closes_every_target_the_refusal_says_so_with_the_rule(policy: Policy) -> None:
    decided = outcome(policy, types=("FROZEN",))
    error = decided.changes["error"]

    assert (decided.kind, decided.changes["status"]) == ("refused", "refused")
    assert (error.code, error.rule) == ("residency_refused", "frozen")  # type: ignore[attr-defined]
    assert "nobody may" in error.message  # type: ignore[attr-defined]


def test_when_several_conditions_close_the_targets_each_is_told(policy: Policy) -> None:
    decided = outcome(policy, data_class="restricted", snapshot=down("tiny", "near"))
    error = decided.changes["error"]

    assert (error.code, error.rule) == ("target_unavailable", "here")  # type: ignore[attr-defined]
    for part in ("tiny (health", "near (health", "far (residency: rule here"):
        assert part in error.message  # type: ignore[attr-defined]


def test_a_refusal_holds_no_text_of_the_request(policy: Policy) -> None:
    decided = outcome(policy, types=("FROZEN",), input="hunter2", user="odalys", session="s3cret")

    for word in ("hunter2", "odalys", "s3cret"):
        assert word not in repr((decided.reasons, decided.facts, decided.changes))


# ---------------------------------------------------------------- preference


def test_the_chance_is_that_among_the_eligible_and_is_logged(policy: Policy) -> None:
    narrow = plan(policy, input="x" * 10_000)
    wide = plan(policy)

    assert [tier.propensity for tier in wide.tiers] == [1.0, 0.5, 1.0]
    assert [(tier.variant, tier.propensity) for tier in narrow.tiers] == [("terse", 1.0), ("far", 1.0)]
    assert outcome(policy).facts["propensities"] == "1,0.5,1"


def test_published_weights_replace_those_of_the_policy_and_leave_their_version(policy: Policy) -> None:
    weights = published(7, {"tiny": 1.0}, {"near": 0.0, "terse": 1.0}, {"far": 1.0})
    planned = plan(policy, snapshot=weights)

    assert [(tier.variant, tier.weights_version) for tier in planned.tiers] == [("tiny", 7), ("terse", 7), ("far", 7)]
    assert outcome(policy, snapshot=weights).facts["weights_version"] == 7


@pytest.mark.parametrize(
    "tiers", [({"tiny": 1.0}, {"gone": 1.0}, {"far": 1.0}), ({"near": 1.0},)], ids=["other variants", "other tiers"]
)
def test_published_weights_of_another_policy_are_not_used_where_they_do_not_fit(
    policy: Policy, tiers: tuple[dict[str, float], ...]
) -> None:
    second = plan(policy, snapshot=published(7, *tiers)).tiers[1]

    assert (second.propensity, second.weights_version) == (0.5, 0)


def test_a_session_keeps_its_variant_and_a_user_hers_across_sessions_without_one(policy: Policy) -> None:
    def second(**who: str) -> str:
        return plan(policy, **who).tiers[1].variant

    sessions = [second(session=f"s{n}", id=f"r{n}") for n in range(40)]
    assert sessions == [second(session=f"s{n}", user="somebody", id=f"other{n}") for n in range(40)]
    users = [second(user=f"u{n}", id=f"r{n}") for n in range(40)]
    assert users == [second(user=f"u{n}", id=f"other{n}") for n in range(40)]
    assert {"near", "terse"} == set(sessions) == set(users) == {second(id=f"r{n}") for n in range(40)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(session=st.text(min_size=1, max_size=20), ramp=st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
def test_a_ramp_keeps_whoever_was_in_the_treatment(policy: Policy, session: str, ramp: list[float]) -> None:
    served = []
    for version, share in enumerate(sorted(ramp)):
        weights = published(version + 1, {"tiny": 1.0}, {"near": 1 - share, "terse": share}, {"far": 1.0})
        served.append(plan(policy, session=session, snapshot=weights).tiers[1].variant)

    assert served == sorted(served), "near comes before terse in the alphabet: nobody goes back"


NAMES = st.sampled_from(["tiny", "near", "far", "house", "abroad", "nobody"])
PREFERENCES = st.none() | st.builds(
    ProviderPreferences,
    order=st.lists(NAMES, max_size=2).map(tuple),
    only=st.none() | st.lists(NAMES.filter(lambda name: name != "nobody"), min_size=1, max_size=3).map(tuple),
    ignore=st.lists(NAMES, max_size=2).map(tuple),
    allow_fallbacks=st.booleans(),
    data_collection=st.sampled_from(["allow", "deny"]),
    sort=st.sampled_from([None, "price", "latency"]),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    unhealthy=st.frozensets(st.sampled_from(["tiny", "near", "far"])),
    loads=st.dictionaries(st.sampled_from(["tiny", "near", "far"]), st.floats(0, 3)),
    data_class=st.sampled_from(["public", "confidential", "restricted"]),
    characters=st.integers(1, 20_000),
    ceiling=st.none() | st.floats(0, 0.1),
    session=st.text(min_size=1, max_size=8),
    provider=PREFERENCES,
    pin=st.sampled_from([None, None, "tiny", "terse", "far"]),
    busy_with=st.sampled_from([None, None, "tiny", "near", "far", "gone"]),
    no_fallbacks=st.booleans(),
)
def test_whatever_the_circumstances_no_tier_breaks_a_hard_condition(
    policy: Policy,
    unhealthy: frozenset[str],
    loads: dict[str, float],
    data_class: str,
    characters: int,
    ceiling: float | None,
    session: str,
    provider: ProviderPreferences | None,
    pin: str | None,
    busy_with: str | None,
    no_fallbacks: bool,
) -> None:
    standings = {name: TargetStanding(healthy=name not in unhealthy, load=load) for name, load in loads.items()}
    standings |= {name: TargetStanding(healthy=False) for name in unhealthy}
    decided = outcome(
        policy,
        snapshot=Snapshot(targets=standings),
        busy_with=busy_with,
        data_class=data_class,
        input="x" * characters,
        session=session,
        provider=provider,
        pin=pin,
        disable_fallbacks=no_fallbacks,
        budget=Budget(max_cost_usd=ceiling),
    )
    planned = plan_in(decided)
    assert planned is not None
    assert (decided.kind == "planned") == bool(planned.tiers)
    rungs = [rung for tier in planned.tiers for rung in (tier, *tier.fallbacks)]
    called = {rung.target for rung in rungs}
    assert not unhealthy & called
    assert data_class != "restricted" or "far" not in called
    assert characters < 1200 or "tiny" not in called
    assert ceiling is None or "far" not in called
    assert all(0 < tier.propensity <= 1 for tier in planned.tiers)
    if pin is not None:
        assert {rung.variant for rung in rungs} <= {pin}
    if pin is not None or no_fallbacks or (provider and not provider.allow_fallbacks):
        assert not any(tier.fallbacks for tier in planned.tiers)
    if provider is not None:
        house = {"tiny": "house", "near": "house", "far": "abroad"}
        assert provider.only is None or all({name, house[name]} & set(provider.only) for name in called)
        assert not any({name, house[name]} & set(provider.ignore) for name in called)
        assert provider.data_collection == "allow" or "far" not in called
    if ceiling is not None:
        prices = {"tiny": (1, 2, 100), "near": (10, 20, 1000)}
        worst = sum(_worst(rung.variant, *prices[rung.target], characters) for rung in rungs)
        assert worst <= ceiling + 1e-12


def _worst(variant: str, price_in: float, price_out: float, most: int, characters: int) -> float:
    """What a call may cost: three characters make a token, and four tokens are added to each message."""
    asked = -(-characters // 3) + 4 + (7 if variant == "terse" else 0)
    return (asked * price_in + (50 if variant == "terse" else most) * price_out) / 1e6


# ---------------------------------------------------------------- the tighter one wins


def test_the_stricter_of_threshold_and_quality_floor_holds(policy: Policy) -> None:
    assert plan(policy).threshold == 0.6
    assert plan(policy, quality_floor=0.8).threshold == 0.8
    assert plan(policy, quality_floor=0.1).threshold == 0.6
    assert plan(policy, route="abroad").threshold is None


def test_the_fewest_escalations_hold(policy: Policy) -> None:
    assert plan(policy).max_escalations == 2
    assert plan(policy, budget=Budget(max_escalations=0)).max_escalations == 0
    assert plan(policy, data_class="restricted").max_escalations == 1


def test_the_plan_says_what_happens_when_an_escalation_is_capped(policy: Policy) -> None:
    assert plan(policy).on_capped == "degrade"
    assert plan(policy, route="abroad").on_capped == "queue"


def test_answers_are_remembered_only_where_route_and_caller_let_them(policy: Policy) -> None:
    assert plan(policy).cacheable
    assert plan(policy, cache="refresh").cacheable
    assert not plan(policy, cache="off").cacheable
    assert not plan(policy, route="abroad").cacheable


def test_the_same_request_gets_the_same_plan_again(policy: Policy) -> None:
    assert outcome(policy, session="s") == outcome(policy, session="s")


PASSED = """\
  - {name: only-far, match: "false", tiers: [{variants: {far: 1}}]}
  - {name: only-near, match: "false", tiers: [{variants: {near: 1}}]}
  - name: all
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}, {variants: {far: 1}}]
    accept: {confidence: 0.6}
    max_escalations: 2
"""
PASSING = MODELS.replace("max_output_tokens: 1000,", "max_output_tokens: 1000, passes: [top_k, min_p],").replace(
    "capabilities: [chat, json_schema, tools, vision]}", "capabilities: [chat, json_schema, logprobs]}"
)
"""near passes two fields, and far has log-probabilities."""


def test_a_field_that_is_passed_on_is_asked_of_those_alone_who_pass_it(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, PASSED, models=PASSING)
    planned = plan(policy, parameters=Parameters(extra={"top_k": 3}))
    assert set(targets(planned)) == {"near"}
    told = {e.target: (e.condition, e.reason) for e in planned.excluded}
    assert told["tiny"] == ("capability", "it does not pass top_k")


def test_log_probabilities_are_asked_of_those_alone_who_give_them(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, PASSED, models=PASSING)
    assert set(targets(plan(policy, logprobs=0))) == {"far"}


@pytest.mark.parametrize(
    ("request_fields", "param"),
    [
        ({"parameters": Parameters(extra={"seed_2": 3})}, "seed_2"),
        ({"parameters": Parameters(extra={"min_p": 3, "top_k": 3}), "route": "only-far"}, "min_p"),
        ({"logprobs": 2, "route": "only-near"}, "logprobs"),
    ],
)
def test_what_no_target_of_the_route_takes_is_unsupported(
    tmp_path: Path, request_fields: dict[str, object], param: str
) -> None:
    refused = outcome(policy_of(tmp_path, PASSED, models=PASSING), **request_fields)  # type: ignore[arg-type]
    assert refused.kind == "refused"
    error = refused.changes["error"]
    assert (error.code, error.param) == ("unsupported_parameter", param)  # type: ignore[attr-defined]
