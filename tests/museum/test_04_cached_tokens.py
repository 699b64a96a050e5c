"""Museum 4: some providers count cached tokens inside the prompt, some beside it; each is charged what it charges.

The same conversation at each provider: 1,000 tokens of prompt, of which 600 came from its cache, and 50 of answer.
"""

import orjson
import pytest

from pipeline.adapters.models.answer import Collected, whole
from pipeline.adapters.models.settle import succeeded
from pipeline.contracts import Usage
from pipeline.policy.models import Price
from pipeline.ports import Completion

CALL = {"number": 1, "stage": "draft", "tier": 0, "variant": "v", "target": "t", "model": "m"}

INSIDE = {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 600}}
PROVIDERS = {
    "OpenAI": (INSIDE, "inside"),
    "vLLM": (INSIDE | {"total_tokens": 1050}, "inside"),
    "DeepSeek": (
        {
            "prompt_tokens": 1000,
            "completion_tokens": 50,
            "prompt_cache_hit_tokens": 600,
            "prompt_cache_miss_tokens": 400,
        },
        "inside",
    ),
    "Anthropic": ({"input_tokens": 400, "cache_read_input_tokens": 600, "output_tokens": 50}, "inside"),
    "Anthropic, said to count beside": (
        {"input_tokens": 400, "cache_read_input_tokens": 600, "output_tokens": 50},
        "beside",
    ),
    "a gateway with OpenAI's names and Anthropic's counting": (
        {"prompt_tokens": 400, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 600}},
        "beside",
    ),
    "Responses API": (
        {"input_tokens": 1000, "output_tokens": 50, "input_tokens_details": {"cached_tokens": 600}},
        "inside",
    ),
}


def priced(way: str) -> Price:
    return Price(
        input=3.0, output=15.0, cached_input=0.3, cache_write=3.75, cached=way, source="a list", as_of="2026-10-01"
    )


def completed(collected: Collected) -> Completion:
    return collected.completion(latency_ms=1.0, first_token_ms=None, calls=1)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_provider_s_way_of_counting_comes_to_the_same_cost(provider: str) -> None:
    reported, way = PROVIDERS[provider]
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": reported}
    made = succeeded(CALL, completed(whole(orjson.dumps(body), "m", priced(way))), priced(way))
    assert made.usage == Usage(input_tokens=1000, output_tokens=50, cached_tokens=600)
    assert made.cost_usd == pytest.approx((400 * 3.0 + 600 * 0.3 + 50 * 15.0) / 1e6)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_of_it_costs_the_same(provider: str) -> None:
    reported, way = PROVIDERS[provider]
    collected = Collected("m", priced(way))
    collected.feed(orjson.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": None}))
    collected.feed(orjson.dumps({"choices": [], "usage": reported}))
    assert succeeded(CALL, completed(collected), priced(way)).cost_usd == pytest.approx(
        (400 * 3.0 + 600 * 0.3 + 50 * 15.0) / 1e6
    )


def test_what_is_written_to_a_cache_has_its_own_price() -> None:
    reported = {"input_tokens": 100, "cache_creation_input_tokens": 900, "output_tokens": 50}
    body = {"choices": [{"message": {"content": "x"}}], "usage": reported}
    made = succeeded(CALL, completed(whole(orjson.dumps(body), "m", priced("inside"))), priced("inside"))
    assert made.cost_usd == pytest.approx((100 * 3.0 + 900 * 3.75 + 50 * 15.0) / 1e6)
