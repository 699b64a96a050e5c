"""Amounts of money for people."""

import pytest

from pipeline.cli.money_text import bar, usd


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        (0.0, "0"),
        (1e-15, "0"),
        (1234.567, "1,234.57"),
        (-2.5, "-2.50"),
        (0.5, "0.5"),
        (0.012345, "0.0123"),
        (-0.000001234, "-0.00000123"),
    ],
)
def test_an_amount_says_what_it_is_and_no_more(amount: float | None, shown: str) -> None:
    assert usd(amount) == shown


def test_a_bar_is_as_long_as_its_share() -> None:
    assert [bar(share, 4) for share in (-1.0, 0.0, 0.5, 1.0, 7.0)] == ["", "", "██", "████", "████"]
    assert bar(0.125, 4) == "▌"
