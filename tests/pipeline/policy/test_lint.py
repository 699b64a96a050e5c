"""What cannot be meant is refused with its place and what to write instead; what hardly can is warned about."""

from datetime import date
from pathlib import Path

import pytest
from policy_files import LIMITS, MODELS, RESIDENCY, ROUTES, swap, write

from pipeline.policy.load import check_folder

PRICE = "    price: {input: %s, output: %s, source: s, as_of: '2026-01-01'}\n"
PRICED = MODELS.replace("    context_window: 4096\n", "    context_window: 4096\n" + PRICE % (1, 2))
BUDGETS = "apiVersion: stepwell/v1\nkind: Budgets\n"


def told(folder: Path, today: date | None = None, **changed: str) -> tuple[list[str], list[str]]:
    """Problems and warnings, without the folder."""
    checked = check_folder(write(folder, **changed), {}, today=today)
    return tuple(
        [str(one).replace(f"{folder}/", "") for one in found] for found in (checked.problems, checked.warnings)
    )


def problem(folder: Path, **changed: str) -> str:
    (only,) = told(folder, **changed)[0]
    return only


def routes(*more: str) -> str:
    return swap(ROUTES, "routes:\n", "routes:\n" + "".join(f"  - {line}\n" for line in more))


def route(match: str, more: str = "") -> str:
    return f"{{name: extra, match: '{match}', tiers: [{{variants: {{near: 1}}}}]{more}}}"


# ---------------------------------------------------------------- never true


def test_a_route_that_can_never_match_is_refused(tmp_path: Path) -> None:
    text = routes(route('req.lane == "batch" && req.lane == "interactive"'))

    assert problem(tmp_path, routes=text) == (
        "routes.yaml:4:26: routes[0].match: this can never be true, so it does nothing; mend it, "
        'or write "false" for a route that only callers take who name it'
    )


def test_a_route_that_only_callers_take_says_false(tmp_path: Path) -> None:
    assert told(tmp_path / "first", routes=routes(route("false"))) == ([], [])
    assert told(tmp_path / "last", routes=ROUTES + f"  - {route('false')}\n") == ([], [])


def test_a_residency_rule_that_can_never_hold_is_refused(tmp_path: Path) -> None:
    rule = "  - {id: no, when: '\"A\" in req.types && req.tokens < 0', action: deny, reason: r}\n"

    assert problem(tmp_path, residency=RESIDENCY + rule) == (
        'residency.yaml:11:20: rules[1].when: this can never be true, so it does nothing; mend it, or write "false" '
        "to switch it off"
    )


@pytest.mark.parametrize(
    "section", ["budgets: [{name: b, limit: {requests: 5}, ", "escalations: [{name: b, share: 0.5, "]
)
def test_a_budget_or_cap_that_can_never_apply_is_refused(tmp_path: Path, section: str) -> None:
    said = problem(tmp_path, budgets=BUDGETS + section + "match: 'req.turns > 3 && req.turns < 4'}]\n")

    assert said.startswith("budgets.yaml:3:")
    assert "[0].match: this can never be true" in said


def test_a_rate_that_can_never_apply_is_refused(tmp_path: Path) -> None:
    text = LIMITS + 'rates: [{name: r, requests: 5, match: \'req.task == "a" && req.task == "b"\'}]\n'

    assert problem(tmp_path, limits=text).startswith("limits.yaml:3:39: rates[0].match: this can never be true")


def test_what_is_switched_off_is_told(tmp_path: Path) -> None:
    problems, warnings = told(
        tmp_path, budgets=BUDGETS + "budgets: [{name: b, limit: {requests: 5}, match: 'false'}]\n"
    )

    assert (problems, warnings) == ([], ["budgets.yaml:3:50: budgets[0].match: this is switched off (false)"])


# ---------------------------------------------------------------- never asked


def test_a_route_after_one_that_takes_everything_is_refused(tmp_path: Path) -> None:
    text = ROUTES + f"  - {route('req.has_tools')}\n"

    assert problem(tmp_path, routes=text) == (
        "routes.yaml:9:26: routes[1].match: nothing comes to this route: the route chat before it takes every such "
        'request; move it up, or write match: "false" for one that only callers take who name it'
    )


