"""Who is let in when more is asked than can be served, when the others come back, and who stands in front."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.admission import has_room, pause_s, row_for, water_level
from pipeline.admission.fairness import BRIM, IN_FRONT, PAUSE_LEAST_S, PAUSE_MOST_S

TENANTS = st.sampled_from(list("abcdefgh"))
HELD = st.dictionaries(TENANTS, st.integers(min_value=0, max_value=10_000).map(float), max_size=8)
WEIGHTS = st.dictionaries(TENANTS, st.sampled_from([0.1, 0.5, 2.0, 10.0]), max_size=8)
LIMITS = st.integers(min_value=1, max_value=20_000)
COUNTS = st.integers(min_value=0, max_value=20_000).map(float)
RATES = st.none() | st.floats(min_value=0, max_value=10_000)


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
    total, weight = sum(held.values()), weights.get(tenant, 1.0)
    everybody = {*held, tenant}
    fair = limit * weight / sum(weights.get(other, 1.0) for other in everybody)
    own, level = held.get(tenant, 0.0), water_level(held, weights, limit)
    assert has_room(own, level * weight, total, limit) or own >= fair * 0.999 or total >= limit * BRIM


@given(HELD, WEIGHTS, LIMITS)
def test_somebody_is_kept_back_once_the_limit_is_reached(
    held: dict[str, float], weights: dict[str, float], limit: int
) -> None:
    total, level = sum(held.values()), water_level(held, weights, limit)
    let_in = [has_room(held[one], level * weights.get(one, 1.0), total, limit) for one in held]
    assert (not all(let_in)) == (total >= limit)


def test_below_the_limit_one_tenant_may_have_it_all() -> None:
    assert has_room(99, water_level({"a": 99.0}, {}, 100), 99, 100)


def test_weights_widen_the_share() -> None:
    held = {"a": 80.0, "b": 30.0}
    level = water_level(held, {"b": 3.0}, 100)
    assert not has_room(80, level, 110, 100)
    assert has_room(30, level * 3.0, 110, 100)


@pytest.mark.parametrize("weight", [0.001, 1.0, 1000.0])
def test_beyond_the_brim_nobody_is_let_in(weight: float) -> None:
    assert not has_room(0, 50.0 * weight, 200, 100)


@given(COUNTS, COUNTS, COUNTS, LIMITS, COUNTS, RATES)
def test_whatever_is_held_the_pause_is_one_to_thirty_seconds(
    own: float, allowed: float, total: float, limit: int, told: float, rate: float | None
) -> None:
    if total >= limit:
        assert PAUSE_LEAST_S <= pause_s(own, allowed, total, limit, told, rate) <= PAUSE_MOST_S


def test_those_kept_back_come_again_one_after_the_other_as_fast_as_they_are_served() -> None:
    """1,000 of one tenant that has it all, 200 a second: the last one is told to come in five seconds."""
    pauses = [pause_s(4000, 4000, 4000, 4000, told, 200.0) for told in range(1000)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(5.0)
    assert {round(later - earlier, 6) for earlier, later in pairwise(pauses) if earlier > PAUSE_LEAST_S} == {0.005}


def test_who_has_half_of_the_lane_comes_back_at_half_of_the_rate() -> None:
    alone, beside = (pause_s(part, part, 4000, 4000, 1000, 200.0) for part in (4000, 2000))
    assert beside == pytest.approx(2 * alone)


@given(TENANTS, st.integers(min_value=0, max_value=10_000), st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0]))
def test_the_first_few_stand_in_front_and_further_ones_behind(tenant: str, own: int, weight: float) -> None:
    row = row_for(tenant, own, weight, rows=4)
    assert (row == 0) == (own < max(1, IN_FRONT * weight))
    assert 0 <= row <= 4


def test_a_tenant_has_one_row_behind_and_one_of_weight_two_has_two() -> None:
    assert len({row_for("shop", own, 1.0, 4) for own in range(100, 200)}) == 1
    assert len({row_for("shop", own, 2.0, 4) for own in range(100, 200)}) == 2
    assert {row_for("shop", own, 99.0, 4) for own in range(1000, 1100)} == {1, 2, 3, 4}


def test_where_there_are_no_rows_everything_stands_in_front() -> None:
    assert row_for("shop", 5000, 1.0, 0) == 0
