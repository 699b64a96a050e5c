"""Who is let in when more is asked than can be served."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.admission import share_of, water_level
from pipeline.admission.fairness import BRIM, PAUSE_MOST_S

TENANTS = st.sampled_from(list("abcdefgh"))
HELD = st.dictionaries(TENANTS, st.integers(min_value=0, max_value=10_000).map(float), max_size=8)
WEIGHTS = st.dictionaries(TENANTS, st.sampled_from([0.1, 0.5, 2.0, 10.0]), max_size=8)
LIMITS = st.integers(min_value=1, max_value=20_000)


@given(HELD, WEIGHTS, LIMITS)
def test_at_the_level_the_tenants_together_hold_the_limit(
    held: dict[str, float], weights: dict[str, float], limit: int
) -> None:
    level = water_level(held, weights, limit)
    filled = sum(min(count, level * weights.get(tenant, 1.0)) for tenant, count in held.items())
    assert filled == pytest.approx(min(limit, sum(held.values())))


@given(HELD, WEIGHTS, LIMITS, TENANTS)
def test_who_holds_less_than_its_fair_part_of_the_limit_is_let_in_whatever_the_others_do(
    held: dict[str, float], weights: dict[str, float], limit: int, tenant: str
) -> None:
    """Up to the brim, that is twice the limit."""
    total = sum(held.values())
    everybody = {*held, tenant}
    fair = limit * weights.get(tenant, 1.0) / sum(weights.get(other, 1.0) for other in everybody)
    own, level = held.get(tenant, 0.0), water_level(held, weights, limit)
    pause = share_of(own, weights.get(tenant, 1.0), level, total, limit)
    assert pause is None or own >= fair * 0.999 or total >= limit * BRIM


@given(HELD, WEIGHTS, LIMITS)
def test_somebody_is_kept_back_once_the_limit_is_reached(
    held: dict[str, float], weights: dict[str, float], limit: int
) -> None:
    total, level = sum(held.values()), water_level(held, weights, limit)
    pauses = [share_of(held[one], weights.get(one, 1.0), level, total, limit) for one in held]
    kept_back = [pause for pause in pauses if pause is not None]
    assert bool(kept_back) == (total >= limit)
    assert all(1.0 <= pause <= PAUSE_MOST_S for pause in kept_back)


def test_below_the_limit_one_tenant_may_have_it_all() -> None:
    assert share_of(99, 1.0, water_level({"a": 99.0}, {}, 100), 99, 100) is None


def test_weights_widen_the_share() -> None:
    held = {"a": 80.0, "b": 30.0}
    level = water_level(held, {"b": 3.0}, 100)
    assert share_of(80, 1.0, level, 110, 100) is not None
    assert share_of(30, 3.0, level, 110, 100) is None


@pytest.mark.parametrize("weight", [0.001, 1.0, 1000.0])
def test_beyond_the_brim_nobody_is_let_in(weight: float) -> None:
    assert share_of(0, weight, 50.0, 200, 100) is not None