def test_a_route_whose_requests_two_others_share_is_refused(tmp_path: Path) -> None:
    text = routes(
        route("req.has_tools").replace("extra", "a"),
        route("!req.has_tools").replace("extra", "b"),
        route("req.turns > 2"),
    )

    first, second = told(tmp_path, routes=text)[0]
    assert "routes.yaml:6:26: routes[2].match: nothing comes to this route: a route before it takes every such" in first
    assert "routes[3].match" in second


def test_of_scored_routes_the_order_makes_none_unreachable(tmp_path: Path) -> None:
    text = swap(ROUTES, "routes:", "choose: scored\nroutes:") + f"  - {route('req.has_tools', ', score: 2')}\n"

    assert told(tmp_path, routes=text) == ([], [])


# ---------------------------------------------------------------- what conditions do not see


@pytest.mark.parametrize("match", ['req.metadata.team == "x"', '"team" in req.metadata', 'req.metadata["team"] != ""'])
def test_a_route_over_metadata_that_is_not_kept_is_refused(tmp_path: Path, match: str) -> None:
    text = routes(route(match))
    kept = swap(text, "routes:", "record_metadata: [team]\nroutes:")

    assert "add team to record_metadata of the routes" in problem(tmp_path, routes=text)
    assert told(tmp_path, routes=kept)[0] == []


def test_task_and_language_are_always_kept(tmp_path: Path) -> None:
    assert told(tmp_path, routes=routes(route('req.metadata.task == "x"')))[0] == []


def test_residency_rules_look_at_all_metadata(tmp_path: Path) -> None:
    rule = "  - {id: team, when: 'has(req.metadata.team)', action: deny, reason: r}\n"

    assert told(tmp_path, residency=RESIDENCY + rule)[0] == []


def test_a_residency_rule_that_a_replay_cannot_judge_is_told(tmp_path: Path) -> None:
    """It holds; but what it looks at is in no record."""
    rules = "".join(
        f"  - {{id: {name}, when: 'has(req.metadata.{name})', action: deny, reason: r}}\n" for name in ("task", "team")
    )
    kept = swap(ROUTES, "routes:", "record_metadata: [team]\nroutes:")

    (said,) = told(tmp_path / "unkept", residency=RESIDENCY + rules)[1]
    assert said == (
        "residency.yaml:12:22: rules[2].when: req.metadata.team is in no record, so that a replay judges this rule "
        "without it; add team to record_metadata of the routes"
    )
    assert told(tmp_path / "kept", residency=RESIDENCY + rules, routes=kept) == ([], [])


@pytest.mark.parametrize("fact", ["req.budget_left < 0.5", "req.deadline_left_ms < 5", "req.difficulty > 0.5"])
def test_only_routes_look_at_what_changes_while_a_request_is_served(tmp_path: Path, fact: str) -> None:
    name = fact.split()[0]
    rule = f"  - {{id: no, when: '{fact}', action: deny, reason: r}}\n"
    budget = BUDGETS + f"budgets: [{{name: b, limit: {{requests: 5}}, match: '{fact}'}}]\n"
    rate = LIMITS + f"rates: [{{name: r, requests: 5, match: '{fact}'}}]\n"

    for changed in ({"residency": RESIDENCY + rule}, {"budgets": budget}, {"limits": rate}):
        (said,) = told(tmp_path / next(iter(changed)), **changed)[0]
        assert f"{name} changes while a request is served, so only routes may look at it" in said
    assert told(tmp_path / "routes", routes=routes(route(fact)))[0] == []


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("more", "because"),
    [
        (", max_price: {input: 0.5}", "1 USD for a million input tokens is above the ceiling of 0.5"),
        (", max_price: {output: 1}", "2 USD for a million output tokens is above the ceiling of 1"),
        (", max_cost_per_token: 0.0000001", "1 USD for a million input tokens is above the ceiling of 0.1"),
        (", only: [far]", "only does not name it"),
        (", ignore: [local]", "ignore names it"),
    ],
)
def test_a_route_that_no_target_can_serve_is_refused(tmp_path: Path, more: str, because: str) -> None:
    said = problem(tmp_path, models=PRICED, routes=routes(route("req.has_tools", more)))

    assert f"no target can ever serve this route: near is left out since {because}" in said


