"""What a call cost."""

import pytest

from pipeline.adapters.models.pricing import cost_usd
from pipeline.contracts import Usage
from pipeline.policy.models import Price


def price(**others: float) -> Price:
    return Price(input=2.0, output=8.0, source="a list", as_of="2026-01-31", **others)


def test_prices_are_for_a_million_tokens() -> None:
    assert cost_usd(Usage(input_tokens=1_000_000, output_tokens=500_000), price()) == pytest.approx(6.0)


def test_an_unknown_price_stays_unknown() -> None:
    assert cost_usd(Usage(input_tokens=1), None) is None


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    usage = Usage(input_tokens=1000, cached_tokens=600)
    assert cost_usd(usage, price(cached_input=0.5)) == pytest.approx((400 * 2.0 + 600 * 0.5) / 1e6)
    assert cost_usd(usage, price()) == pytest.approx(1000 * 2.0 / 1e6)
    assert cost_usd(usage, price(cached_input=0.0)) == pytest.approx(400 * 2.0 / 1e6)


def test_more_cached_tokens_than_tokens_make_no_negative_cost() -> None:
    assert cost_usd(Usage(input_tokens=10, cached_tokens=50), price(cached_input=0.0)) == 0.0
