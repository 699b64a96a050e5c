"""`stepwell policy explain` tells the plan of stated facts: who would answer, who would not and why, and who pays."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from planning import MODELS, policy_of
from typer.testing import CliRunner, Result

from pipeline.cli.policy import register
from pipeline.policy.load import load_folder
from stages.plan import again

ROUTES = """\
apiVersion: stepwell/v1
kind: Routes
record_metadata: [team]
routes:
  - name: abroad
    match: req.metadata.team == "far"
    tiers: [{variants: {far: 1}}]
  - name: hard
    match: req.complexity > 0.6
    tiers: [{variants: {near: 1}, fallbacks: [terse]}]
  - name: cheap
    match: req.lane == "batch"
    max_price: {output: 15}
    ignore: [far]
    tiers: [{variants: {tiny: 0.5, near: 0.5}}]
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}, fallbacks: [terse]}, {variants: {near: 0.5, far: 0.5}, choose: cost}]
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: daily, by: [tenant], limit: {usd: 1}, action: degrade, degrade_to: [tiny]}
escalations:
  - {name: few, share: 0.2}
"""
LIMITS = """\
apiVersion: stepwell/v1
kind: Limits
rates:
  - {name: calm, requests: 60}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policy_of(tmp_path, ROUTES, models=MODELS, budgets=BUDGETS, limits=LIMITS)
    return tmp_path


def types(folder: Path, *words: str) -> Result:
    root = typer.Typer()
    register(root, again)
    return CliRunner().invoke(root, ["policy", "explain", "--folder", str(folder), *words])


def told(folder: Path, *words: str) -> dict[str, Any]:
    result = types(folder, *words, "--json")
    assert result.exit_code == 0, result.output
    plan: dict[str, Any] = json.loads(result.stdout)["plan"]
    return plan


def variants(plan: dict[str, Any]) -> list[str]:
    return [tier["variant"] for tier in plan["tiers"]]


def out(plan: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["target"], one["condition"]) for one in plan["excluded"]}


def test_the_stairs_are_told_with_by_what_each_was_chosen_and_who_takes_over(folder: Path) -> None:
    plan = told(folder)
    assert (plan["route"], plan["match"], plan["matching"]) == ("chat", "true", ["chat"])
    assert variants(plan) == ["tiny", "near"]
    assert [tier["chosen_by"] for tier in plan["tiers"]] == ["weights", "cost"]
    assert plan["tiers"][0]["fallbacks"] == ["terse"]
    shown = types(folder).stdout
    assert "route chat" in shown
    assert "daily pays: 1 usd per day for tenant=default, then degrade" in shown


def test_every_route_that_matches_is_named(folder: Path) -> None:
    plan = told(folder, "complexity=0.7", "lane=batch")
    assert (plan["route"], plan["matching"]) == ("hard", ["hard", "cheap", "chat"])
    assert "matching too: cheap, chat" in types(folder, "complexity=0.7", "lane=batch").stdout


def test_a_route_of_another_kind_matches_nothing_of_this_one() -> None:
    policies = Path(__file__).parents[3] / "policies"
    plan = told(policies, "origin=EU")
    kinds = {route.spec.name: route.spec.kind for route in load_folder(policies, {}).routes}
    assert "embedding" in kinds.values()
    assert {kinds[name] for name in plan["matching"]} == {"chat"}


def test_a_route_without_an_answer_is_passed_over(folder: Path) -> None:
    assert told(folder)["silent"] == ["abroad"]
    assert told(folder, "metadata=team=far")["route"] == "abroad"


@pytest.mark.parametrize(
    ("words", "excluded"),
    [
        (["types=SECRET"], ("far", "residency")),
        (["has_tools=true"], ("tiny", "capability")),
        (["tokens=390"], ("tiny", "context")),
        (["lane=batch"], ("near", "price")),
        (["--down", "tiny"], ("tiny", "health")),
        (["budget_left=0"], ("near", "budget")),
        (["max_cost_usd=0.001"], ("near", "price")),
        (["tenant=acme", "max_cost_usd=1"], ("far", "price")),
    ],
)
def test_who_is_excluded_is_told_with_the_condition(folder: Path, words: list[str], excluded: tuple[str, str]) -> None:
    plan = told(folder, *words)
    assert excluded in out(plan)
    assert f"{excluded[0]} is excluded by {excluded[1]}: " in types(folder, *words).stdout


def test_a_refusal_is_told_with_its_code(folder: Path) -> None:
    plan = told(folder, "metadata=team=far", "types=SECRET")
    assert (plan["refused"]["code"], plan["tiers"]) == ("residency_refused", [])
    assert "refused (residency_refused)" in types(folder, "metadata=team=far", "types=SECRET").stdout
    assert told(folder, "route=nowhere")["refused"]["code"] == "model_not_found"


