"""How often and when a call is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.retries import RetryBudget, pause_s, retry_after_s
from pipeline.errors import TargetOverloaded, TargetRejected, TargetTimeout, TargetUnavailable
from pipeline.policy.models import Retry

RULES = Retry(tries=3, share=0.1, base=0.2, cap=5.0)


@given(st.integers(1, 12), st.floats(0, 1, exclude_max=True), st.integers(1, 10))
def test_pauses_stay_below_the_doubled_base_and_the_cap(tries: int, draw: float, allowed: int) -> None:
    rules = Retry(tries=allowed, base=0.2, cap=5.0)
    pause = pause_s(TargetUnavailable("x"), tries, rules, draw)
    if tries >= allowed:
        assert pause is None
    else:
        assert pause is not None
        assert 0.0 <= pause <= min(5.0, 0.2 * 2 ** (tries - 1))


def test_what_the_endpoint_refused_is_not_tried_again() -> None:
    assert pause_s(TargetRejected("x"), 1, RULES, 0.5) is None


def test_an_overloaded_endpoint_that_names_no_time_is_tried_again_with_backoff() -> None:
    assert pause_s(TargetOverloaded("x"), 1, RULES, 0.5) == pytest.approx(0.1)


def test_a_retry_after_is_a_lower_bound() -> None:
    for draw in (0.0, 0.9):
        pause = pause_s(TargetOverloaded("x", retry_after_s=2.0), 1, RULES, draw)
        assert pause is not None
        assert 2.0 <= pause <= 2.2


def test_a_retry_after_beyond_the_cap_is_not_waited_for() -> None:
    assert pause_s(TargetUnavailable("x", retry_after_s=5.1), 1, RULES, 0.5) is None


def test_timeouts_are_retryable_in_principle() -> None:
    assert pause_s(TargetTimeout("x"), 1, RULES, 0.5) is not None


@given(st.lists(st.booleans(), max_size=400), st.floats(0.0, 1.0))
def test_retries_stay_within_their_share_of_the_calls_and_ten(wishes: list[bool], share: float) -> None:
    budget, spent = RetryBudget(), 0
    for wish in wishes:
        budget.earn(share)
        spent += wish and budget.spend()
    assert spent <= 10 + share * len(wishes) + 1e-6


def test_a_storm_of_failures_is_held_to_the_share() -> None:
    budget = RetryBudget()
    spent = 0
    for _ in range(10_000):
        budget.earn(0.1)
        spent += budget.spend()
    assert 1_000 <= spent <= 1_011


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("9" * 400, 3600.0),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=10.0) == seconds
