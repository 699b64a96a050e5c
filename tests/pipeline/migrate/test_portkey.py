"""What a Portkey config means is what the policy says."""

import json
from pathlib import Path

import pytest
from migration import from_text, loaded, translated

from pipeline.migrate.account import Account
from pipeline.migrate.portkey_conditions import Untranslatable, condition
from pipeline.migrate.reading import Source
from pipeline.policy.conditions import compile_condition, known
from pipeline.policy.facts import facts_of_example
from pipeline.policy.models import Given


def holds(query: object, **metadata: str) -> bool | None:
    """What a request of this metadata is answered by the condition."""
    text, _ = condition(Account(Source("config", query)).root())  # type: ignore[arg-type]
    compiled = compile_condition(text, targets=False)
    facts = facts_of_example(Given(metadata=metadata))
    return compiled.ask(known(facts.some(compiled.names), targets=False))


def test_one_target_answers_everybody(tmp_path: Path) -> None:
    policy = loaded(translated("portkey_single.json"), tmp_path)
    (route,) = policy.routes
    assert (route.spec.name, route.spec.match) == ("main", "true")
    assert policy.variants["openai"].parameters.stop == ("END",)
    assert policy.targets["openai"].model == "gpt-4o-mini"
    assert policy.limits.retry.tries == 3
    assert (route.spec.cache.enabled, route.spec.cache.ttl) == (True, 600)


def test_a_chain_of_targets_becomes_fallbacks_in_their_order(tmp_path: Path) -> None:
    policy = loaded(translated("portkey_fallback.json"), tmp_path)
    (tier,) = policy.routes[0].spec.tiers
    assert tier.variants == {"openai-main": 1}
    assert tier.fallbacks == ("azure-openai", "groq-prod", "openai")
    assert policy.targets["azure-openai"].endpoint == "https://contoso-eu.openai.azure.com/openai/v1"
    assert policy.targets["azure-openai"].model == "gpt-4o-eu"
    assert policy.targets["groq-prod"].model == "llama-3.3-70b"
    assert policy.targets["openai"].provider == "llm-corp-example"
    assert {target.timeouts.total for target in policy.targets.values()} == {15}


def test_conditions_become_routes_in_their_order(tmp_path: Path) -> None:
    policy = loaded(translated("portkey_conditional.json"), tmp_path)

    def route(**metadata: str) -> str | None:
        choice = policy.route_for(facts_of_example(Given(metadata=metadata)))
        return None if choice.route is None else next(iter(choice.route.spec.tiers[0].variants))

    assert route(plan="paid", region="eu") == "best"
    assert route(plan="paid", region="us") == "cheap"
    assert route(plan="trial") in ("openai-a", "openai-b")
    assert route(seats="51") in ("openai-a", "openai-b")
    assert route(seats="many") == "cheap"
    assert route() == "cheap"
    spread = policy.route("spread")
    assert spread is not None
    assert spread.spec.tiers[0].variants == {"openai-a": 0.75, "openai-b": 0.25}
    assert policy.route("fastest") is not None
    assert policy.route("gpt-3-5-turbo") is not None


def test_a_condition_that_cannot_be_translated_takes_nobody_and_is_listed() -> None:
    made = translated("portkey_conditional.json")
    left = {one.path: one for one in made.told if one.kind == "left"}
    assert {"strategy.conditions[4].query", "strategy.conditions[5].query", "targets[3]", "input_guardrails"} == set(
        left
    )
    assert [part.spec["match"] for part in made.draft.routes][5:7] == ["false", "false"]


def test_a_target_that_several_conditions_name_is_made_once() -> None:
    made = translated("portkey_conditional.json")
    assert sorted(made.draft.targets) == ["best", "cheap", "openai-a", "openai-b"]


def test_conditions_under_conditions_need_both_and_under_an_untranslatable_one_nobody_gets_there() -> None:
    inner = {
        "name": "inner",
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.b": "1"}, "then": "x"}]},
        "targets": [{"name": "x", "provider": "openai", "override_params": {"model": "m"}}],
    }

    def matches(query: object) -> list[object]:
        strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "inner"}]}
        return [
            part.spec["match"]
            for part in from_text(json.dumps({"strategy": strategy, "targets": [inner]})).draft.routes
        ]

    (both,) = matches({"metadata.a": "1"})
    assert 'req.metadata["a"]' in str(both)
    assert 'req.metadata["b"]' in str(both)
    assert matches({"params.top_p": 1}) == ["false"]


BOTH = {"$and": [{"metadata.a": "1"}, {"$or": [{"metadata.b": "1"}, {"metadata.c": "2"}]}]}


