"""What a call cost, and what it may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Usage
from pipeline.policy.models import Price
from pipeline.policy.pricing import cost_usd, estimated_tokens, estimated_usage, is_free, worst_cost


def price(**others: float) -> Price:
    return Price(input=2.0, output=8.0, source="a list", as_of="2026-01-31", **others)


def test_prices_are_for_a_million_tokens() -> None:
    assert cost_usd(Usage(input_tokens=1_000_000, output_tokens=500_000), price()) == pytest.approx(6.0)


def test_an_unknown_price_stays_unknown() -> None:
    assert cost_usd(Usage(input_tokens=1), None) is None
    assert worst_cost(None, 1, 1) is None


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    usage = Usage(input_tokens=1000, cached_tokens=600)
    assert cost_usd(usage, price(cached_input=0.5)) == pytest.approx((400 * 2.0 + 600 * 0.5) / 1e6)
    assert cost_usd(usage, price()) == pytest.approx(1000 * 2.0 / 1e6)
    assert cost_usd(usage, price(cached_input=0.0)) == pytest.approx(400 * 2.0 / 1e6)


def test_more_cached_tokens_than_tokens_make_no_negative_cost() -> None:
    assert cost_usd(Usage(input_tokens=10, cached_tokens=50), price(cached_input=0.0)) == 0.0


def test_every_kind_of_token_has_its_price() -> None:
    usage = Usage(
        input_tokens=1000,
        output_tokens=500,
        cached_tokens=100,
        cache_write_tokens=200,
        audio_input_tokens=300,
        image_tokens=50,
        reasoning_tokens=400,
        audio_output_tokens=60,
    )
    dear = price(cached_input=0.2, cache_write=2.5, audio_input=40.0, image=3.0, reasoning=10.0, audio_output=80.0)
    expected = 100 * 0.2 + 200 * 2.5 + 300 * 40.0 + 50 * 3.0 + 350 * 2.0 + 400 * 10.0 + 60 * 80.0 + 40 * 8.0
    assert cost_usd(usage, dear) == pytest.approx(expected / 1e6)


def test_the_worst_is_the_dearest_kind_that_the_tokens_may_be() -> None:
    dear = price(cache_write=2.5, audio_input=40.0, image=3.0, reasoning=10.0, audio_output=80.0)
    assert worst_cost(dear, 1000, 100) == pytest.approx((1000 * 2.5 + 100 * 10.0) / 1e6)
    assert worst_cost(dear, 1000, 100, ("audio",)) == pytest.approx((1000 * 40.0 + 100 * 80.0) / 1e6)
    assert worst_cost(dear, 1000, 100, ("image",)) == pytest.approx((1000 * 3.0 + 100 * 10.0) / 1e6)


MILLION = st.integers(0, 10**6)


@given(MILLION, MILLION, MILLION, MILLION, MILLION)
def test_no_call_costs_more_than_its_worst(asked: int, answered: int, cached: int, written: int, thought: int) -> None:
    dear = price(cached_input=0.2, cache_write=2.5, reasoning=10.0)
    usage = Usage(
        input_tokens=asked,
        output_tokens=answered,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
    )
    cost, worst = cost_usd(usage, dear), worst_cost(dear, asked, answered)
    assert cost is not None
    assert worst is not None
    assert 0.0 <= cost <= worst * (1 + 1e-12)


def test_an_estimate_is_rounded_up() -> None:
    assert [estimated_tokens(count) for count in (-1, 0, 1, 4, 5)] == [0, 0, 1, 1, 2]
    assert estimated_usage(30, 9) == Usage(input_tokens=30, output_tokens=3)


def test_free_is_what_charges_for_nothing() -> None:
    free = Price(input=0, output=0, source="ours", as_of="2026-01-31")
    assert is_free(free)
    assert not is_free(free.model_copy(update={"audio_output": 1.0}))
    assert not is_free(None), "an unknown price is not a low one"
