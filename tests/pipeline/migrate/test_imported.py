"""Whatever a configuration says is in the policy or in the list, no key is written anywhere, and the policy loads."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migration import DAY, every_config, from_text, loaded, stands, translated

from pipeline.errors import InvalidRequest
from pipeline.migrate import Imported, detected, imported


def said(made: Imported) -> str:
    """All that a person or a file gets to see of an import."""
    told = [f"{one.path} {one.value} {one.why} {one.todo}" for one in made.told]
    return "\n".join([*made.files.values(), *told, *made.variables, *made.variables.values()])


def unaccounted(made: Imported) -> list[object]:
    return [path for path in made.account.source.leaves() if not made.account.covered(path)]


@every_config
def test_every_value_is_translated_or_listed(name: str) -> None:
    made = translated(name)
    assert unaccounted(made) == []
    for path, places in made.account.translated.items():
        for place in places:
            assert stands(made, place), f"{path} is said to have become {place}"


@every_config
def test_what_is_listed_as_left_was_not_taken_as_a_whole(name: str) -> None:
    """A value that is in the list as left, and all below it, went nowhere."""
    made = translated(name)
    left = [one.path for one in made.told if one.kind == "left"]
    assert len(left) == len(set(left))


@every_config
def test_the_policy_of_every_config_loads(name: str, tmp_path: Path) -> None:
    made = translated(name)
    policy = loaded(made, tmp_path)
    assert {route.spec.name for route in policy.routes} == {str(part.spec["name"]) for part in made.draft.routes}


@every_config
def test_no_key_of_a_config_is_written_or_told(name: str) -> None:
    assert "planted" not in said(translated(name)).lower()


@every_config
def test_a_list_entry_has_its_line_a_reason_and_a_kind_of_value(name: str) -> None:
    for one in translated(name).told:
        assert one.why
        if one.kind != "assumed":
            assert one.line is not None
            assert one.value in ("text", "number", "true or false", "nothing") or one.value[:4] in ("list", "mapp")


@every_config
def test_the_same_config_gives_the_same_files(name: str) -> None:
    assert translated(name).files == translated(name).files


def test_whose_configuration_it_is_follows_from_its_keys() -> None:
    assert detected({"model_list": []}) == "litellm"
    assert detected({"targets": []}) == "portkey"
    assert detected({"name": "something"}) is None
    assert detected([1]) is None
    with pytest.raises(InvalidRequest, match="say --from"):
        from_text("name: something")


def test_a_config_of_which_nothing_can_be_called_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nothing in it can be called"):
        from_text("model_list: []")


def test_a_value_whose_key_stands_again_is_listed_with_both_lines() -> None:
    made = from_text(
        "model_list: [{model_name: a, litellm_params: {model: openai/m, api_key: k}}]\n"
        "router_settings: {num_retries: 1}\n"
        "litellm_settings: {}\n"
        "router_settings: {num_retries: 2}\n"
    )
    (told,) = [one for one in made.told if "again" in one.why]
    assert (told.kind, told.path, told.line) == ("left", "router_settings", 2)
    assert "line 4" in told.why
    assert made.draft.limits["retry"].spec == {"tries": 3}


@pytest.mark.parametrize(
    "params",
    [
        "model: openai/sk-planted-1",
        "model: sk-planted-1",
        "model: sk-planted-1/m",
        "model: openai/m, stop: [sk-planted-1]",
        "model: openai/m, region_name: sk-planted-1",
        "model: openai/m, custom_llm_provider: sk-planted-1",
        "model: openai/m, api_base: 'https://sk-planted-1.example/v1'",
        "model: openai/m, api_base: 'https://u:planted1@h.example/v1'",
        "model: openai/m, extra_body: {sk-planted-1: 1, x: {y: [sk-planted-2]}}",
        "model: openai/m, reasoning_effort: sk-planted-1",
    ],
)
def test_a_credential_in_an_odd_place_is_taken_out_and_told(params: str, tmp_path: Path) -> None:
    made = from_text(
        "model_list:\n"
        "  - {model_name: good, litellm_params: {model: openai/m, api_key: os.environ/K}}\n"
        f"  - {{model_name: odd, litellm_params: {{{params}, api_key: os.environ/K}}}}\n"
    )
    assert "planted" not in said(made).lower()
    assert any(one.path.startswith("model_list[1].litellm_params.") for one in made.told if one.kind != "assumed")
    entirely(made)


def test_a_credential_as_a_name_an_alias_or_in_a_condition_is_taken_out_and_told() -> None:
    made = from_text(
        "model_list:\n"
        "  - {model_name: sk-planted-1, litellm_params: {model: openai/m, api_key: k},\n"
        "     model_info: {id: sk-planted-2}}\n"
        "router_settings: {model_group_alias: {sk-planted-3: sk-planted-1}}\n"
    )
    assert "planted" not in said(made).lower()
    assert [part.spec["name"] for part in made.draft.routes] == ["CREDENTIAL_1", "CREDENTIAL_3"]
    entirely(made)
    query = {"metadata.team": {"$in": ["sk-planted-1"]}}
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "x"}], "default": "x"}
    target = {"name": "x", "virtual_key": "sk-planted-2", "override_params": {"model": "@sk-planted-3/m"}}
    made = from_text(json.dumps({"strategy": strategy, "targets": [target]}))
    assert "planted" not in said(made).lower()
    assert "strategy.conditions[0].query" in {one.path for one in made.told if one.kind == "left"}
    entirely(made)


# ---------------------------------------------------------------- any config

SECRETS = st.from_regex(r"sk-planted-[a-z0-9]{8,20}", fullmatch=True)
WORDS = st.sampled_from(
    [
        "gpt-4o",
        "auto",
        "a b",
        "x/y",
        "1:30",
        "017",
        "no",
        "null",
        "${HOME}",
        "# not a comment",
        "é",
        "-",
        "a: b",
        "'",
        '"',
        "sk-planted-anywhere1",
    ]
)
LEAF = st.one_of(
    WORDS,
    st.integers(-5, 10**7),
    st.booleans(),
    st.none(),
    st.floats(-10, 1e6, allow_nan=False),
    st.just({}),
    st.just([]),
)
ANYTHING = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
PARAMS = st.fixed_dictionaries(
    {"model": st.sampled_from(["openai/gpt-4o", "gpt-4o", "azure/x", "bedrock/a.b", "ollama/llama3", "openai/*"])},
    optional={
        "api_key": SECRETS | st.sampled_from(["os.environ/SOME_KEY", "none"]) | LEAF,
        "api_base": st.sampled_from(
            ["https://a.example/v1/", "os.environ/BASE", "https://u:sk-planted-inurl1@h/v1", "nowhere"]
        )
        | LEAF,
        "aws_secret_access_key": SECRETS,
        "extra_headers": st.dictionaries(WORDS, SECRETS, max_size=2),
        "extra_body": st.dictionaries(st.sampled_from(["top_k", "api_key", "x"]), ANYTHING, max_size=2),
        **dict.fromkeys(
            (
                "rpm", "weight", "order", "timeout", "stream_timeout", "temperature", "top_p", "max_tokens", "stop",
                "seed", "input_cost_per_token", "output_cost_per_token", "tags", "max_parallel_requests", "unheard_of",
                "region_name", "custom_llm_provider",
            ),
            ANYTHING,
        ),
    },
)  # fmt: skip
MODEL = st.fixed_dictionaries(
    {"model_name": WORDS, "litellm_params": PARAMS},
    optional={"model_info": st.dictionaries(
        st.sampled_from(["id", "mode", "max_input_tokens", "max_tokens", "supports_vision", "max_output_tokens", "x"]),
        ANYTHING, max_size=4), "extra": ANYTHING},
)  # fmt: skip
CHAINS = st.lists(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=2), max_size=2) | ANYTHING
SECTIONS = {
    "router_settings": st.fixed_dictionaries(
        {},
        optional={
            "routing_strategy": st.sampled_from(["simple-shuffle", "latency-based-routing", "least-busy"]) | LEAF,
            "fallbacks": CHAINS,
            "context_window_fallbacks": CHAINS,
            "content_policy_fallbacks": CHAINS,
            "default_fallbacks": st.lists(WORDS, max_size=2) | LEAF,
            "model_group_alias": st.dictionaries(WORDS, WORDS | ANYTHING, max_size=2),
            "redis_password": SECRETS,
            **dict.fromkeys(
                ("num_retries", "timeout", "allowed_fails", "cooldown_time", "enable_pre_call_checks"), LEAF
            ),
        },
    ),
    "litellm_settings": st.fixed_dictionaries(
        {},
        optional={
            "max_budget": LEAF,
            "budget_duration": st.sampled_from(["30d", "7d", "10d", "1y", "later"]) | LEAF,
            "max_end_user_budget": LEAF,
            "cache": LEAF,
            "cache_params": st.dictionaries(st.sampled_from(["ttl", "type", "mode", "password"]), LEAF, max_size=3),
            "callbacks": ANYTHING,
            "fallbacks": CHAINS,
        },
    ),
    "general_settings": st.fixed_dictionaries({}, optional={"master_key": SECRETS, "completion_model": WORDS}),
    "environment_variables": st.dictionaries(WORDS, SECRETS, max_size=2),
    "whatever": ANYTHING,
}
GOOD = {"model_name": "good", "litellm_params": {"model": "openai/gpt-4o", "api_key": "os.environ/GOOD"}}
LITELLM = st.fixed_dictionaries(
    {"model_list": st.lists(MODEL, max_size=4).map(lambda models: [GOOD, *models])}, optional=SECTIONS
)

QUERY = st.recursive(
    st.dictionaries(
        st.sampled_from(["metadata.plan", "metadata.team", "params.model", "params.max_tokens", "url.pathname", "odd"]),
        st.one_of(
            WORDS,
            LEAF,
            st.dictionaries(st.sampled_from(["$eq", "$ne", "$in", "$nin", "$gt", "$regex", "$odd"]),
                            WORDS | LEAF | st.lists(WORDS, max_size=2), max_size=2),
        ),
        max_size=2,
    ),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"$and": st.lists(inner, max_size=2), "$or": st.lists(inner, max_size=2)}
    ),
    max_leaves=3,
)  # fmt: skip
TARGET = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", "c"]),
        "provider": st.sampled_from(["openai", "anthropic", "@groq-x/llama", "azure-openai", "odd"]) | LEAF,
        "virtual_key": WORDS,
        "api_key": SECRETS | st.just("{{KEY}}"),
        "weight": LEAF,
        "custom_host": st.sampled_from(["https://a.example/v1", "https://h/v1?key=sk-planted-inurl2"]) | LEAF,
        "override_params": st.dictionaries(
            st.sampled_from(["model", "temperature", "max_tokens", "stop", "x", "password"]), LEAF, max_size=3
        ),
        "retry": ANYTHING,
        "cache": st.dictionaries(st.sampled_from(["mode", "max_age"]), LEAF | st.just("semantic"), max_size=2) | LEAF,
        "request_timeout": LEAF,
        "output_guardrails": ANYTHING,
        "unheard_of": ANYTHING,
    },
)
STRATEGY = st.fixed_dictionaries(
    {"mode": st.sampled_from(["single", "fallback", "loadbalance", "conditional", "odd"])},
    optional={
        "on_status_codes": st.just([429]),
        "default": st.sampled_from(["a", "b", "z"]),
        "conditions": st.lists(
            st.fixed_dictionaries({}, optional={"query": QUERY, "then": st.sampled_from(["a", "b", "z"])}), max_size=3
        ),
    },
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    group = st.fixed_dictionaries({"strategy": STRATEGY, "targets": st.lists(inner, max_size=3)})
    return st.tuples(group, TARGET).map(lambda pair: {**pair[1], **pair[0]})


PORTKEY = nested(st.recursive(TARGET, nested, max_leaves=4))


def check(config: dict[str, Any]) -> None:
    try:
        made = imported("config.json", json.dumps(config).encode(), on_day=DAY)
    except InvalidRequest as error:
        told = error.message
    else:
        told = said(made)
        entirely(made)
    assert "planted" not in told.lower()


def entirely(made: Imported) -> None:
    assert unaccounted(made) == []
    for path, places in made.account.translated.items():
        for place in places:
            assert stands(made, place), f"{path} is said to have become {place}"
    with tempfile.TemporaryDirectory() as folder:
        loaded(made, Path(folder))


@settings(deadline=None, max_examples=60)
@given(LITELLM)
def test_any_litellm_config_is_accounted_for_keeps_its_secrets_and_loads(config: dict[str, Any]) -> None:
    check(config)


@settings(deadline=None, max_examples=60)
@given(PORTKEY)
def test_any_portkey_config_is_accounted_for_keeps_its_secrets_and_loads(config: dict[str, Any]) -> None:
    check(config)
