"""What a call cost, and what it may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Usage
from pipeline.policy.models import Price, PriceCeiling, Route, TierSpec
from pipeline.policy.pricing import (
    above_ceiling,
    cost_usd,
    estimated_tokens,
    is_free,
    too_dear,
    worst_cost,
)


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


def test_free_is_what_charges_for_nothing() -> None:
    free = Price(input=0, output=0, source="ours", as_of="2026-01-31")
    assert is_free(free)
    assert not is_free(free.model_copy(update={"audio_output": 1.0}))
    assert not is_free(None), "an unknown price is not a low one"


def route(ceiling: PriceCeiling | None = None, per_token: float | None = None) -> Route:
    tiers = (TierSpec(variants={"near": 1.0}),)
    return Route(name="chat", tiers=tiers, max_price=ceiling, max_cost_per_token=per_token)


def test_a_ceiling_holds_for_the_side_it_names() -> None:
    assert above_ceiling(price(), None, None, "the caller") is None
    assert above_ceiling(price(), 2.0, 8.0, "the caller") is None
    assert above_ceiling(price(), None, 7.5, "the caller") == (
        "8 USD for a million output tokens is above the ceiling of 7.5 that the caller sets"
    )
    assert above_ceiling(price(), 0.0, None, "the caller") == (
        "2 USD for a million input tokens is above the ceiling of 0 that the caller sets"
    )


def test_what_nobody_knows_the_price_of_is_above_every_ceiling_and_under_none() -> None:
    assert above_ceiling(None, 1e9, None, "the caller") == "its price is unknown, and the caller has a ceiling"
    assert above_ceiling(None, None, None, "the caller") is None
    assert too_dear(route(), None) is None
    assert too_dear(route(PriceCeiling()), None) is None
    assert too_dear(route(per_token=1.0), None) == "its price is unknown, and the route has a ceiling"


def test_both_ceilings_of_a_route_count() -> None:
    assert too_dear(route(PriceCeiling(input=2.0), 0.000008), price()) is None
    assert too_dear(route(PriceCeiling(input=1.0), 0.000008), price()) is not None
    assert too_dear(route(PriceCeiling(input=2.0), 0.000007), price()) is not None


@given(st.integers(1, 10**6))
def test_the_price_for_one_token_is_the_price_for_a_million_of_them(tenths: int) -> None:
    """0.0000001 times a million is 0.09999999999999999; a target at 0.1 is at that ceiling all the same."""
    asked = tenths / 10
    known = Price(input=asked, output=asked, source="a list", as_of="2026-01-31")
    assert too_dear(route(per_token=float(f"{asked!r}e-6")), known) is None
    assert too_dear(route(per_token=float(f"{asked!r}e-6") * 0.999), known) is not None
