"""What a LiteLLM config means is what the policy says."""

from pathlib import Path

import pytest
from migration import from_text, loaded, translated

from pipeline.migrate import Imported

ONE = """\
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/KEY, input_cost_per_token: 1e-06,
                     output_cost_per_token: 2e-06}
"""


def left(made: Imported) -> set[str]:
    return {one.path for one in made.told if one.kind == "left"}


def changed(made: Imported) -> set[str]:
    return {one.path for one in made.told if one.kind == "changed"}


def test_deployments_of_one_name_share_a_tier_by_their_weights_and_take_over_from_each_other(tmp_path: Path) -> None:
    policy = loaded(translated("litellm_balanced.yaml"), tmp_path)
    route = policy.route("gpt-4o")
    assert route is not None
    (tier,) = route.spec.tiers
    assert tier.variants == {"sweden-4o": 0.75, "france-4o": 0.25}
    assert tier.choose == "cost"
    # the other of the two, then the one of a later order, then the group that `fallbacks` names
    assert tier.fallbacks == ("sweden-4o", "france-4o", "gpt-4o-openai", "gpt-3-5-turbo-openai")


def test_who_names_no_model_gets_the_one_that_completes() -> None:
    made = translated("litellm_balanced.yaml")
    matches = {str(part.spec["name"]): part.spec["match"] for part in made.draft.routes}
    assert matches == {
        "gpt-4o": "false", "long-reader": "false", "gpt-4": "false", "default-chat": "false", "gpt-3-5-turbo": "true",
    }  # fmt: skip


def test_an_alias_is_a_route_with_the_same_tiers() -> None:
    routes = {part.spec["name"]: part.spec for part in translated("litellm_balanced.yaml").draft.routes}
    assert routes["gpt-4"]["tiers"] == routes["gpt-4o"]["tiers"]


def test_what_is_too_long_for_a_group_has_a_tier_that_is_never_escalated_to() -> None:
    routes = {part.spec["name"]: part.spec for part in translated("litellm_balanced.yaml").draft.routes}
    tiers = routes["gpt-3-5-turbo"]["tiers"]
    assert isinstance(tiers, list)
    assert [list(tier["variants"]) for tier in tiers] == [
        ["gpt-3-5-turbo-openai"], ["sweden-4o", "france-4o"], ["long-reader-gemini"],
    ]  # fmt: skip
    assert routes["gpt-3-5-turbo"]["max_escalations"] == 0


def test_prices_are_those_of_a_million_tokens_with_their_source_and_day(tmp_path: Path) -> None:
    policy = loaded(translated("litellm_balanced.yaml"), tmp_path)
    price = policy.targets["gpt-3-5-turbo-openai"].price
    assert price is not None
    assert (price.input, price.output, price.cached_input) == (0.5, 1.5, 0.25)
    assert price.source == "litellm_balanced.yaml, line 33"
    assert price.as_of == "2026-11-21"
    assert policy.targets["sweden-4o"].price is None


def test_a_price_of_nothing_is_a_price(tmp_path: Path) -> None:
    price = loaded(translated("litellm_simple.yaml"), tmp_path).targets["house-hosted_vllm"].price
    assert price is not None
    assert (price.input, price.output) == (0, 0)


def test_what_the_config_says_of_a_target_is_kept(tmp_path: Path) -> None:
    policy = loaded(translated("litellm_simple.yaml"), tmp_path)
    house, assistant = policy.targets["house-hosted_vllm"], policy.variants["assistant-openai"]
    assert (house.endpoint, house.model, house.api_key) == ("http://10.0.4.17:8000/v1", "qwen2.5-7b-instruct", None)
    assert (house.context_window, house.max_output_tokens) == (32768, 4096)
    assert house.capabilities == {"chat", "stream", "tools"}
    assert house.timeouts.total == 45
    assert (assistant.parameters.temperature, assistant.parameters.max_tokens) == (0.3, 800)
    assert policy.limits.retry.tries == 3


def test_what_nobody_said_is_assumed_to_be_far_away_and_said_so(tmp_path: Path) -> None:
    made = translated("litellm_simple.yaml")
    target = loaded(made, tmp_path).targets["assistant-openai"]
    assert (target.external, target.jurisdiction, target.region, target.price) == (True, "UNKNOWN", "unknown", None)
    assumed = {one.path for one in made.told if one.kind == "assumed"}
    for key in ("external", "jurisdiction", "region", "price", "context_window", "capabilities"):
        assert f"targets.assistant-openai.{key}" in assumed
    assert made.files["models.yaml"].count("check:") >= 6


