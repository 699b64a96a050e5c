"""What is right in itself and does nothing is refused, or warned about."""

from pathlib import Path

import pytest
from policy_files import DEFAULTS, LIMITS, MODELS, ROUTES, swap, write

from pipeline.policy.load import check_folder

TENANTS = "apiVersion: stepwell/v1\nkind: Tenants\ntenants:\n  default: {%s}\n"
EXPERIMENT = """\
apiVersion: stepwell/v1
kind: Experiments
experiments:
  - {name: trial, route: chat, tier: 0, variants: {near: 0.5, far: 0.5}, running: %s}
"""
ONE_TIER = swap(ROUTES, "      - variants: {far: 1}\n", "")


def problems(folder: Path, **changed: str) -> list[str]:
    checked = check_folder(write(folder, **changed), {})
    return [str(one).replace(f"{folder}/", "") for one in checked.problems]


def warnings(folder: Path, **changed: str) -> str:
    checked = check_folder(write(folder, **changed), {})
    assert checked.problems == ()
    return "\n".join(str(one).replace(f"{folder}/", "") for one in checked.warnings)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"routes": ONE_TIER + "    skip_draft: {when: cost}\n"},
            "routes.yaml:8:17: routes[0].skip_draft: the route has one tier, so there is no draft to skip",
        ),
        (
            {
                "routes": swap(ROUTES, "{near: 1}", "{near: 1}\n        choose: cost"),
                "experiments": EXPERIMENT % "true",
            },
            "experiments.yaml:4:38: experiments[0].tier: tier 0 of chat chooses by cost, so the shares of this",
        ),
        (
            {"tenants": TENANTS % "ignore: [local, hosted]"},
            "tenants.yaml:4:21: tenants.default.ignore: no route has a target left for default",
        ),
        (
            {"limits": LIMITS + "retry: {base: 9}\n"},
            "limits.yaml:3:15: retry.base: the first delay is longer than the longest one, which is 5 s",
        ),
        (
            {"limits": LIMITS + "breaker: {open: 200}\n"},
            "limits.yaml:3:17: breaker.open: this is longer than open_cap, which is 120 s",
        ),
    ],
)
def test_what_cannot_do_what_it_says_is_refused(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    (problem,) = problems(tmp_path, **changed)

    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"routes": swap(ROUTES, "kind: Routes", "kind: Routes\nchoose: scored")},
            "routes.yaml:3:9: choose: no route has a score, so the first that matches takes a request all the same",
        ),
        (
            {"routes": swap(ROUTES, '"true"', "req.difficulty == null || req.difficulty > 0.5")},
            "routes.yaml:5:12: routes[0].match: req.difficulty is null for every request",
        ),
        (
            {"routes": swap(ROUTES, "name: chat", "name: near")},
            "routes.yaml:4:11: routes[0].name: a variant is called near too, and a caller who asks for the model near",
        ),
        (
            {"models": swap(MODELS, "4096", "4096\n    max_output_tokens: 8192")},
            "models.yaml:11:21: targets.near.context_window: the window holds question and answer",
        ),
    ],
)
def test_what_has_no_effect_is_warned_about(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    assert said in warnings(tmp_path, **changed)


def test_a_tenant_whose_list_names_none_that_serves_is_refused(tmp_path: Path) -> None:
    routes = swap(ROUTES, "{far: 1}", "{near: 1}")

    (problem,) = problems(tmp_path, routes=routes, tenants=TENANTS % "only: [far]")

    assert "tenants.default.only: no route has a target left for default" in problem


def test_a_route_that_a_tenant_cannot_use_is_warned_about(tmp_path: Path) -> None:
    more = "  - name: other\n    match: 'false'\n    tiers: [{variants: {far: 1}}]\n"

    said = warnings(tmp_path, routes=ROUTES + more, tenants=TENANTS % "ignore: [hosted]")

    assert "tenants.yaml:4:21: tenants.default.ignore: the route other has no target left for default" in said


def test_an_experiment_that_is_stopped_may_wait_for_its_tier(tmp_path: Path) -> None:
    routes = swap(ROUTES, "{near: 1}", "{near: 1}\n        choose: cost")

    assert problems(tmp_path, routes=routes, experiments=EXPERIMENT % "false") == []


def test_the_policies_that_come_along_do_all_that_they_say() -> None:
    checked = check_folder(DEFAULTS, {})

    assert checked.problems == ()
    assert not [one for one in checked.warnings if "no effect" in one.text or "too, and a caller" in one.text]
