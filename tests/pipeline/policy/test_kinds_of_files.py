"""Budgets, tenants, experiments and rates: names point at something, sums are right, keys have their mates."""

from pathlib import Path

import pytest
from policy_files import LIMITS, MODELS, ROUTES, swap, write

from pipeline.policy.load import check_folder

BUDGETS = "apiVersion: stepwell/v1\nkind: Budgets\n"
TENANTS = "apiVersion: stepwell/v1\nkind: Tenants\n"
EXPERIMENTS = "apiVersion: stepwell/v1\nkind: Experiments\n"
BUDGET = "{name: b, limit: {requests: 5}"


def told(folder: Path, **changed: str) -> list[str]:
    found = check_folder(write(folder, **changed), {}).problems
    return [str(one).replace(f"{folder}/", "") for one in found]


@pytest.mark.parametrize(
    ("part", "text", "line"),
    [
        # names that point nowhere
        (
            "budgets",
            f"budgets: [{BUDGET}, action: degrade, degrade_to: [naer]}}]",
            "3:73: budgets[0].degrade_to[0]: no such variant: naer (did you mean near?)",
        ),
        ("budgets", "examples: [{given: {}, expect: [b]}]", "3:33: examples[0].expect[0]: no such budget: b"),
        (
            "tenants",
            "tenants: {a: {variants: {naer: far}}}",
            "3:26: tenants.a.variants.naer: no such variant: naer (did",
        ),
        (
            "tenants",
            "tenants: {a: {variants: {near: fra}}}",
            "3:32: tenants.a.variants.near: no such variant: fra (did",
        ),
        (
            "tenants",
            "tenants: {a: {only: [hostde]}}",
            "3:22: tenants.a.only[0]: no such target or provider: hostde (did you mean hosted?)",
        ),
        (
            "tenants",
            "tenants: {a: {ignore: [fra]}}",
            "3:24: tenants.a.ignore[0]: no such target or provider: fra (did you",
        ),
        (
            "tenants",
            "tenants: {a: {regions: [hare]}}",
            "3:25: tenants.a.regions[0]: no target is in the region hare (did you mean here?)",
        ),
        (
            "experiments",
            "experiments: [{name: e, route: caht, variants: {near: 0.5, far: 0.5}}]",
            "3:32: experiments[0].route: no such route: caht (did you mean chat?)",
        ),
        (
            "experiments",
            "experiments: [{name: e, route: chat, tier: 2, variants: {near: 0.5, far: 0.5}}]",
            "3:44: experiments[0].tier: the route chat has no tier 2; its tiers are 0 to 1",
        ),
        (
            "experiments",
            "experiments: [{name: e, route: chat, variants: {near: 0.5, fra: 0.5}}]",
            "3:60: experiments[0].variants.fra: no such variant: fra (did",
        ),
        # sums and numbers
        (
            "experiments",
            "experiments: [{name: e, route: chat, variants: {near: 0.5, far: 0.4}}]",
            "3:48: experiments[0].variants: the weights of an experiment must sum to 1, these sum to 0.9",
        ),
        (
            "budgets",
            "budgets: [{name: b, limit: {}}]",
            "3:28: budgets[0].limit: a limit is usd, tokens or requests: give at least one",
        ),
        (
            "budgets",
            "budgets: [{name: b, limit: {usd: -1}}]",
            "3:34: budgets[0].limit.usd: must be at least 0",
        ),
        (
            "limits",
            "rates: [{name: r}]",
            "3:9: rates[0]: a rate counts requests or tokens: give at least one of them",
        ),
        (
            "limits",
            "rates: [{name: r, requests: 5, per: month}]",
            "3:37: rates[0].per: must be 'second', 'minute', 'hour' or 'day'",
        ),
        # keys that need each other
        (
            "budgets",
            f"budgets: [{BUDGET}, action: degrade}}]",
            "3:51: budgets[0].action: name in degrade_to the variants that serve when nothing is left",
        ),
        (
            "budgets",
            f"budgets: [{BUDGET}, degrade_to: [near]}}]",
            "3:55: budgets[0].degrade_to: degrade_to counts with action: degrade only",
        ),
        (
            "budgets",
            f"budgets: [{BUDGET}, action: queue, per: total}}]",
            "3:51: budgets[0].action: a budget per total has no next window to wait for",
        ),
        (
            "limits",
            "changes: {approvals: 2, approvers: [ann]}",
            "3:22: changes.approvals: 2 must approve, and 1 may; name more approvers",
        ),
        (
            "tenants",
            "tenants: {a: {variants: {near: near}}}",
            "3:32: tenants.a.variants.near: near takes the place of itself",
        ),
        # scopes
        (
            "budgets",
            f"budgets: [{BUDGET}, by: [team]}}]",
            "3:48: budgets[0].by[0]: nothing is counted by team; a key of the metadata is written tag.<key>",
        ),
        (
            "budgets",
            f"budgets: [{BUDGET}, by: [tenant, tenant]}}]",
            "3:56: budgets[0].by[1]: tenant stands twice; keep one",
        ),
        (
            "budgets",
            "escalations: [{name: c, share: 0.5, by: [variant]}]",
            "3:42: escalations[0].by[0]: a cap counts requests, and so knows no variant yet",
        ),
        (
            "limits",
            "rates: [{name: r, requests: 5, by: [target]}]",
            "3:37: rates[0].by[0]: a rate is counted before a model is chosen, and so knows no target yet",
        ),
        # names that stand twice
        ("budgets", f"budgets: [{BUDGET}}}, {BUDGET}}}]", "3:51: budgets[1].name: a budget or cap b stands in"),
        (
            "budgets",
            f"budgets: [{BUDGET}}}]\nescalations: [{{name: b, share: 0.5}}]",
            "4:22: escalations[0].name: a budget or cap b stands in",
        ),
        (
            "limits",
            "rates: [{name: r, requests: 5}, {name: r, tokens: 5}]",
            "3:40: rates[1].name: a rate r stands in",
        ),
        # unknown keys
        (
            "budgets",
            f"budgets: [{BUDGET}, aciton: queue}}]",
            "3:43: budgets[0].aciton: no such key (did you mean action?)",
        ),
        ("tenants", "tenants: {a: {teir: gold}}", "3:15: tenants.a.teir: no such key (did you mean tier?)"),
        ("experiments", "experimnets: []", "3:1: experimnets: no such key (did you mean experiments?)"),
    ],
)
def test_a_problem_names_its_place_and_what_was_meant(tmp_path: Path, part: str, text: str, line: str) -> None:
    heads = {"budgets": BUDGETS, "tenants": TENANTS, "experiments": EXPERIMENTS, "limits": LIMITS}

    (found,) = told(tmp_path, **{part: heads[part] + text + "\n"})

    assert found.startswith(f"{part}.yaml:{line}")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("only: [hostde]", "only[0]: no such target or provider: hostde (did you mean hosted?)"),
        ("ignore: [fra]", "ignore[0]: no such target or provider: fra (did you mean far?)"),
        ("regions: [hare]", "regions[0]: no target is in the region hare (did you mean here?)"),
        ("regions: [here, here]", "regions[1]: here stands twice; keep one"),
        ("score: req.tokens", "score: a score counts only where the file says choose: scored"),
        ("callers_may: [ordre]", "callers_may[0]: must be 'order'"),
    ],
)
def test_the_keys_of_a_route_are_held_against_the_set(tmp_path: Path, more: str, line: str) -> None:
    (found,) = told(tmp_path, routes=swap(ROUTES, '    match: "true"\n', f'    match: "true"\n    {more}\n'))

    assert f"routes[0].{line}" in found