def test_a_target_at_the_ceiling_is_taken(tmp_path: Path) -> None:
    exact = ", max_price: {input: 1, output: 2}, max_cost_per_token: 0.000002"

    assert told(tmp_path, models=PRICED, routes=routes(route("req.has_tools", exact))) == ([], [])


def test_a_target_whose_price_nobody_knows_is_above_every_ceiling(tmp_path: Path) -> None:
    assert "its price is unknown" in problem(tmp_path, routes=routes(route("req.has_tools", ", max_price: {input: 9}")))


def test_a_tier_that_no_target_can_serve_is_warned_about(tmp_path: Path) -> None:
    text = swap(ROUTES, '    match: "true"\n', '    match: "true"\n    ignore: [far]\n')

    problems, warnings = told(tmp_path, routes=text)
    assert problems == []
    assert "routes.yaml:9:9: routes[0].tiers[1]: this tier can never serve: far is left out since ignore" in warnings[0]


def test_a_budget_in_money_where_nothing_has_a_price_is_refused(tmp_path: Path) -> None:
    text = BUDGETS + "budgets: [{name: b, limit: {usd: 5}}]\n"

    assert problem(tmp_path, budgets=text) == (
        "budgets.yaml:3:34: budgets[0].limit.usd: no target has a price, so this budget would stop every request; "
        "give targets a price (models)"
    )


def test_a_budget_in_money_with_a_target_of_unknown_price_is_warned_about(tmp_path: Path) -> None:
    models = swap(MODELS, "    context_window: 4096\n", "    context_window: 4096\n" + PRICE % (1, 2))
    text = BUDGETS + "budgets: [{name: b, limit: {usd: 5}, action: degrade, degrade_to: [far]}]\n"

    problems, warnings = told(tmp_path, models=models, budgets=text)
    assert problems == []
    assert "limit.usd: without a price nobody knows what far costs: what this budget covers is refused" in warnings[0]
    assert "degrade_to[0]: far has no price: what it serves once the money is spent is counted nowhere" in warnings[1]


def test_a_limit_that_is_never_reached_is_warned_about(tmp_path: Path) -> None:
    free = MODELS.replace("    context_window: 4096\n", "    context_window: 4096\n" + PRICE % (0, 0))
    text = BUDGETS + "budgets: [{name: b, limit: {usd: 5}}, {name: c, limit: {requests: 5}, stages: escalate}]\n"
    alone = swap(ROUTES, "      - variants: {far: 1}\n", "")

    problems, warnings = told(tmp_path, models=free, routes=alone, budgets=text)
    assert problems == []
    assert "every target costs nothing, so this limit is never reached" in warnings[0]
    assert "no route ever escalates, so this limit is never reached" in warnings[1]


def test_degrading_to_what_no_tier_has_is_warned_about(tmp_path: Path) -> None:
    text = BUDGETS + "budgets: [{name: b, limit: {requests: 5}, action: degrade, degrade_to: [far]}]\n"
    alone = swap(ROUTES, "      - variants: {far: 1}\n", "")

    assert "degrade_to[0]: no tier of a route has far" in told(tmp_path, routes=alone, budgets=text)[1][0]


# ---------------------------------------------------------------- adapters and days


def test_an_adapter_at_another_endpoint_is_warned_about(tmp_path: Path) -> None:
    text = swap(MODELS, "    model: far-model\n", "    model: far-model\n    adapter_of: near\n")

    assert "targets.far.adapter_of: an adapter is served where its model is" in told(tmp_path, models=text)[1][0]


def test_a_rule_whose_time_is_over_is_warned_about_and_still_holds(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "    action: deny\n", "    action: deny\n    expires: '2026-06-30'\n")

    assert told(tmp_path, residency=text, today=date(2026, 6, 30)) == ([], [])
    assert told(tmp_path, residency=text) == ([], [])
    problems, warnings = told(tmp_path, residency=text, today=date(2026, 7, 1))
    assert problems == []
    assert "rules[0].expires: the rule stays was made for a time that ended on 2026-06-30, and still" in warnings[0]


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "    action: deny\n", "    action: deny\n    expires: '2026-02-30'\n")

    assert "2026-02-30 is no day" in problem(tmp_path, residency=text)