@pytest.mark.parametrize(
    ("query", "metadata", "answer"),
    [
        ({"metadata.a": "1"}, {"a": "1"}, True),
        ({"metadata.a": "1"}, {}, False),
        ({"metadata.a": {"$ne": "1"}}, {}, True),
        ({"metadata.a": {"$ne": "1"}}, {"a": "1"}, False),
        ({"metadata.a": {"$nin": ["1", "2"]}}, {"a": "2"}, False),
        ({"metadata.a": {"$nin": ["1", "2"]}}, {}, True),
        ({"metadata.a": {"$gte": 3, "$lt": "5"}}, {"a": "4.5"}, True),
        ({"metadata.a": {"$gte": 3, "$lt": "5"}}, {"a": "5"}, False),
        ({"metadata.a": {"$regex": "b+"}}, {"a": "abbc"}, True),
        ({"metadata.a": {"$regex": "^b"}}, {"a": "ab"}, False),
        ({"$or": [{"metadata.a": "1"}, {"metadata.b": "1"}]}, {"b": "1"}, True),
        (BOTH, {"a": "1", "c": "2"}, True),
        (BOTH, {"c": "2"}, False),
        ({"metadata.a": 'say "\\no"'}, {"a": 'say "\\no"'}, True),
    ],
)  # fmt: skip
def test_a_condition_answers_as_it_did(query: object, metadata: dict[str, str], answer: bool) -> None:
    assert holds(query, **metadata) is answer


@pytest.mark.parametrize(
    "query",
    [
        {},
        [],
        "a",
        {"metadata.a": {}},
        {"metadata.a": True},
        {"metadata.a": {"$length": 3}},
        {"metadata.a": {"$gt": "many"}},
        {"metadata.a": {"$in": "x"}},
        {"metadata.a": {"$regex": "a(?=b)"}},
        {"metadata.a": {"$regex": "(a)\\1"}},
        {"metadata.a b": "1"},
        {"params.top_p": 1},
        {"url.pathname": "/v1/embeddings"},
        {"$and": []},
        {"$or": "x"},
        {"metadata.a": "\x00"},
    ],
)
def test_what_is_no_fact_here_is_said_to_be_none(query: object) -> None:
    with pytest.raises(Untranslatable):
        holds(query)


def test_a_bound_on_the_tokens_of_an_answer_is_a_fact() -> None:
    text, keys = condition(Account(Source("config", {"params.max_tokens": {"$gt": 500}})).root())
    assert text == "req.max_tokens != null && req.max_tokens > 500"
    assert keys == ()


def test_shares_of_what_takes_over_become_an_order_and_each_is_told() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"name": "first", "provider": "openai", "override_params": {"model": "m"}},
            {
                "strategy": {"mode": "loadbalance"},
                "targets": [
                    {"name": "light", "provider": "openai", "weight": 0.3, "override_params": {"model": "m"}},
                    {"name": "heavy", "provider": "openai", "weight": 0.7, "override_params": {"model": "m"}},
                ],
            },
        ],
    }
    made = from_text(json.dumps(config))
    tiers = made.draft.routes[0].spec["tiers"]
    assert isinstance(tiers, list)
    assert tiers[0]["fallbacks"] == ["heavy", "light"]
    changed = {one.path for one in made.told if one.kind == "changed"}
    assert changed >= {
        "targets[1].strategy.mode",
        "targets[1].targets[0].weight",
        "targets[1].targets[1].weight",
    }
    config["targets"].reverse()  # type: ignore[attr-defined]
    made = from_text(json.dumps(config))
    assert not [one for one in made.told if one.path.endswith(("mode", "weight"))]


def test_two_conditions_on_one_model_tell_the_name_that_each_route_has() -> None:
    conditions = [{"query": {"params.model": "fast"}, "then": "x"}] * 2
    target = {"name": "x", "provider": "openai", "override_params": {"model": "m"}}
    config = {"strategy": {"mode": "conditional", "conditions": conditions}, "targets": [target]}
    (told,) = [one for one in from_text(json.dumps(config)).told if one.kind == "changed" and "query" in one.path]
    assert told.path == "strategy.conditions[1].query"
    assert told.why == "another one is called fast already: the route is called fast-2"


def test_a_weight_and_tries_out_of_range_are_called_so() -> None:
    targets = [{"provider": "openai", "override_params": {"model": "m"}, "weight": weight} for weight in (-1, 1)]
    made = from_text(json.dumps({"strategy": {"mode": "loadbalance"}, "retry": {"attempts": -3}, "targets": targets}))
    assert {one.path for one in made.told if "out of range" in one.why} == {"targets[0].weight", "retry.attempts"}