def test_an_address_in_azure_is_its_v1_address() -> None:
    spec = translated("litellm_balanced.yaml").draft.targets["france-4o"].spec
    assert spec["endpoint"] == "https://contoso-fr.openai.azure.com/openai/v1"
    assert spec["model"] == "gpt-4o-france"


def test_who_speaks_another_api_needs_an_address_of_the_openai_api() -> None:
    made = translated("litellm_awkward.yaml")
    assert made.draft.targets["claude-bedrock"].spec["endpoint"] == "${CLAUDE_BEDROCK_URL}"
    assert "CLAUDE_BEDROCK_URL" in made.variables


def test_budgets_in_money_keep_their_window_or_take_the_next_longer_one(tmp_path: Path) -> None:
    policy = loaded(translated("litellm_balanced.yaml"), tmp_path)
    everything, each_user = policy.budgets
    assert (everything.per, everything.limit.usd, everything.action) == ("month", 2500, "refuse")
    assert (each_user.by, each_user.per, each_user.limit.usd) == (("tenant", "user"), "total", 3)


@pytest.mark.parametrize(
    ("duration", "window"),
    [("30s", "minute"), ("1h", "hour"), ("24h", "day"), ("7d", "week"), ("10d", "month"), ("1mo", "month"),
     ("1y", "total")],
)  # fmt: skip
def test_a_window_is_never_shorter_than_the_duration(duration: str, window: str) -> None:
    made = from_text(f"{ONE}litellm_settings: {{max_budget: 5, budget_duration: {duration}}}")
    assert made.draft.budgets[0].spec["per"] == window
    assert ("litellm_settings.budget_duration" in changed(made)) is (duration in ("30s", "10d", "1y"))


def test_without_a_price_a_budget_in_money_is_left() -> None:
    """It would stop every request."""
    made = translated("litellm_awkward.yaml")
    assert made.draft.budgets == []
    assert {"litellm_settings.max_budget", "litellm_settings.budget_duration"} <= left(made)


def test_what_cannot_be_translated_is_listed_by_name() -> None:
    assert {
        "router_settings.retry_policy",
        "router_settings.content_policy_fallbacks[0].gpt-4o",
        "router_settings.fallbacks[1].gpt-3.5-turbo[0]",
        "litellm_settings.callbacks",
        "general_settings.master_key",
        "litellm_settings.request_timeout",
        "model_list[2].litellm_params.tags",
    } <= left(translated("litellm_balanced.yaml"))
    assert {"model_list[0]", "model_list[1]", "model_list[4]", "model_list[7]", "guardrails"} <= left(
        translated("litellm_awkward.yaml")
    )


def test_a_new_name_is_told_to_those_who_ask_by_it() -> None:
    made = translated("litellm_balanced.yaml")
    (told,) = [one for one in made.told if one.path == "model_list[3].model_name"]
    assert told.todo == "callers ask for the model gpt-3-5-turbo"
    assert any(part.spec["name"] == "auto-model" for part in translated("litellm_awkward.yaml").draft.routes)


def test_a_key_that_stands_in_the_file_becomes_a_variable_and_is_told() -> None:
    made = translated("litellm_awkward.yaml")
    assert made.draft.targets["claude-anthropic"].spec["api_key"] == "${CLAUDE_ANTHROPIC_API_KEY}"
    assert "model_list[3].litellm_params.api_key" in changed(made)
    assert made.draft.targets["auto-openai"].spec["endpoint"] == "${AUTO_OPENAI_URL}"


def test_a_cache_that_callers_opt_into_is_off() -> None:
    caches = [part.spec["cache"] for part in translated("litellm_awkward.yaml").draft.routes]
    assert caches == [{"enabled": False}] * 3
    caches = [part.spec["cache"] for part in translated("litellm_balanced.yaml").draft.routes]
    assert caches == [{"enabled": True, "ttl": 900}] * 5


def test_more_fallbacks_than_a_tier_has_room_for_are_told() -> None:
    models = "".join(
        f"  - {{model_name: m{n}, litellm_params: {{model: openai/m{n}, api_key: os.environ/K}}}}\n" for n in range(12)
    )
    names = ", ".join(f"m{n}" for n in range(1, 12))
    made = from_text(f"model_list:\n{models}router_settings: {{fallbacks: [{{m0: [{names}]}}]}}")
    tiers = made.draft.routes[0].spec["tiers"]
    assert isinstance(tiers, list)
    assert len(tiers[0]["fallbacks"]) == 8
    assert any("only 8 of 11 fallbacks" in one.why for one in made.told)