def test_what_a_caller_may_ask_can_be_stated(folder: Path) -> None:
    assert variants(told(folder, "pin=near")) == ["near"]
    assert told(folder, "route=hard")["route"] == "hard"
    assert told(folder, "disable_fallbacks=true")["tiers"][0]["fallbacks"] == []
    assert told(folder, "max_escalations=0")["max_escalations"] == 0


def test_who_pays_and_what_is_counted_is_told(folder: Path) -> None:
    plan = told(folder, "tenant=acme", "tokens=40", "max_tokens=10")
    assert [(row["budget"], row["scope"], row["action"]) for row in plan["budgets"]] == [
        ("daily", "tenant=acme", "degrade"),
        ("few", "route=chat", "escalations"),
    ]
    assert plan["rates"] == [{"rate": "calm", "scope": "tenant=acme", "tokens": 50}]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pinn=near", "did you mean pin?"),
        ("complexity=much", "complexity: "),
        ("max_cost_usd=much", "max_cost_usd: "),
        ("tokens=-", "tokens: "),
        ("difficulty=7", "difficulty: "),
    ],
)
def test_what_is_no_fact_is_one_sentence(folder: Path, word: str, said: str) -> None:
    result = types(folder, word)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_target_that_is_not_there_cannot_be_down(folder: Path) -> None:
    assert "did you mean near?" in types(folder, "--down", "neer").stderr


def test_every_signal_that_conditions_can_see_can_be_stated(folder: Path) -> None:
    words = [
        "user_tier=gold", "turns=3", "tokens=12", "max_tokens=5", "complexity=0.1", "difficulty=0.5", "wants_code=true",
        "wants_math=true", "wants_json=true", "modalities=image", "has_session=true", "budget_left=0.5",
        "deadline_left_ms=900",
    ]  # fmt: skip
    assert told(folder, *words)["refused"] is None or told(folder, *words)["tiers"] == []


def test_a_command_line_without_the_stages_says_so(folder: Path) -> None:
    root = typer.Typer()
    register(root)
    result = CliRunner().invoke(root, ["policy", "explain", "--folder", str(folder)])
    assert result.exit_code == 1
    assert "part_missing" in result.stderr


def sentence(folder: Path, *words: str) -> str:
    result = types(folder, *words)
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ["tokens=-5"],
        ["characters=-1"],
        ["turns=-1"],
        ["max_tokens=0"],
        ["deadline_left_ms=-1"],
        ["max_cost_usd=-1"],
        ["max_cost_usd=nan"],
        ["max_escalations=-1"],
        ["quality_floor=2"],
        ["pin=a b"],
    ],
)
def test_what_no_request_can_be_is_refused(folder: Path, words: list[str]) -> None:
    assert f"{words[0].partition('=')[0]}: " in sentence(folder, *words)


@pytest.mark.parametrize(
    "words",
    [
        ["tokens=5", "tokens=6"],
        ["tenant=acme", "--tenant", "acme"],
        ["origin=EU", "--origin", "US"],
        ["origin=EU", "origin=US", "--text", "hello"],
    ],
)
def test_a_fact_is_stated_once(folder: Path, words: list[str]) -> None:
    assert "is stated twice: state it once" in sentence(folder, *words)


def test_the_tenant_and_the_origin_may_be_options_beside_facts_too(folder: Path) -> None:
    option = types(folder, "tokens=5", "--tenant", "acme", "--origin", "EU").stdout
    assert "tenant=acme" in option
    assert option == types(folder, "tokens=5", "tenant=acme", "origin=EU").stdout


@pytest.mark.parametrize(
    ("words", "option"),
    [(["tokens=5", "--show"], "--show"), (["0f3c2a", "--origin", "EU"], "--origin"), (["0f3c2a"], "--folder")],
)
def test_an_option_that_would_say_nothing_is_refused(folder: Path, words: list[str], option: str) -> None:
    assert f"{option} says nothing beside" in sentence(folder, *words)


def test_entries_of_metadata_can_be_named_one_by_one(folder: Path) -> None:
    assert told(folder, "metadata.team=far")["route"] == "abroad"
    assert told(folder, "--text", "hello", "metadata.team=far")["route"] == "abroad"
    assert told(folder, "--text", "hello", "team=far", "task=labels")["route"] == "abroad"
    assert told(folder, "--text", "hello", "metadata.other=x")["route"] == "chat"


def test_an_unknown_fact_beside_a_text_is_not_taken_for_metadata(folder: Path) -> None:
    told_to = sentence(folder, "--text", "hello", "orgin=US")
    assert "there is no fact orgin" in told_to
    assert "origin" in told_to.replace("orgin", "")
    assert "metadata.orgin=" in told_to