@pytest.mark.parametrize(
    ("fallbacks", "line"),
    [
        ("[naer]", "no such variant: naer (did you mean near?)"),
        ("[near]", "near is the tier's own variant, which has failed by then; name another one"),
        ("[far, far]", "far stands twice; keep one"),
    ],
)
def test_a_fallback_is_another_variant_that_there_is(tmp_path: Path, fallbacks: str, line: str) -> None:
    text = swap(ROUTES, "- variants: {near: 1}", f"- variants: {{near: 1}}\n        fallbacks: {fallbacks}")

    (found,) = told(tmp_path, routes=text)
    assert line in found


def test_one_of_several_variants_may_take_over_for_the_others(tmp_path: Path) -> None:
    text = swap(ROUTES, "- variants: {near: 1}", "- variants: {near: 0.5, far: 0.5}\n        fallbacks: [far, near]")

    assert told(tmp_path, routes=text) == []


@pytest.mark.parametrize(
    ("near", "far", "line"),
    [
        ("fra", None, "targets.near.adapter_of: no such target: fra (did you mean far?)"),
        ("near", None, "targets.near.adapter_of: near is an adapter of near"),
        ("far", "near", "targets.near.adapter_of: near is an adapter of far is an adapter of near"),
    ],
)
def test_an_adapter_is_one_of_a_model(tmp_path: Path, near: str, far: str | None, line: str) -> None:
    text = swap(MODELS, "    model: near-model\n", f"    model: near-model\n    adapter_of: {near}\n")
    if far is not None:
        text = swap(text, "    model: far-model\n", f"    model: far-model\n    adapter_of: {far}\n")

    assert line in told(tmp_path, models=text)[0]


