"""What one worker saw of one target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.tally import HALF_LIFE_S, Tally


def test_calls_of_the_last_seconds_count_and_older_ones_fade() -> None:
    tally = Tally()
    for _ in range(8):
        tally.answered(100.0, 50.0, None)
    tally.failed(100.0)
    assert tally.counts(100.0) == (9.0, 1.0)
    assert tally.counts(100.0 + HALF_LIFE_S) == (4.5, 0.5)


def test_a_streak_ends_with_an_answer() -> None:
    tally = Tally()
    for _ in range(3):
        tally.failed(1.0)
    assert tally.streak == 3
    tally.answered(2.0, 10.0, None)
    assert (tally.streak, tally.well_at, tally.heard_at) == (0, 2.0, 2.0)
    tally.failed(3.0)
    assert (tally.streak, tally.well_at, tally.heard_at) == (1, 2.0, 3.0)


@given(st.lists(st.floats(1, 10_000), min_size=1, max_size=40))
def test_a_mean_lies_between_what_was_measured(latencies: list[float]) -> None:
    tally = Tally()
    for latency in latencies:
        tally.answered(1.0, latency, latency / 2)
    assert tally.latency_ms is not None
    assert min(latencies) - 1e-6 <= tally.latency_ms <= max(latencies) + 1e-6
    assert tally.first_token_ms == pytest.approx(tally.latency_ms / 2)