def tier_of(*deployments: str, settings: str = "") -> dict[str, object]:
    models = "".join(f"  - {{model_name: one, litellm_params: {{model: openai/m, {more}}}}}\n" for more in deployments)
    tiers = from_text(f"model_list:\n{models}{settings}").draft.routes[0].spec["tiers"]
    assert isinstance(tiers, list)
    tier: dict[str, object] = tiers[0]
    return tier


def test_a_deployment_of_no_weight_only_takes_over() -> None:
    tier = tier_of("api_key: os.environ/A, weight: 3", "api_key: os.environ/B, weight: 0")
    assert tier == {"variants": {"one-openai": 1.0}, "fallbacks": ["one-openai-2"]}


def test_nothing_takes_over_from_itself() -> None:
    assert "fallbacks" not in tier_of("api_key: k", settings="router_settings: {fallbacks: [{one: [one]}]}")


@pytest.mark.parametrize("model", ["017", "1:30", "no", "null", "1e3", "x # y", "a: b"])
def test_a_model_of_an_odd_name_is_written_so_that_it_is_read_as_text(model: str, tmp_path: Path) -> None:
    made = from_text(
        f"model_list: [{{model_name: m, litellm_params: {{model: 'openai/{model}', api_key: os.environ/K}}}}]"
    )
    assert loaded(made, tmp_path).targets["m-openai"].model == model


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("router_settings", "num_retries", "-3"),
        ("router_settings", "num_retries", "1.5"),
        ("router_settings", "timeout", "0"),
        ("router_settings", "allowed_fails", "-1"),
        ("router_settings", "cooldown_time", "soon"),
        ("litellm_settings", "max_budget", "-5"),
    ],
)
def test_a_value_out_of_range_is_called_so_and_no_unknown_setting(section: str, key: str, value: str) -> None:
    made = from_text(f"{ONE}{section}: {{{key}: {value}}}")
    (told,) = [one for one in made.told if one.path == f"{section}.{key}"]
    assert told.kind == "left"
    assert "out of range" in told.why


def test_a_number_of_a_deployment_that_is_out_of_range_is_called_so() -> None:
    made = from_text(
        "model_list: [{model_name: one, litellm_params: {model: openai/m, api_key: os.environ/K, weight: -1,"
        " timeout: -2,"
        " max_parallel_requests: 0, input_cost_per_token: -1}, model_info: {max_input_tokens: -8}}]"
    )
    told = {one.path.rpartition(".")[2] for one in made.told if "out of range" in one.why}
    assert told == {"weight", "timeout", "max_parallel_requests", "input_cost_per_token", "max_input_tokens"}


def renamed(*names: str) -> list[str]:
    models = "".join(f"  - {{model_name: {name}, litellm_params: {{model: openai/m, api_key: k}}}}\n" for name in names)
    return [one.why for one in from_text(f"model_list:\n{models}").told if one.path.endswith("model_name")]


def test_a_new_name_is_explained_by_what_was_wrong_with_the_old_one() -> None:
    assert renamed("a-b", "plain") == []
    assert renamed("a b") == ["a name is letters, digits, _ and -, and at most 64 of them: the route is called a-b"]
    assert renamed("a-b", "a b")[0].startswith("another one is called a-b already: the route is called a-b-2")
    assert renamed("auto")[0].startswith("auto stands for no route")
    (told,) = renamed("sk-planted-1")
    assert told.startswith("it looks like a credential")


def test_a_group_that_takes_over_does_so_in_order_and_this_is_told() -> None:
    made = from_text(
        "model_list:\n"
        "  - {model_name: a, litellm_params: {model: openai/a, api_key: k}}\n"
        "  - {model_name: b, litellm_params: {model: openai/b, api_key: k, weight: 1}}\n"
        "  - {model_name: b, litellm_params: {model: groq/b, api_key: k, weight: 3}}\n"
        "router_settings: {fallbacks: [{a: [b]}]}\n"
    )
    tiers = made.draft.routes[0].spec["tiers"]
    assert isinstance(tiers, list)
    assert tiers[0]["fallbacks"] == ["b-groq", "b-openai"]
    assert changed(made) >= {"router_settings.fallbacks[0].a[0]"}