@pytest.mark.parametrize(
    ("batches", "more", "line"),
    [
        ("{least: 60, spare: 60}", "", "targets.near.batches.spare: must be shorter than least (60 s)"),
        ("{max_wait: 60, gather: 60}", "", "targets.near.batches.max_wait: must be longer than gather (60 s)"),
        ("{price_share: 1.5}", "", "targets.near.batches.price_share"),
        ("{max_lines: 60000}", "", "targets.near.batches.max_lines"),
    ],
)
def test_batches_of_a_provider_leave_time_to_wait(tmp_path: Path, batches: str, more: str, line: str) -> None:
    text = swap(MODELS, "    model: near-model\n", f"    model: near-model\n    batches: {batches}\n{more}")
    assert line in told(tmp_path, models=text)[0]


def test_a_target_with_batches_is_accepted(tmp_path: Path) -> None:
    text = swap(MODELS, "    model: near-model\n", "    model: near-model\n    batches: {price_share: 0.5}\n")
    assert told(tmp_path, models=text) == []


def test_a_tier_has_one_running_experiment(tmp_path: Path) -> None:
    one = "  - {name: %s, route: chat, variants: {near: 0.5, far: 0.5}, running: %s}\n"
    both = EXPERIMENTS + "experiments:\n" + one % ("a", "true") + one % ("b", "true")

    (found,) = told(tmp_path / "both", experiments=both)
    assert "experiments[1].tier: the experiment a runs on tier 0 of chat already; stop one" in found
    assert told(tmp_path / "one", experiments=swap(both, "running: true", "running: false")) == []


def test_an_experiment_has_at_least_two_variants(tmp_path: Path) -> None:
    text = EXPERIMENTS + "experiments: [{name: e, route: chat, variants: {near: 1}}]\n"

    assert "experiments[0].variants" in told(tmp_path, experiments=text)[0]


def test_budgets_and_experiments_may_stand_in_several_files_and_tenants_in_one(tmp_path: Path) -> None:
    write(tmp_path, budgets=BUDGETS + f"budgets: [{BUDGET}}}]\n", tenants=TENANTS, experiments=EXPERIMENTS)
    (tmp_path / "more-budgets.yaml").write_text(BUDGETS + "budgets: [{name: c, limit: {tokens: 5}}]\n")
    (tmp_path / "more-experiments.yaml").write_text(EXPERIMENTS)
    assert check_folder(tmp_path, {}).problems == ()

    (tmp_path / "more-tenants.yaml").write_text(TENANTS)
    assert "tenants.yaml:2:7: kind: there is a second file of kind Tenants; keep one" in str(
        check_folder(tmp_path, {}).problems[0]
    )


def test_all_files_of_routes_choose_in_the_same_way(tmp_path: Path) -> None:
    write(tmp_path, routes=swap(ROUTES, '"true"', "req.has_tools"))
    more = swap(swap(ROUTES, "name: chat", "name: more"), "routes:", "choose: scored\nroutes:")
    (tmp_path / "z-routes.yaml").write_text(more)

    assert "z-routes.yaml:3:9: choose:" in str(check_folder(tmp_path, {}).problems[0])


@pytest.mark.parametrize(
    ("example", "line"),
    [
        ("{given: {lane: batch}, expect: [b]}", None),
        ("{given: {}, expect: []}", None),
        ("{given: {}, expect: [b]}", "the example expects b to pay, and the budgets say nothing"),
        ("{given: {lane: batch}, expect: []}", "the example expects nothing to pay, and the budgets say b"),
    ],
)
def test_the_examples_of_budgets_are_tried(tmp_path: Path, example: str, line: str | None) -> None:
    text = BUDGETS + f"budgets: [{BUDGET}, match: 'req.lane == \"batch\"'}}]\nescalations: [{{name: c, share: 0.5}}]\n"

    found = told(tmp_path, budgets=text + f"examples:\n  - {example}\n")

    assert found == [] if line is None else line in found[0]
